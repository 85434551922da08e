"""Every whole training under some folders: its settings, seed, metrics, predictions and time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from avgap import artifact
from avgap.artifact import Stamp
from avgap.artifact.gaps import Gaps, read_gaps
from avgap.artifact.metrics import read_metrics
from avgap.errors import ForeignError, InputError

BEST, LAST = "best", "last"
_NO_SETTING = ("seed", "fit_seed", "log_test", "phase")
_LACKS = {"audio-only": "visual", "visual-only": "audio"}  # by method
_NOT_DONE = "not-done"  # what docs/reproduce's scripts leave in the folder of a run under way


class Stage(NamedTuple):
    """A training folder. best: the digest of best.pt, "" without one."""

    folder: Path
    stamp: Stamp
    complete: bool
    history: list[dict[str, Any]]
    best: str


@dataclass(frozen=True)
class Training:
    """A training with all stages that led to it, measured on a split of a cache (its digest).

    metrics, tables: by selection rule (best, last), where there are such. peers: the best fused
    test accuracy of any epoch, of a log with --log-test.
    """

    path: Path
    stages: list[Stage]
    cache: str
    split: str
    metrics: dict[str, dict[str, Any]]
    tables: dict[str, Gaps]

    @property
    def seed(self) -> tuple[int, ...]:
        """The seeds of all stages; one where they are equal."""
        seeds = [int(stage.stamp.parameters.get("seed", 0)) for stage in self.stages]
        return tuple(seeds[:1] if len(set(seeds)) == 1 else seeds)

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting but the seeds; those of a warm-up before adaptation as warmup.NAME.

        start: the phase that the last stage started from, or unknown; absent from scratch.
        """
        found: dict[str, Any] = {}
        if self.headless:
            found["start"] = "unknown"
        elif len(self.stages) > 1:
            found["start"] = self.stages[-2].stamp.parameters["phase"]
        for stage in self.stages:
            head = "" if stage is self.stages[-1] else f"{stage.stamp.parameters['phase']}."
            values = stage.stamp.parameters.items()
            found |= {f"{head}{name}": v for name, v in values if name not in _NO_SETTING}
        return found

    @property
    def headless(self) -> bool:
        """Whether the training that the first stage started from was not found."""
        return "checkpoint" in self.stages[0].stamp.inputs

    @property
    def method(self) -> str:
        """A baseline's name, else the stage's."""
        values = self.stages[-1].stamp.parameters
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
        of = [line["val"]["fused"] for line in self.stages[-1].history if line.get("val")]
        return max(map(float, of)) if of else None

    @property
    def peers(self) -> float | None:
        """The highest fused test accuracy of an epoch of the last stage, if all were logged."""
        lines = self.stages[-1].history
        trained_on = self.stages[-1].stamp.inputs.get("cache")
        if (
            (self.cache, self.split) != (trained_on, "test")
            or not lines
            or not all("test" in line for line in lines)
        ):
            return None
        return max(float(line["test"]["fused"]) for line in lines)

    @property
    def seconds(self) -> float:
        """Time of training of all stages, as logged per epoch, s."""
        return sum(float(line["seconds"]) for stage in self.stages for line in stage.history)

    @property
    def speed(self) -> float | None:
        """Samples per second over all stages; None without time."""
        lines = [line for stage in self.stages for line in stage.history]
        done = sum(float(line["seconds"]) * float(line["samples_per_second"]) for line in lines)
        return done / self.seconds if self.seconds else None


class Search(NamedTuple):
    """What lies under the folders.

    left_out: what does not count, each with the reason. notes: what else to know.
    """

    trainings: list[Training]
    left_out: list[str]
    notes: list[str]


def find_trainings(paths: Sequence[Path]) -> Search:
    """Every training under these folders that no other one there continues, whatever the layout.

    A training counts when it is complete and has metrics. Raises InputError: a path that is no
    folder.
    """
    wrong = [str(path) for path in paths if not path.is_dir()]
    if wrong:
        raise InputError("these are no run folders", wrong)
    stages, measured, left_out = _read(paths)
    marks = {file.parent for path in paths for file in path.rglob(_NOT_DONE)}
    found: list[Training] = []
    notes: list[str] = []
    continued = _continued(stages)
    for stage in stages:
        if stage.folder in continued:
            continue
        why = _why_not(stage, marks)
        chain = _chain(stage, stages)
        of = [] if why else _measured(chain, measured, left_out)
        if of and of[0].headless:
            before = f"{chain[0].folder}: what it started from is not among the folders"
            notes.append(f"{before}; its time and settings are not told")
        if not of:
            reason = why or "no metrics of its checkpoints (avgap evaluate)"
            left_out.append(f"{stage.folder}: {reason}")
        found += of
    begun = {parent for stage in stages for parent in (stage.folder, *stage.folder.parents)}
    left_out += [f"{mark}: not done" for mark in sorted(marks) if mark not in begun]
    return Search(found, [_line(text) for text in left_out], [_line(text) for text in notes])


def _line(text: str) -> str:
    """A text that stays one line, whatever a folder is called."""
    return text.replace("\n", "\\n")


def _why_not(stage: Stage, marks: set[Path]) -> str:
    if not stage.complete:
        return "not complete"
    if marks & {stage.folder, *stage.folder.parents}:
        return f"marked as not done ({_NOT_DONE})"
    return ""


def _read(paths: Sequence[Path]) -> tuple[list[Stage], list[tuple[Path, Stamp]], list[str]]:
    files = sorted({file.resolve() for path in paths for file in path.rglob("*") if file.is_file()})
    stages, measured, left_out = [], [], []
    for file in files:
        try:
            if file.name == "checkpoint.pt":
                stages.append(_stage(file))
            elif file.suffix in (".json", ".h5"):
                stamp = artifact.read_stamp(file)
                if stamp.format in ("avgap.metrics", "avgap.gaps"):
                    measured.append((file, stamp))
        except ForeignError:
            if file.name == "checkpoint.pt":
                left_out.append(f"{file} is not a checkpoint of avgap")
        except InputError as error:
            left_out.append(error.what)
    return stages, measured, left_out


def _stage(file: Path) -> Stage:
    content = artifact.read_tensors(file, mapped=True)
    stamp = artifact.parse_stamp(content, file)
    artifact.expect(stamp, "avgap.checkpoint", file)
    best = file.with_name("best.pt")
    digest = ""
    if best.exists():
        digest = artifact.parse_stamp(artifact.read_tensors(best, mapped=True), best).digest
    history = list(content.get("history") or [])
    return Stage(file.parent, stamp, bool(content.get("complete")), history, digest)


def _parent(stage: Stage, stages: list[Stage]) -> Stage | None:
    """The training that a stage started from: by digest, and of equal ones where the hint says."""
    digest = stage.stamp.inputs.get("checkpoint")
    fitting = [s for s in stages if digest and digest in (s.stamp.digest, s.best)]
    hint = stage.stamp.hints.get("checkpoint")
    place = (stage.folder / hint).resolve().parent if hint else None
    return next((s for s in fitting if s.folder == place), fitting[0] if fitting else None)


def _continued(stages: list[Stage]) -> set[Path]:
    parents = [_parent(stage, stages) for stage in stages]
    return {parent.folder for parent in parents if parent is not None}


def _chain(stage: Stage, stages: list[Stage]) -> list[Stage]:
    chain, parent = [stage], _parent(stage, stages)
    while parent is not None and parent not in chain:
        chain.insert(0, parent)
        parent = _parent(parent, stages)
    return chain


def _measured(
    stages: list[Stage], files: list[tuple[Path, Stamp]], left_out: list[str]
) -> list[Training]:
    """The training once for every cache and split on which it was measured: its own cache first.

    left_out gets damaged files.
    """
    last = stages[-1]
    digests, trained_on = {BEST: last.best, LAST: last.stamp.digest}, last.stamp.inputs.get("cache")
    metrics: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    tables: dict[tuple[str, str], dict[str, Gaps]] = {}
    for rule, digest in digests.items():
        for file, stamp in files:
            if not digest or stamp.inputs.get("checkpoint") != digest:
                continue
            of = stamp.inputs.get("cache", ""), str(stamp.parameters.get("split"))
            try:
                if stamp.format == "avgap.metrics":
                    metrics.setdefault(of, {}).setdefault(rule, read_metrics(file))
                elif rule not in tables.get(of, {}):
                    tables.setdefault(of, {})[rule] = read_gaps(file)
            except InputError as error:
                left_out += [error.what] if error.what not in left_out else []
    return [
        Training(last.folder, stages, *of, metrics[of], tables.get(of, {}))
        for of in sorted(metrics, key=lambda of: (of[0] != trained_on, of))
        if metrics[of]
    ]
