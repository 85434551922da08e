"""Everything of avgap's under some folders: recognised by stamp and linked by digest, not by name.

Both a run's page and a comparison of many runs begin here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from avgap import artifact
from avgap.artifact import Stamp
from avgap.errors import ForeignError, InputError

_ENDINGS = (".h5", ".json", ".csv", ".pt")


@dataclass(frozen=True)
class Found:
    """An artifact in a folder. content: the plain values of a checkpoint's keys, else empty."""

    path: Path
    stamp: Stamp
    content: dict[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """cache, gaps, gmm, checkpoint or metrics."""
        return self.stamp.format.removeprefix("avgap.")

    @property
    def fold_checkpoints(self) -> dict[int, str]:
        """Of gaps by cross-fitting: the digest of the checkpoint that measured each fold."""
        inputs = self.stamp.inputs if self.kind == "gaps" else {}
        names = (re.fullmatch(r"checkpoint_(\d+)", name) for name in inputs)
        return {int(name[1]): inputs[name[0]] for name in names if name is not None}

    @property
    def progress(self) -> dict[str, Any]:
        """How far a checkpoint's training was: phase, step (the round), epoch."""
        return dict(self.content.get("progress") or {})


class Unread(NamedTuple):
    """A file of a known ending that is no artifact: foreign, or one of ours that is damaged."""

    path: Path
    what: str
    foreign: bool


@dataclass(frozen=True)
class CheckpointFolder:
    """The checkpoints of one folder. last: the last epoch's; best: the best on validation's."""

    folder: Path
    last: Found
    best: Found | None

    @property
    def checkpoints(self) -> list[Found]:
        """Those that there are, by name."""
        both = [self.last] if self.best in (None, self.last) else [self.best, self.last]
        return sorted((c for c in both if c is not None), key=lambda found: found.path)

    @property
    def parameters(self) -> dict[str, Any]:
        """The training's settings."""
        return self.last.stamp.parameters

    @property
    def history(self) -> list[dict[str, Any]]:
        """A line an epoch, as log.jsonl has them up to the last checkpoint."""
        return list(self.last.content.get("history") or [])

    @property
    def digests(self) -> set[str]:
        """Of every checkpoint."""
        return {found.stamp.digest for found in self.checkpoints}


@dataclass(frozen=True)
class Index:
    """What lies under some folders, by path."""

    found: list[Found]
    unread: list[Unread]

    def of_kind(self, kind: str) -> list[Found]:
        """The artifacts of a kind."""
        return [found for found in self.found if found.kind == kind]

    @cached_property
    def trainings(self) -> list[CheckpointFolder]:
        """Every folder with a checkpoint."""
        by_folder: dict[Path, list[Found]] = {}
        for found in self.of_kind("checkpoint"):
            by_folder.setdefault(found.path.parent, []).append(found)
        return [_checkpoint_folder(folder, members) for folder, members in by_folder.items()]

    @cached_property
    def fold_folders(self) -> set[Path]:
        """The folders of the trainings on all folds but one, which are no runs by themselves.

        Those that a table of gaps by cross-fitting names, and those whose checkpoint says so.
        """
        folders = {t.folder.resolve() for t in self.trainings if "fold" in t.parameters}
        for found in self.of_kind("gaps"):
            digests = set(found.fold_checkpoints.values())
            folders |= {t.folder.resolve() for t in self.trainings if digests & t.digests}
            for number in found.fold_checkpoints:
                if place := found.stamp.hints.get(f"checkpoint_{number}"):
                    folders.add(artifact.real(found.path.parent / place).parent)
        return folders

    @property
    def runs(self) -> list[CheckpointFolder]:
        """The trainings that are not of a fold."""
        return [t for t in self.trainings if t.folder.resolve() not in self.fold_folders]

    def parent(self, training: CheckpointFolder) -> CheckpointFolder | None:
        """Where a training started from: by digest, and of equal ones where the hint says."""
        stamp = training.last.stamp
        digest, hint = stamp.inputs.get("checkpoint"), stamp.hints.get("checkpoint")
        fitting = [other for other in self.trainings if digest in other.digests]
        place = artifact.real(training.folder / hint).parent if hint else None
        there = (other for other in fitting if other.folder.resolve() == place)
        return next(there, fitting[0] if fitting else None)

    def chain(self, training: CheckpointFolder) -> list[CheckpointFolder]:
        """The trainings that led to one, it last."""
        chain: list[CheckpointFolder] = []
        step: CheckpointFolder | None = training
        while step is not None and step not in chain:
            chain.insert(0, step)
            step = self.parent(step)
        return chain


def walk(folders: Sequence[Path]) -> Index:
    """Look at every file of a known ending under the folders, each once however it is reached."""
    files: dict[Path, Path] = {}
    for file in sorted(file for folder in folders for file in _files(folder)):
        files.setdefault(file.resolve(), file)
    found, unread = [], []
    for file in files.values():
        try:
            found.append(_look(file))
        except InputError as error:
            unread.append(Unread(file, error.what, isinstance(error, ForeignError)))
    return Index(found, unread)


def training_order(checkpoint: Found) -> tuple[bool, int, int]:
    """How far in training a checkpoint is: adapted or not, round, epoch."""
    progress = checkpoint.progress
    adapted = progress.get("phase") == "adapt"
    return adapted, int(progress.get("step", 0)), int(progress.get("epoch", 0))


def _files(folder: Path) -> Iterator[Path]:
    return (file for file in folder.rglob("*") if file.suffix in _ENDINGS and file.is_file())


def _look(file: Path) -> Found:
    if file.suffix != ".pt":
        return Found(file, artifact.read_stamp(file))
    from avgap.artifact.checkpoint import read_plain  # torch takes long to import

    return Found(file, *read_plain(file))


def _checkpoint_folder(folder: Path, members: list[Found]) -> CheckpointFolder:
    last = [found for found in members if found.content.get("selected", "last") == "last"]
    best = next((found for found in members if found not in last), None)
    return CheckpointFolder(folder, max(last or members, key=training_order), best)
