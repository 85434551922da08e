"""A run folder as found: its artifacts, recognised by stamp and linked by digest, not by name."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from avgap import artifact
from avgap.artifact import Stamp
from avgap.artifact.gaps import Gaps, read_gaps
from avgap.artifact.gmm import GmmFile, read_mixture
from avgap.artifact.metrics import read_metrics
from avgap.errors import InputError

_ENDINGS = (".h5", ".json", ".csv", ".pt")
TABLES = (".h5", ".csv", ".npy")


@dataclass(frozen=True)
class Found:
    """An artifact in a run folder. progress: of a checkpoint, else empty."""

    path: Path
    stamp: Stamp
    progress: dict[str, Any]

    @property
    def kind(self) -> str:
        """cache, gaps, gmm, checkpoint or metrics."""
        return self.stamp.format.removeprefix("avgap.")


@dataclass(frozen=True)
class Moment:
    """The gaps at one moment of training. round: 0 after warm-up, r after adaptive round r.

    lone: a table of gaps of which no training is known; it has no before and after. baseline: of a
    comparison method, whose training has no rounds.
    """

    round: int
    path: Path
    gaps: Gaps
    gmm: GmmFile | None
    lone: bool = False
    baseline: bool = False

    @property
    def name(self) -> str:
        """The moment in words."""
        if self.lone:
            return f"in {self.path.name}"
        if self.baseline:
            return "after training"
        return "after warm-up" if self.round == 0 else f"after round {self.round}"


@dataclass(frozen=True)
class RunFolder:
    """A run folder. moments by round; metrics by phase (warmup, adapt); history: warm-up first."""

    path: Path
    found: list[Found]
    unread: list[str]  # files of a known ending that are no artifacts of ours, with the reason
    moments: list[Moment]
    metrics: dict[str, dict[str, Any]]
    history: list[dict[str, Any]]


def read_run(path: Path) -> RunFolder:
    """Read a run folder, or one that holds but a table of gaps of anybody's.

    Raises InputError: missing, a file, nothing of avgap's in it and no gaps, corrupt.
    """
    if not path.is_dir():
        what = "is a file, not a run folder" if path.exists() else "does not exist"
        raise InputError(f"{path} {what}")
    found, unread = _walk(path)
    chain = _chain(found)
    history = _history(path, chain)
    moments, metrics = _moments(found, chain), _metrics(found, chain)
    if not moments:
        moments = _foreign(path, found)
    if not found and not moments:
        raise InputError(f"{path} holds no artifacts of avgap", unread[:10])
    if len(moments) == 1 and not history and not metrics:
        moments = [replace(moments[0], lone=True)]
    return RunFolder(path, found, unread, moments, metrics, history)


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
        mine = [path, *fitted[:1]]
        moment = Moment(0, path, table, mixtures.get(fitted[0]) if fitted else None, lone=True)
        found = [Found(p, stamp, {}) for p in mine if (stamp := _stamp(p)) is not None]
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
    """The mixture in the folder of a table of gaps that was fitted to it, if there is one."""
    for file in sorted(path.parent.glob("*.json")):
        try:
            if _fitted_to(read_mixture(file), table):
                return file
        except InputError:
            continue
    return None


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


def _foreign(path: Path, found: list[Found]) -> list[Moment]:
    """The tables of gaps without a stamp: where there is one alone, or one with a mixture."""
    mixtures = [read_mixture(f.path) for f in found if f.kind == "gmm"]
    moments = []
    for file in sorted(f for f in path.rglob("*") if f.suffix in TABLES and f.is_file()):
        try:
            table = read_gaps(file)
        except InputError:
            continue
        gmm = next((gmm for gmm in mixtures if _fitted_to(gmm, table)), None)
        moments.append(Moment(0, file, table, gmm))
    fitted = [moment for moment in moments if moment.gmm is not None]
    chosen = fitted or moments
    if len(chosen) > 1:
        names = [str(moment.path) for moment in chosen]
        raise InputError(
            f"{path} holds {len(chosen)} tables of gaps of unknown origin",
            names,
            "one of them: avgap report GAPS GMM",
        )
    return chosen


def _walk(path: Path) -> tuple[list[Found], list[str]]:
    found, unread = [], []
    for file in sorted(path.rglob("*")):
        if file.suffix not in _ENDINGS or not file.is_file():
            continue
        try:
            progress: dict[str, Any] = {}
            if file.suffix == ".pt":
                content = artifact.read_tensors(file, mapped=True)
                stamp = artifact.parse_stamp(content, file)
                progress = dict(content.get("progress") or {})
            else:
                stamp = artifact.read_stamp(file)
            found.append(Found(file, stamp, progress))
        except InputError as error:
            unread.append(error.what)
    return found, unread


def _chain(found: list[Found]) -> list[Found]:
    """The checkpoints that lead to the last one, warm-up first, each with those beside it.

    The last is the one farthest in training from which no other checkpoint started; each names, by
    digest, the checkpoint that it started from.
    """
    checkpoints = [f for f in found if f.kind == "checkpoint"]
    by_digest = {f.stamp.digest: f for f in checkpoints}
    last = max(checkpoints, key=_training_order, default=None)
    chain: list[Found] = []
    while last is not None and last not in chain:
        chain = [f for f in checkpoints if f.path.parent == last.path.parent] + chain
        last = by_digest.get(last.stamp.inputs.get("checkpoint", ""))
    return chain


def _training_order(checkpoint: Found) -> tuple[bool, int, int]:
    progress = checkpoint.progress
    adapted = progress.get("phase") == "adapt"
    return adapted, int(progress.get("step", 0)), int(progress.get("epoch", 0))


def _history(path: Path, chain: list[Found]) -> list[dict[str, Any]]:
    """The lines of every log.jsonl beside the chain's checkpoints, in order of training.

    Without checkpoints (they are large, and may have been deleted) every log in the run counts.
    """
    folders = list(dict.fromkeys(checkpoint.path.parent for checkpoint in chain))
    logs = [folder / "log.jsonl" for folder in folders] or sorted(path.rglob("log.jsonl"))
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


def _moments(found: list[Found], chain: list[Found]) -> list[Moment]:
    """One table of training gaps per round, with the mixture that was fitted to it."""
    mixtures = {f.stamp.inputs.get("gaps"): f for f in found if f.kind == "gmm"}
    steps = {f.stamp.digest: int(f.progress.get("step", 0)) for f in chain}

    def linked(gaps: Found) -> bool:
        return gaps.stamp.inputs.get("checkpoint") in steps

    def round_of(gaps: Found) -> int:
        # The checkpoint of a middle round is gone; adapt names the folder of its gaps.
        folder = re.fullmatch(r"step-(\d+)", gaps.path.parent.name)
        if folder:
            return int(folder[1]) - 1
        return steps.get(gaps.stamp.inputs.get("checkpoint", ""), 0)

    tables = [f for f in found if f.kind == "gaps" and f.stamp.parameters.get("split") == "train"]
    tables = tables or [f for f in found if f.kind == "gaps"]
    best = _best(chain)
    tables.sort(
        key=lambda f: (
            not linked(f),
            f.stamp.digest not in mixtures,
            f.stamp.inputs.get("checkpoint") in best,
        )
    )
    first: dict[int, Found] = {}
    for table in tables:
        first.setdefault(round_of(table), table)
    baseline = any(f.progress.get("phase") == "baseline" for f in chain)
    moments = []
    for number, table in sorted(first.items()):
        fitted = mixtures.get(table.stamp.digest)
        gmm = None if fitted is None else read_mixture(fitted.path)
        moments.append(Moment(number, table.path, read_gaps(table.path), gmm, baseline=baseline))
    return moments


def _best(chain: list[Found]) -> set[str]:
    """The checkpoints that are best on validation: where both are measured, the last is shown."""
    return {f.stamp.digest for f in chain if f.path.name == "best.pt"}


def _metrics(found: list[Found], chain: list[Found]) -> dict[str, dict[str, Any]]:
    """For each phase the metrics of its last checkpoint, on the test split where there are such."""
    digests, best = {f.stamp.digest for f in chain}, _best(chain)
    ranked = []
    for file in found:
        if file.kind == "metrics":
            body = read_metrics(file.path)
            of = file.stamp.inputs.get("checkpoint")
            linked = of in digests
            step = int(body["checkpoint"]["step"])
            ranked.append((linked, body["split"] == "test", step, of not in best, body))
    ranked.sort(key=lambda row: row[:4])
    return {body["checkpoint"]["phase"]: body for *_, body in ranked}
