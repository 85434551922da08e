"""What warmup and adapt share: the data on the device, and the training folder with its files."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from avgap import artifact
from avgap.artifact import Question, Stamp
from avgap.checkpoint import (
    BEST,
    LAST,
    Checkpoint,
    content_digest,
    save_checkpoint,
    settle_checkpoint,
)
from avgap.data.cache import Cache
from avgap.data.resident import resident
from avgap.errors import InputError, OutputError, UsageError
from avgap.models import Description
from avgap.settings import Training
from avgap.training import Stage, Trainee


def check_fits(cache: Cache, description: Description, checkpoint: str | Path) -> None:
    """Raise InputError unless the network was built for the cache's classes and shapes."""
    visual = visual_input(cache, description.image_size)
    pairs = {
        "classes": (list(cache.classes), list(description.classes)),
        "audio (F, T)": (cache.audio_shape, description.audio_shape),
        "frames (K, S, S)": (visual, description.visual_shape),
    }
    lines = [
        f"{n}: {a} in the cache, {b} in the checkpoint" for n, (a, b) in pairs.items() if a != b
    ]
    if lines:
        raise InputError(
            f"{checkpoint} does not fit {cache.path}",
            lines,
            "the cache it was trained on, or another with the same recipes and classes",
        )


def visual_input(cache: Cache, image_size: int) -> tuple[int, ...]:
    """The network's visual input per clip: (K, S, S), small frames as they are; or (d,)."""
    if cache.kind == "embedding":
        return cache.visual_shape
    count, height = cache.visual_shape[:2]
    size = min(height, image_size)
    return count, size, size


def load_stage(cache: Cache, image_size: int, settings: Training, device: torch.device) -> Stage:
    """Read the training and validation splits onto the device, once."""
    validation = resident(cache.split("val"), device) if cache.sizes.get("val") else None
    return Stage(resident(cache.split("train"), device), validation, image_size, settings)


def augment_setting(asked: str, cache: Cache) -> str:
    """on or off. auto: as the dataset says (off where mirroring changes the meaning)."""
    if cache.kind == "embedding" and asked == "on":
        raise UsageError("embeddings cannot be cropped or mirrored", hint="--augment off")
    if asked != "auto":
        return asked
    return "on" if cache.augment else "off"


@dataclass
class Folder:
    """A training folder: checkpoint.pt, best.pt (by fused validation accuracy) and log.jsonl.

    The history lives in the checkpoint; log.jsonl is its readable copy, so that the two never
    disagree, wherever a run was killed.
    """

    path: Path
    question: Question
    description: Description
    hints: dict[str, str]
    device: str
    best: float = -1.0
    digest: str = ""  # of the last checkpoint saved or found here; empty before the first

    @property
    def checkpoint(self) -> Path:
        """The last checkpoint's path."""
        return self.path / "checkpoint.pt"

    def settle(self, *, force: bool) -> Checkpoint | None:
        """The checkpoint to continue or confirm; None to begin. Raises OutputError."""
        if self.path.exists() and not self.path.is_dir():
            raise OutputError(f"{self.path} is a file, not a training folder", hint="another -o")
        best, log = self.path / "best.pt", self.path / "log.jsonl"
        artifact.settle(best, self.question, force=force)
        there = settle_checkpoint(self.checkpoint, self.question, force=force)
        if there is None and not self.checkpoint.exists() and log.exists():
            raise OutputError(f"{log} exists without a checkpoint of avgap", (), "another -o")
        if there is None:
            for stale in filter(Path.exists, (self.checkpoint, best, log)):
                stale.unlink()
        else:
            self.best = max((_score(line) for line in there.history), default=-1.0)
            self.digest = there.stamp.digest
        return there

    def save(self, trainee: Trainee, *, complete: bool, started: float) -> None:
        """Write the state after an epoch: best.pt first, so that no kill can lose it."""
        state = trainee.model.state_dict()
        optimizer = trainee.optimizer.state_dict()
        stamp = Stamp(
            self.question.format,
            content_digest(self.description, state, optimizer, trainee.progress, trainee.state),
            dict(self.question.inputs),
            dict(self.question.parameters),
            artifact.provenance(started, self.device),
            self.hints,
        )
        checkpoint = Checkpoint(
            stamp,
            self.description,
            state,
            optimizer,
            trainee.progress,
            complete,
            LAST,
            trainee.history,
            trainee.state,
        )
        score = _score(trainee.history[-1])
        if score > self.best:
            self.best = score
            save_checkpoint(self.path / "best.pt", replace(checkpoint, selected=BEST))
        save_checkpoint(self.checkpoint, checkpoint)
        self.digest = stamp.digest
        self.write_log(trainee.history)

    def write_log(self, history: list[dict[str, object]]) -> None:
        """Write log.jsonl, one line per epoch."""
        lines = "".join(json.dumps(record) + "\n" for record in history)
        artifact.write_text(self.path / "log.jsonl", lines)


def _score(record: dict[str, object]) -> float:
    val = record["val"]
    return float(val["fused"]) if isinstance(val, dict) else -1.0
