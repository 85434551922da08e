"""Gaps by networks that have not seen the sample: cache → K checkpoints and one table of gaps.

The training split goes into K folds. A network is warmed up (stage ②) without each of them, and
measures it (stage ③). Held-out gaps, as cross-fitting in statistics: what a network knows by heart
tells nothing of a modality's worth.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from avgap import artifact, console
from avgap.artifact.checkpoint import read_checkpoint, rebuild
from avgap.artifact.gaps import Collected, Gaps, of_folds
from avgap.data.folds import assign_folds
from avgap.data.loading.resident import Splits
from avgap.errors import OutputError, UsageError, unknown
from avgap.settings import Crossfit, Network, Running, Training
from avgap.training import distributed
from avgap.training.device import set_numerics, to_device
from avgap.training.distributed import from_first
from avgap.training.lanes import in_lanes
from avgap.training.measure import GapPass, measure
from avgap.training.run import Plan, Trained, folder_of, open_splits, plan_from_scratch, run
from avgap.warmup import LOSSES

_DEFAULT = Running()


@dataclass(frozen=True)
class Trainings:
    """K warm-ups, by plain values alone: what each process that trains some of them is told."""

    cache: Path
    output: Path
    settings: Crossfit
    loss: str
    network: Network
    training: Training
    running: Running = _DEFAULT
    force: bool = False

    @property
    def numbers(self) -> range:
        """The folds, from 1."""
        return range(1, self.settings.folds + 1)

    @property
    def gaps(self) -> Path:
        """The table of gaps."""
        return self.output / "gaps.h5"

    def name(self, fold: int) -> str:
        """A fold for people."""
        return f"fold {fold} of {self.settings.folds}"

    def folder(self, fold: int) -> Path:
        """The training folder of the network without a fold."""
        return self.output / f"fold-{fold}"

    def checkpoint(self, fold: int) -> Path:
        """The last checkpoint of the network without a fold."""
        return self.folder(fold) / "checkpoint.pt"


@dataclass(frozen=True)
class Crossfitted:
    """The outcome of a whole crossfit: the table, and the checkpoints in the order of the folds."""

    gaps: Collected
    checkpoints: list[Path]

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {**self.gaps.as_dict(), "checkpoints": list(map(str, self.checkpoints))}


@dataclass(frozen=True)
class FoldTrained:
    """The outcome of one fold: its training, and the folds that are not done yet."""

    trained: Trained
    fold: int
    left: list[int]

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {**self.trained.as_dict(), "fold": self.fold, "left": self.left}


def crossfit(asked: Trainings, *, logits: bool = False) -> Crossfitted:
    """Train what is not trained yet, and gather the gaps of all training samples.

    The same call again continues or confirms, fold by fold. Raises UsageError, InputError: folds
    that cannot be made of this cache, and what warmup and gaps raise; OutputError.
    """
    folds = _opened(asked)
    # All are asked first: what cannot go on is told before anything is trained.
    left = [fold for fold in asked.numbers if not folds.is_done(fold)]
    folds.expect_place(logits)
    if asked.settings.jobs > 1 and len(left) > 1:
        tasks = {asked.name(fold): fold for fold in left}
        make = partial(_trainer, asked, folds.id, folds.number)
        in_lanes(make, tasks, asked.settings.jobs, asked.running.device)
        left = []
    digests = []
    for fold in asked.numbers:
        if fold in left:
            console.notice(asked.name(fold))
        digests.append(folds.train(fold).checkpoint.stamp.digest)
    table = folds.gather(digests, logits)
    return Crossfitted(table, [asked.checkpoint(fold) for fold in asked.numbers])


def crossfit_fold(asked: Trainings, fold: int) -> FoldTrained:
    """Train the network without one fold alone: a task of an array. Raises as `crossfit`."""
    if fold not in asked.numbers:
        raise UsageError(f"there is no fold {fold}", [f"folds: 1 to {asked.settings.folds}"])
    console.notice(asked.name(fold))
    folds = _opened(replace(asked, settings=replace(asked.settings, jobs=1)))
    trained = folds.train(fold)
    return FoldTrained(trained, fold, [n for n in asked.numbers if not folds.stands(n)])


def _trainer(
    asked: Trainings, id: list[str], number: NDArray[np.int64], device: str
) -> Callable[[int], Trained]:
    """What trains one fold after another on a device, in one of several processes."""
    asked = replace(asked, running=replace(asked.running, device=device))
    return _Folds(asked, open_splits(asked.cache, asked.running), id, number).train


def _opened(asked: Trainings) -> _Folds:
    splits = open_splits(asked.cache, asked.running)
    if asked.settings.jobs > 1 and distributed.size() > 1:
        raise UsageError("--jobs starts processes of its own", (), "torchrun without --jobs")
    train = splits.cache.split("train", range(0))  # the checks
    labels = splits.cache.labels(train.name)
    column = asked.settings.by
    if column is not None and column not in train.meta:
        raise unknown("column", column, train.meta)
    group = None if column is None else splits.cache.meta(train.name)[column]
    id, label = list(labels), np.array(list(labels.values()), np.int64)
    seed, classes = asked.training.seed, splits.cache.classes
    return _Folds(
        asked, splits, id, assign_folds(id, label, asked.settings.folds, seed, group, classes)
    )


@dataclass(frozen=True)
class _Folds:
    """The trainings on an opened cache. id, number: of its N training samples, number the fold."""

    asked: Trainings
    splits: Splits
    id: list[str]
    number: NDArray[np.int64]

    def plan(self, fold: int) -> Plan:
        """The warm-up without a fold.

        The ids held out belong to the question: another seed, or another way to make folds, is
        another training.
        """
        asked = self.asked
        held_out = sorted(self.id[row] for row in np.flatnonzero(self.number == fold))
        chosen = {
            "loss": asked.loss,
            "folds": asked.settings.folds,
            "fold": fold,
            "by": asked.settings.by,
            "held_out": artifact.digest("fold", held_out),
        }
        plan = plan_from_scratch(
            self.splits.cache,
            self.splits.device,
            "warmup",
            LOSSES[asked.loss],
            chosen,
            asked.network,
            asked.training,
        )
        return replace(plan, rows=torch.from_numpy(np.flatnonzero(self.number != fold)))

    def is_done(self, fold: int) -> bool:
        """Whether a fold is trained. Raises OutputError where another training is in its place."""
        folder = folder_of(self.plan(fold), self.asked.folder(fold), self.splits.device)
        return from_first(lambda: folder.is_done(force=self.asked.force))

    def stands(self, fold: int) -> bool:
        """As `is_done`; another training in its place counts, and is refused where it is used."""
        try:
            return self.is_done(fold)
        except OutputError:
            return True

    def train(self, fold: int) -> Trained:
        """Train, continue or confirm the network without a fold."""
        return run(
            lambda cache, device: self.plan(fold),
            self.asked.cache,
            self.asked.folder(fold),
            self.asked.running,
            force=self.asked.force,
            splits=self.splits,
        )

    def gather(self, digests: Sequence[str], logits: bool) -> Collected:
        """Measure every sample by the network that has not seen it, and write the table."""
        pass_ = self._pass(digests, logits)
        stale = from_first(lambda: self._is_stale(pass_))
        force = self.asked.force or stale
        there = pass_.output(self.asked.gaps).reuse(force=force)
        if there is not None:
            return Collected.of(there, self.asked.gaps)
        started = time.monotonic()
        # As `gaps` measures, whatever training rounded to.
        set_numerics(tf32=False, deterministic=self.asked.running.deterministic)
        table = of_folds(self._measured(pass_), self.number)
        written = pass_.output(self.asked.gaps).write(
            table, started, self.splits.device, force=force
        )
        return Collected.of(written, self.asked.gaps)

    def _is_stale(self, pass_: GapPass) -> bool:
        """Whether the table there is of these folds, before they were trained for more epochs."""
        path = self.asked.gaps
        if not path.exists():
            return False
        there, question = artifact.read_stamp(path).question, pass_.output(path).question
        return there != question and not artifact.compare(
            there._replace(inputs=question.inputs), question
        )

    def _measured(self, pass_: GapPass) -> Iterator[Gaps]:
        """All samples by each network in turn.

        The whole split: a convolution's last bits depend on the batch, and so they are those of
        `gaps`.
        """
        data = self.splits["train"]
        for fold in self.asked.numbers:
            path = self.asked.checkpoint(fold)
            checkpoint = from_first(lambda path=path: read_checkpoint(path))  # type: ignore[misc]
            model = to_device(rebuild(checkpoint, path), self.splits.device)
            yield measure(model, data, checkpoint.description.image_size, pass_)

    def _pass(self, digests: Sequence[str], logits: bool) -> GapPass:
        cache = self.splits.cache
        names = [f"checkpoint_{fold}" for fold in self.asked.numbers]
        places = map(self.asked.checkpoint, self.asked.numbers)
        return GapPass(
            {"cache": cache.stamp.digest, **dict(zip(names, digests, strict=True))},
            {"cache": cache.path, **dict(zip(names, places, strict=True))},
            logits=logits,
            besides={"folds": self.asked.settings.folds, "by": self.asked.settings.by},
        )

    def expect_place(self, logits: bool) -> None:
        """Raise OutputError where a file that avgap has not written is in the table's place."""
        path = self.asked.gaps
        if path.exists():
            question = self._pass([""] * self.asked.settings.folds, logits).output(path).question
            from_first(lambda: artifact.reuse(path, question, force=True))
