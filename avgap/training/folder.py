"""The training folder: checkpoint.pt, best.pt and log.jsonl, written beside the training.

The history lives in the checkpoint; log.jsonl is its readable copy, so that the two never disagree,
wherever a run was killed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch.utils import _pytree

from avgap import artifact
from avgap.artifact import Question, Stamp, compare
from avgap.artifact.checkpoint import (
    BEST,
    LAST,
    Checkpoint,
    read_checkpoint,
    read_plain,
    reuse_checkpoint,
    save_checkpoint,
)
from avgap.errors import AvgapError, OutputError
from avgap.models import Description
from avgap.training import TrainState, distributed, state_of
from avgap.training.tensorboard import event_writer


@dataclass
class Folder:
    """A training folder; best.pt is by fused validation accuracy, the first of the highest.

    Checkpoints are written by a thread while the next epoch trains. Of several processes the first
    alone writes. What a new training replaces by force stays until the new one has a checkpoint.
    inputs: files that must not be replaced. grows: epochs or steps, of which more may be asked for
    than the folder has; fixed: unless its training would have gone otherwise from the start.
    """

    path: Path
    question: Question
    description: Description
    hints: dict[str, str]
    device: str
    grows: str = "epochs"
    fixed: bool = False
    inputs: tuple[Path, ...] = ()
    best: float = -1.0
    _digest: str = ""
    _behind: bool = False  # best.pt answers the question with less asked for
    _pending: Future[None] | None = None
    _writer: ThreadPoolExecutor | None = field(default=None, repr=False)
    _kept: Checkpoint | None = field(default=None, repr=False)
    _events: Callable[[dict[str, Any]], None] = lambda record: None

    @property
    def checkpoint(self) -> Path:
        """The last checkpoint's path."""
        return self.path / "checkpoint.pt"

    @property
    def log(self) -> Path:
        """The readable copy of the history."""
        return self.path / "log.jsonl"

    @property
    def digest(self) -> str:
        """Of the last checkpoint saved or found here; empty before the first."""
        self.flush()
        return self._digest

    def is_done(self, *, force: bool) -> bool:
        """Whether the question is answered, told by what is light to read. Raises OutputError."""
        asked = self._asked_of(self.checkpoint, force)
        if artifact.reuse(self.checkpoint, asked, force=force) is None:
            return False
        try:
            complete = read_plain(self.checkpoint)[1]["complete"]
        except AvgapError:  # told by reuse
            return False
        return bool(complete and asked is self.question)

    def reuse(self, *, force: bool) -> Checkpoint | None:
        """The checkpoint to continue or confirm, for all processes; None to begin.

        Raises OutputError.
        """
        there = distributed.from_first(lambda: self._reuse(force))
        if there is not None:
            self.best = max((_score(line) for line in there.history), default=-1.0)
            self._digest = there.stamp.digest
        return there

    def _reuse(self, force: bool) -> Checkpoint | None:
        artifact.expect_an_end(self.path)
        if self.path.exists() and not self.path.is_dir():
            raise OutputError(f"{self.path} is a file, not a training folder", hint="another -o")
        best = self.path / "best.pt"
        for path in (self.checkpoint, best):
            artifact.expect_no_input(path, self.inputs)
        wanted = self._asked_of(best, force)
        artifact.reuse(best, wanted, force=force)
        self._behind = wanted is not self.question
        asked = self._asked_of(self.checkpoint, force)
        there = reuse_checkpoint(self.checkpoint, asked, force=force)
        if there is not None and asked is not self.question:
            there = replace(there, complete=False)
        if there is None and not self.checkpoint.exists() and self.log.exists():
            raise OutputError(f"{self.log} exists without a checkpoint of avgap", (), "another -o")
        return there

    def _asked_of(self, path: Path, force: bool) -> Question:
        """The question of the file at path where this one asks for more of the same; else this one.

        Raises OutputError where there can be no more of it, without force.
        """
        there = _question(path)
        if there is None or not artifact.is_longer(self.question, there, self.grows):
            return self.question
        if not self.fixed:
            return there
        if force:
            return self.question
        raise OutputError(
            f"{path} cannot go on to more {self.grows}",
            ["a cosine schedule is laid out over all of them", *compare(there, self.question)],
            "another -o, or --force to begin again",
        )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """No other training writes here while this lasts.

        Raises OutputError, in all processes, where another does.
        """
        with ExitStack() as held:
            distributed.from_first(lambda: held.enter_context(artifact.alone_in(self.path)))
            yield

    @contextmanager
    def writing(self, *, events: bool = False, done: int = 0) -> Iterator[None]:
        """What is saved within has been written at the end, however that comes.

        events: TensorBoard's event files, too; done: the epochs of an earlier run. Raises
        InputError where TensorBoard is not installed.
        """
        if events and distributed.first():
            self._events = event_writer(self.path / "tensorboard", done)
        with ThreadPoolExecutor(1, "avgap-checkpoint") as self._writer:
            try:
                yield
            finally:
                self.flush()

    def flush(self) -> None:
        """Wait until what was saved is written. Raises OutputError where the disk refused."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()
        self._kept = None

    def save(self, state: TrainState, *, complete: bool, started: float) -> None:
        """Copy the state after an epoch, and have it written while training goes on."""
        if not distributed.first():
            return
        self.flush()
        if self._writer is None:
            raise RuntimeError("a training folder is saved to within `writing`")
        parts = state.model.state_dict(), state_of(state.optimizer), state.method_state
        model, optimizer, method_state = _pytree.tree_map(_copied, parts)
        if any(value.is_pinned() for value in model.values()):
            torch.cuda.current_stream().synchronize()
        provenance = artifact.provenance(started, self.device)
        last = Checkpoint(
            Stamp(self.question.format, "", dict(self.question.inputs),
                  dict(self.question.parameters), provenance, self.hints),
            self.description,
            model,
            optimizer,
            state.progress,
            complete,
            LAST,
            list(state.history),
            method_state,
        )  # fmt: skip
        # Pinned memory is given back by this thread, not by the writer amid a capture.
        self._kept = last
        self._pending = self._writer.submit(self._write, last)
        self._events(state.history[-1])

    def _write(self, last: Checkpoint) -> None:
        """best.pt first, so that no kill can lose it."""
        digest = last.content_digest()
        last = replace(last, stamp=replace(last.stamp, digest=digest))
        score, best = _score(last.history[-1]), self.path / "best.pt"
        if score > self.best:
            self.best = score
            save_checkpoint(best, replace(last, selected=BEST))
        elif len(last.history) == 1:
            best.unlink(missing_ok=True)  # of the training that is replaced
        elif self._behind:
            there = read_checkpoint(best)
            stamp = replace(there.stamp, parameters=last.stamp.parameters)
            save_checkpoint(best, replace(there, stamp=stamp))
        self._behind = False
        save_checkpoint(self.checkpoint, last)
        self._digest = digest
        self.write_log(last.history)

    def write_log(self, history: list[dict[str, Any]]) -> None:
        """Write log.jsonl, one line per epoch, unless it is there."""
        if not distributed.first():
            return
        lines, log = "".join(json.dumps(record) + "\n" for record in history), self.log
        if not log.exists() or log.read_bytes() != lines.encode():
            artifact.write_text(log, lines)


def _question(path: Path) -> Question | None:
    """The question of a file; None where there is none, or no file of ours."""
    try:
        return artifact.read_stamp(path).question if path.exists() else None
    except AvgapError:  # told by reuse
        return None


def _copied(value: Any) -> Any:
    """A copy in memory that training does not touch; of a GPU's tensor complete only later."""
    if not isinstance(value, torch.Tensor):
        return value
    value = value.detach()
    if not value.is_cuda:
        return value.clone()
    return torch.empty_like(value, device="cpu", pin_memory=True).copy_(value, non_blocking=True)


def _score(record: dict[str, Any]) -> float:
    val = record["val"]
    return float(val["fused"]) if isinstance(val, dict) else -1.0
