"""Every whole run under some folders: its settings, seed, metrics, predictions and time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from avgap.artifact.gaps import Gaps, read_gaps
from avgap.artifact.metrics import read_metrics
from avgap.errors import InputError
from avgap.report.index import CheckpointFolder, Index, Unread, walk

BEST, LAST = "best", "last"
_NO_SETTING = ("seed", "fit_seed", "log_test", "phase")
_LACKS = {"audio-only": "visual", "visual-only": "audio"}  # by method
_NOT_DONE = "not-done"  # what docs/reproduce's scripts leave in the folder of a run under way


@dataclass(frozen=True)
class ComparedRun:
    """A training with all those that led to it, measured on a split of a cache (its digest).

    chain: the trainings, it last. metrics, tables: by selection rule (best, last), where there are
    such. peers: the best fused test accuracy of any epoch, of a log with --log-test.
    """

    path: Path
    chain: list[CheckpointFolder]
    cache: str
    split: str
    metrics: dict[str, dict[str, Any]]
    tables: dict[str, Gaps]

    @property
    def seed(self) -> tuple[int, ...]:
        """The seeds of all trainings; one where they are equal."""
        seeds = [int(training.parameters.get("seed", 0)) for training in self.chain]
        return tuple(seeds[:1] if len(set(seeds)) == 1 else seeds)

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting but the seeds; those of a warm-up before adaptation as warmup.NAME.

        start: the phase that the last training started from, or unknown; absent from scratch.
        """
        found: dict[str, Any] = {}
        if self.headless:
            found["start"] = "unknown"
        elif len(self.chain) > 1:
            found["start"] = self.chain[-2].parameters["phase"]
        for training in self.chain:
            values = training.parameters.items()
            head = "" if training is self.chain[-1] else f"{training.parameters['phase']}."
            found |= {f"{head}{name}": v for name, v in values if name not in _NO_SETTING}
            if "posteriors" in training.last.stamp.inputs:
                found[f"{head}posteriors"] = True  # whichever they are: a seed may have its own
        return found

    @property
    def headless(self) -> bool:
        """Whether the training that the first one started from was not found."""
        return "checkpoint" in self.chain[0].last.stamp.inputs

    @property
    def method(self) -> str:
        """A baseline's name, else the phase's."""
        values = self.chain[-1].parameters
        names = {"adapt": "adaptive", "warmup": f"warm-up ({values.get('loss', 'joint')})"}
        return str(values.get("method") or names.get(values["phase"], values["phase"]))

    def metric(self, rule: str, modality: str, name: str) -> float | None:
        """A metric by a selection rule; None where that was not measured, or there is no modality.

        What `evaluate` gives of a modality that a network does not have is chance.
        """
        body = self.metrics.get(rule)
        if body is None or modality == _LACKS.get(self.method):
            return None
        return float(body["metrics"][modality][name])

    @property
    def mean_abs_gap(self) -> float | None:
        """The mean |gap|, best on validation; None where not measured, or of one modality."""
        if BEST not in self.metrics or self.method in _LACKS:
            return None
        return float(self.metrics[BEST]["gap"]["mean_abs"])

    @property
    def validation(self) -> float | None:
        """The fused validation accuracy of the epoch of best.pt; None where none is logged."""
        of = [line["val"]["fused"] for line in self.chain[-1].history if line.get("val")]
        return max(map(float, of)) if of else None

    @property
    def peers(self) -> float | None:
        """The highest fused test accuracy of an epoch of the last training, if all were logged."""
        lines = self.chain[-1].history
        trained_on = self.chain[-1].last.stamp.inputs.get("cache")
        if (
            (self.cache, self.split) != (trained_on, "test")
            or not lines
            or not all("test" in line for line in lines)
        ):
            return None
        return max(float(line["test"]["fused"]) for line in lines)

    @property
    def seconds(self) -> float:
        """Time of all trainings, as logged per epoch, s."""
        lines = (line for training in self.chain for line in training.history)
        return sum(float(line.get("seconds", 0)) for line in lines)

    @property
    def speed(self) -> float | None:
        """Samples per second over all trainings; None without time."""
        lines = [line for training in self.chain for line in training.history]
        done = sum(
            float(line.get("seconds", 0)) * line.get("samples_per_second", 0) for line in lines
        )
        return done / self.seconds if self.seconds else None


class Search(NamedTuple):
    """What lies under the folders.

    left_out: what does not count, each with the reason. notes: what else to know.
    """

    runs: list[ComparedRun]
    left_out: list[str]
    notes: list[str]


def find_runs(paths: Sequence[Path]) -> Search:
    """Every training under these folders that no other one there continues, whatever the layout.

    A training counts when it is complete and has metrics. Raises InputError: a path that is no
    folder.
    """
    wrong = [str(path) for path in paths if not path.is_dir()]
    if wrong:
        raise InputError("these are no run folders", wrong)
    places = [path.resolve() for path in paths]
    index = walk(places)
    marks = {file.parent for place in places for file in place.rglob(_NOT_DONE)}
    left_out = [_unread(file) for file in index.unread if _matters(file)]
    found: list[ComparedRun] = []
    notes: list[str] = []
    parents = [index.parent(training) for training in index.runs]
    for training in index.runs:
        if training in parents:
            continue
        why = _why_not(training, marks)
        chain = index.chain(training)
        of = [] if why else _measured(chain, index, left_out)
        if of and of[0].headless:
            before = f"{chain[0].folder}: what it started from is not among the folders"
            notes.append(f"{before}; its time and settings are not told")
        if not of:
            reason = why or "no metrics of its checkpoints (avgap evaluate)"
            left_out.append(f"{training.folder}: {reason}")
        found += of
    begun = {place for t in index.trainings for place in (t.folder, *t.folder.parents)}
    left_out += [f"{mark}: not done" for mark in sorted(marks) if mark not in begun]
    return Search(found, [_line(text) for text in left_out], [_line(text) for text in notes])


def _matters(file: Unread) -> bool:
    return not file.foreign or file.path.name == "checkpoint.pt"


def _unread(file: Unread) -> str:
    return f"{file.path} is not a checkpoint of avgap" if file.foreign else file.what


def _line(text: str) -> str:
    """A text that stays one line, whatever a folder is called."""
    return text.replace("\n", "\\n")


def _why_not(training: CheckpointFolder, marks: set[Path]) -> str:
    if not training.last.content.get("complete"):
        return "not complete"
    if marks & {training.folder, *training.folder.parents}:
        return f"marked as not done ({_NOT_DONE})"
    return ""


def _measured(
    chain: list[CheckpointFolder], index: Index, left_out: list[str]
) -> list[ComparedRun]:
    """The run once for every cache and split on which it was measured: its own cache first.

    left_out gets damaged files.
    """
    last, best = chain[-1].last, chain[-1].best
    trained_on = last.stamp.inputs.get("cache")
    metrics: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    tables: dict[tuple[str, str], dict[str, Gaps]] = {}
    for rule, checkpoint in ((BEST, best), (LAST, last)):
        for file in index.of_kind("metrics") + index.of_kind("gaps"):
            stamp = file.stamp
            if checkpoint is None or stamp.inputs.get("checkpoint") != checkpoint.stamp.digest:
                continue
            of = stamp.inputs.get("cache", ""), str(stamp.parameters.get("split"))
            try:
                if file.kind == "metrics":
                    metrics.setdefault(of, {}).setdefault(rule, read_metrics(file.path))
                elif rule not in tables.get(of, {}):
                    tables.setdefault(of, {})[rule] = read_gaps(file.path)
            except InputError as error:
                left_out += [error.what] if error.what not in left_out else []
    return [
        ComparedRun(chain[-1].folder, chain, *of, metrics[of], tables.get(of, {}))
        for of in sorted(metrics, key=lambda of: (of[0] != trained_on, of))
        if metrics[of]
    ]
