"""A run: the rounds, metrics and history that the artifacts in its folder tell."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from avgap import artifact
from avgap.artifact import Stamp
from avgap.artifact.gaps import Gaps, read_gaps
from avgap.artifact.gmm import GmmFile, read_mixture
from avgap.artifact.metrics import read_metrics
from avgap.errors import InputError
from avgap.mixture.plain import rightness
from avgap.report.index import CheckpointFolder, Found, Index, training_order, walk

TABLES = (".h5", ".csv", ".npy")
_ROUND = re.compile(r"step-(\d+)")  # the folder of a round


@dataclass(frozen=True)
class Moment:
    """The gaps at one moment of training. round: 0 after warm-up, r after adaptive round r.

    lone: a table of gaps of which no training is known; it has no before and after. baseline: of a
    comparison method, whose training has no rounds. crossfit: by networks of their own, each of
    which has not seen the clips that it measured; of no moment of the run's training.
    """

    round: int
    path: Path
    gaps: Gaps
    gmm: GmmFile | None
    lone: bool = False
    baseline: bool = False
    crossfit: bool = False

    @property
    def name(self) -> str:
        """The moment in words."""
        if self.crossfit:
            return "held out"
        if self.lone:
            return f"in {self.path.name}"
        if self.baseline:
            return "after training"
        return "after warm-up" if self.round == 0 else f"after round {self.round}"


class Fold(NamedTuple):
    """A training of cross-fitting. n: clips held out of it. right: the share of them it gets right.

    validation: accuracies of fused, audio and visual after its last epoch. None: not known.
    """

    number: int
    n: int
    right: float | None
    validation: Mapping[str, float] | None


@dataclass(frozen=True)
class RunFolder:
    """A run folder. moments by round; metrics by phase (warmup, adapt); history: warm-up first.

    crossfit: the held-out gaps, where there are such; the only moment of a folder with no others.
    """

    path: Path
    found: list[Found]
    unread: list[str]  # files of a known ending that are no artifacts of ours, with the reason
    moments: list[Moment]
    metrics: dict[str, dict[str, Any]]
    history: list[dict[str, Any]]
    crossfit: Moment | None = None
    folds: tuple[Fold, ...] = ()


def read_run(path: Path) -> RunFolder:
    """Read a run folder, or one that holds but a table of gaps of anybody's.

    Raises InputError: missing, a file, nothing of avgap's in it and no gaps, corrupt.
    """
    if not path.is_dir():
        what = "is a file, not a run folder" if path.exists() else "does not exist"
        raise InputError(f"{path} {what}")
    index = walk([path])
    chain = _longest_chain(index)
    history = _history(path, chain, index)
    moments, metrics = _moments(index, chain), _metrics(index, chain)
    crossfit, folds = _crossfit(index, moments)
    if not moments:
        moments = [crossfit] if crossfit else _foreign(path, index)
    unread = [file.what for file in index.unread]
    if not index.found and not moments:
        raise InputError(f"{path} holds no artifacts of avgap", unread[:10])
    if len(moments) == 1 and not history and not metrics:
        moments = [replace(moments[0], lone=True)]
        crossfit = moments[0] if moments[0].crossfit else crossfit
    return RunFolder(path, index.found, unread, moments, metrics, history, crossfit, folds)


def several_runs(paths: Sequence[Path]) -> bool:
    """Whether folders hold more than one run: a training from scratch, with what went on from it.

    Trainings whose start is not among them are of one run where it was the same. Those on folds
    are no runs.
    """
    index = walk([path for path in paths if path.is_dir()])
    first = [training for training in index.runs if index.parent(training) is None]
    return len({t.last.stamp.inputs.get("checkpoint", t.folder) for t in first}) > 1


def read_files(paths: Sequence[Path]) -> list[RunFolder]:
    """Tables of gaps, each a run by itself, with the mixtures that were fitted to them.

    Raises InputError: a file that is neither, no table, a mixture of other gaps.
    """
    mixtures = {path: read_mixture(path) for path in paths if path.suffix == ".json"}
    tables = {path: read_gaps(path) for path in paths if path not in mixtures}
    if not tables:
        raise InputError("there are no gaps among the files", [str(p) for p in mixtures])
    runs = []
    for path, table in tables.items():
        fitted = [file for file, gmm in mixtures.items() if _fitted_to(gmm, table)]
        _expect_one(path, {file: mixtures[file].stamp.digest for file in fitted})
        mine = [path, *fitted[:1]]
        moment = Moment(0, path, table, mixtures.get(fitted[0]) if fitted else None, lone=True)
        found = [Found(p, stamp) for p in mine if (stamp := _stamp(p)) is not None]
        runs.append(RunFolder(path.parent, found, [], [moment], {}, []))
    strangers = [
        path
        for path, gmm in mixtures.items()
        if not any(_fitted_to(gmm, table) for table in tables.values())
    ]
    if strangers:
        raise InputError(
            f"{', '.join(map(str, strangers))}: a mixture of other gaps",
            [f"gaps {path}" for path in tables],
            f"avgap fitgmm {next(iter(tables))} -o gmm.json",
        )
    return runs


def mixture_beside(path: Path, table: Gaps) -> Path | None:
    """The mixture in the folder of a table of gaps that was fitted to it, if there is one.

    Raises InputError where there are several that differ.
    """
    fitted: dict[Path, str] = {}
    for file in sorted(path.parent.glob("*.json")):
        try:
            gmm = read_mixture(file)
        except InputError:
            continue
        if _fitted_to(gmm, table):
            fitted[file] = gmm.stamp.digest
    _expect_one(path, fitted)
    return next(iter(fitted), None)


def _expect_one(gaps: Path, fitted: Mapping[Path, str]) -> None:
    """Raise InputError where mixtures (path → digest) that were fitted to the same gaps differ."""
    if len(set(fitted.values())) > 1:
        raise InputError(
            f"{len(fitted)} mixtures were fitted to {gaps}, and nothing says which is meant",
            [str(path) for path in fitted],
            f"one of them: avgap report {gaps} {next(iter(fitted))}",
        )


def _fitted_to(gmm: GmmFile, table: Gaps) -> bool:
    """Whether a mixture was fitted to a table, or to several with it among them (gaps_1 …)."""
    digest = table.digest() if table.stamp is None else table.stamp.digest
    inputs = gmm.stamp.inputs.items()
    return any(given == digest for name, given in inputs if name.startswith("gaps"))


def _stamp(path: Path) -> Stamp | None:
    """The stamp of a file; None of a foreign one."""
    try:
        return artifact.read_stamp(path)
    except InputError:
        return None


def _foreign(path: Path, index: Index) -> list[Moment]:
    """The tables of gaps without a stamp: where there is one alone, or one with a mixture."""
    mixtures = {f.path: read_mixture(f.path) for f in index.of_kind("gmm")}
    moments = []
    for file in sorted(f for f in path.rglob("*") if f.suffix in TABLES and f.is_file()):
        try:
            table = read_gaps(file)
        except InputError:
            continue
        fitted = {path: gmm for path, gmm in mixtures.items() if _fitted_to(gmm, table)}
        _expect_one(file, {path: gmm.stamp.digest for path, gmm in fitted.items()})
        moments.append(Moment(0, file, table, next(iter(fitted.values()), None)))
    chosen = [moment for moment in moments if moment.gmm is not None] or moments
    if len(chosen) > 1:
        names = [str(moment.path) for moment in chosen]
        raise InputError(
            f"{path} holds {len(chosen)} tables of gaps of unknown origin",
            names,
            "one of them: avgap report GAPS GMM",
        )
    return chosen


def _longest_chain(index: Index) -> list[CheckpointFolder]:
    """The trainings that lead to the one that is farthest, warm-up first."""
    trainings = index.runs
    if not trainings:
        return []
    return index.chain(max(trainings, key=lambda training: training_order(training.last)))


def _history(path: Path, chain: list[CheckpointFolder], index: Index) -> list[dict[str, Any]]:
    """The lines of every log.jsonl beside the chain's checkpoints, in order of training.

    Without checkpoints (they are large, and may have been deleted) every log in the run counts that
    is not of a fold.
    """
    every = (log for log in path.rglob("log.jsonl"))
    logs = [training.folder / "log.jsonl" for training in chain] or sorted(
        log for log in every if log.parent.resolve() not in index.fold_folders
    )
    history = [line for log in logs if log.exists() for line in _lines(log)]
    return sorted(history, key=lambda line: (line["phase"] == "adapt", line["step"]))


def _lines(log: Path) -> list[dict[str, Any]]:
    try:
        lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line]
        if not all({"phase", "step", "val"} <= set(line) for line in lines):
            raise ValueError("a line has no phase, step or val")
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{log} is corrupt", [str(error)], "the training command again") from error
    return lines


def _moments(index: Index, chain: list[CheckpointFolder]) -> list[Moment]:
    """One table of training gaps per round, with the mixture that was fitted to it."""
    mixtures = _Mixtures(index)
    rounds = {
        checkpoint.stamp.digest: int(checkpoint.progress.get("step", 0))
        for training in chain
        for checkpoint in training.checkpoints
    }
    best = _best(chain)

    def round_of(gaps: Found) -> int:
        # The checkpoint of a middle round is gone; adapt names the folder of its gaps.
        round = _round(gaps)
        if round is not None:
            return round - 1
        return rounds.get(gaps.stamp.inputs.get("checkpoint", ""), 0)

    def rank(gaps: Found) -> tuple[bool, bool, bool]:
        of = gaps.stamp.inputs.get("checkpoint")
        return of not in rounds, gaps.stamp.digest not in mixtures, of in best

    # Gaps by cross-fitting are of a moment only where they are a round's.
    every = [f for f in index.of_kind("gaps") if not f.fold_checkpoints or _round(f)]
    tables = [f for f in every if f.stamp.parameters.get("split") == "train"] or every
    first: dict[int, Found] = {}
    for table in sorted(tables, key=rank):
        first.setdefault(round_of(table), table)
    baseline = any(training.last.progress.get("phase") == "baseline" for training in chain)
    moments = []
    for number, table in sorted(first.items()):
        gmm = mixtures.of(table)
        moments.append(Moment(number, table.path, read_gaps(table.path), gmm, baseline=baseline))
    return moments


class _Mixtures:
    """The mixtures of an index by the digest of the gaps that they were fitted to."""

    def __init__(self, index: Index) -> None:
        chain = _longest_chain(index)
        adapted = [t for t in chain if t.last.progress.get("phase") == "adapt"]
        self._given = {t.last.stamp.inputs.get("gmm") for t in adapted}
        self._folders = {t.folder.resolve() for t in adapted}
        self._fitted: dict[str, list[Found]] = {}
        for found in index.of_kind("gmm"):
            self._fitted.setdefault(found.stamp.inputs.get("gaps", ""), []).append(found)

    def __contains__(self, gaps: str) -> bool:
        return gaps in self._fitted

    def of(self, table: Found) -> GmmFile | None:
        """The mixture of these gaps, that which `adapt` used before all; None: there is none.

        Raises InputError where nothing says which of several is meant.
        """
        fitted = self._fitted.get(table.stamp.digest, [])
        used = [found for found in fitted if self._was_used(found)] or fitted
        _expect_one(table.path, {found.path: found.stamp.digest for found in used})
        return read_mixture(used[0].path) if used else None

    def _was_used(self, found: Found) -> bool:
        """Whether adaptation was given this mixture, or has it in its folder, or a round's."""
        folder = found.path.parent.resolve()
        is_round = _ROUND.fullmatch(folder.name) is not None
        if not self._folders:  # its checkpoints may have been deleted
            return is_round
        place = folder.parent if is_round else folder
        return found.stamp.digest in self._given or place in self._folders


def _round(gaps: Found) -> int | None:
    """The adaptive round, from 1, before which `adapt` measured gaps; None of others."""
    folder = _ROUND.fullmatch(gaps.path.parent.name)
    return int(folder[1]) if folder else None


def _crossfit(index: Index, moments: list[Moment]) -> tuple[Moment | None, tuple[Fold, ...]]:
    """The held-out gaps, of the moments' cache if there are any, and their trainings.

    Of several those with a mixture, in the folder that is the least deep.
    """
    mixtures = _Mixtures(index)
    tables = [f for f in index.of_kind("gaps") if f.fold_checkpoints and not _round(f)]
    if moments:
        stamp = moments[0].gaps.stamp
        cache = None if stamp is None else stamp.inputs.get("cache")
        tables = [found for found in tables if found.stamp.inputs.get("cache") == cache]
    tables.sort(key=lambda f: (f.stamp.digest not in mixtures, len(f.path.parts)))
    if not tables:
        return None, ()
    table, gaps = tables[0], read_gaps(tables[0].path)
    return Moment(0, table.path, gaps, mixtures.of(table), crossfit=True), _folds(
        index, table, gaps
    )


def _folds(index: Index, table: Found, gaps: Gaps) -> tuple[Fold, ...]:
    """The trainings behind gaps by cross-fitting, by number."""
    if gaps.fold is None:
        return ()
    right = rightness(gaps.label, gaps.fused_pred, None, None).get("fused")
    checkpoints = {c.stamp.digest: c for t in index.trainings for c in t.checkpoints}
    folds = []
    for number, digest in sorted(table.fold_checkpoints.items()):
        held_out = gaps.fold == number
        lines = checkpoints[digest].content.get("history") if digest in checkpoints else None
        place = table.stamp.hints.get(f"checkpoint_{number}", "")
        log = (table.path.parent / place).with_name("log.jsonl")
        if not lines and place and log.exists():
            lines = _lines(log)
        validation = lines[-1].get("val") if lines else None
        share = float(right[held_out].mean()) if right is not None and held_out.any() else None
        folds.append(Fold(number, int(held_out.sum()), share, validation))
    return tuple(folds)


def _best(chain: list[CheckpointFolder]) -> set[str]:
    """The checkpoints that are best on validation: where both are measured, the last is shown."""
    return {t.best.stamp.digest for t in chain if t.best not in (None, t.last)}


def _metrics(index: Index, chain: list[CheckpointFolder]) -> dict[str, dict[str, Any]]:
    """For each phase the metrics of its last checkpoint, on the test split where there are such."""
    digests, best = set().union(*(t.digests for t in chain)), _best(chain)
    of_folds = {d for t in index.trainings if t not in index.runs for d in t.digests}
    ranked = []
    for file in index.of_kind("metrics"):
        body = read_metrics(file.path)
        of = file.stamp.inputs.get("checkpoint")
        if of in of_folds:
            continue
        round = int(body["checkpoint"]["step"])
        ranked.append((of in digests, body["split"] == "test", round, of not in best, body))
    ranked.sort(key=lambda row: row[:4])
    return {body["checkpoint"]["phase"]: body for *_, body in ranked}
