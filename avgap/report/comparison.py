"""Many trainings side by side, as tables: over seeds, by selection rule, against a reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avgap import artifact
from avgap.data.clip import nearest
from avgap.errors import InputError, UsageError
from avgap.gapfile import Gaps
from avgap.report.breakdown import wilson
from avgap.report.papernumbers import METHODS, paper_accuracy
from avgap.report.seedgroups import SeedGroup, group_by_settings
from avgap.report.statistics import mcnemar, paired_bootstrap, spread
from avgap.report.tables import NOTHING, Table, interval, number, percent, points
from avgap.report.trainings import BEST, LAST, Training, find_trainings


@dataclass(frozen=True)
class Comparison:
    """tables: for the reader, in order. left_out: what is not counted, each with the reason."""

    tables: list[Table]
    left_out: list[str]


def is_many(paths: Sequence[Path]) -> bool:
    """Whether the paths are several folders, or one that holds run folders and no run itself."""
    if not all(path.is_dir() for path in paths):
        return False
    if len(paths) > 1:
        return all(any(path.rglob("checkpoint.pt")) for path in paths)
    path = paths[0]
    if any(path.glob("checkpoint.pt")) or any(path.glob("*/checkpoint.pt")):
        return False
    return any(path.rglob("checkpoint.pt"))


def compare(paths: Sequence[Path], reference: str | None = None) -> Comparison:
    """Compare every whole training under the folders; those of other caches or splits apart.

    reference: a group's name, by default the first. Raises InputError: nothing to compare;
    UsageError: an unknown reference.
    """
    search = find_trainings(paths)
    found, twice = group_by_settings(search.trainings)
    left_out = search.left_out + twice
    if not found:
        raise InputError("there are no whole trainings with metrics to compare", left_out[:10])
    names = [group.name for groups in found.values() for group in groups]
    if reference is not None and reference not in names:
        like = nearest(reference, names)
        raise UsageError(
            f"--reference {reference}: no such group",
            [f"there are: {', '.join(dict.fromkeys(names))}"],
            f"--reference '{like}'" if like else "",
        )
    tables = []
    for (_, split), groups in found.items():
        first = next((g for g in groups if g.name == reference), groups[0])
        dataset = _dataset(next(iter(groups[0].trainings.values())))
        of = f"{dataset or 'unknown data'}, {split}"
        tables += [_results(groups, of), _rules(groups, of, dataset), _against(groups, first, of)]
    return Comparison([table for table in tables if table.rows], left_out)


def _dataset(training: Training) -> str:
    """The data set's name, from the cache if it lies where it lay."""
    stage = training.stages[-1]
    hint = stage.stamp.hints.get("cache")
    try:
        stamp = artifact.read_stamp(stage.folder / hint) if hint else None
    except InputError:
        return ""
    known = stamp is not None and stamp.digest == training.cache
    return str(stamp.parameters.get("dataset", "")) if stamp and known else ""


def _spread(values: Sequence[float | None], show: Callable[[float], str] = percent) -> str:
    """Mean ± std of the values that are there; with how many, where some are missing."""
    there = [value for value in values if value is not None]
    if not there:
        return NOTHING
    of = spread(there)
    text = show(of.mean) if of.std is None else f"{show(of.mean)} ± {show(of.std)}"
    return text if len(there) == len(values) else f"{text} (n = {len(there)})"


def _metric(training: Training, rule: str, modality: str, name: str) -> float | None:
    body = training.metrics.get(rule)
    return None if body is None else float(body["metrics"][modality][name])


def _results(groups: Sequence[SeedGroup], of: str) -> Table:
    """Accuracy, macro F1, mean |gap|, and what training cost: by best.pt, mean ± std over seeds."""
    columns = ("seeds", "fused", "95 % (Wilson)", "audio", "visual", "macro F1", "mean |gap|")
    rows = []
    for group in groups:
        members = list(group.trainings.values())
        fused, audio, visual = (
            [_metric(t, BEST, name, "accuracy") for t in members]
            for name in ("fused", "audio", "visual")
        )
        f1 = [_metric(t, BEST, "fused", "macro_f1") for t in members]
        gap = [t.metrics[BEST]["gap"]["mean_abs"] if BEST in t.metrics else None for t in members]
        rows.append([
            group.name, str(len(members)), _spread(fused), _wilson(members, fused),
            _spread(audio), _spread(visual), _spread(f1), _spread(gap, lambda v: f"{v:.3f}"),
            _spread([t.seconds for t in members], number),
            _spread([t.speed for t in members], number),
        ])  # fmt: skip
    title = f"Best on validation ({of}), in percent: mean ± std over seeds"
    return Table("results", title, ("group", *columns, "training, s", "samples/s"), rows)


def _wilson(members: Sequence[Training], accuracy: Sequence[float | None]) -> str:
    """Of the mean accuracy on the N samples: more seeds are no more samples."""
    there = [value for value in accuracy if value is not None]
    if not there:
        return NOTHING
    n = next(int(t.metrics[BEST]["n_samples"]) for t in members if BEST in t.metrics)
    return interval(wilson(round(float(np.mean(there)) * n), n))


def _rules(groups: Sequence[SeedGroup], of: str, dataset: str) -> Table:
    """Fused accuracy by three ways to select the epoch, and the paper's number."""
    columns: tuple[str, ...] = ("group", "best on validation", "last epoch")
    columns += ("best on test (optimistic)",)
    columns += ("paper",) if dataset in METHODS else ()
    rows = []
    for group in groups:
        members = list(group.trainings.values())
        row = [group.name]
        row += [
            _spread([_metric(t, r, "fused", "accuracy") for t in members]) for r in (BEST, LAST)
        ]
        row.append(_spread([t.peers for t in members]))
        if dataset in METHODS:
            theirs = paper_accuracy(dataset, members[0].method, members[0].settings)
            row.append(NOTHING if theirs is None else f"{theirs:.2f}")
        rows.append(row)
    return Table("rules", f"Fused accuracy by selection rule ({of}), in percent", columns, rows)


def _against(groups: Sequence[SeedGroup], reference: SeedGroup, of: str) -> Table:
    """Every other group against the reference, on the same samples and equal seeds."""
    columns = ("group", "pairs of seeds", "difference", "95 % (bootstrap)", "gained", "lost")
    rows = []
    for group in groups:
        if group is reference:
            continue
        pairs = _pairs(group, reference)
        if pairs is None:
            rows.append([group.name, "0", *[NOTHING] * 5])
            continue
        right, theirs = pairs
        difference = paired_bootstrap(right, theirs)
        test = mcnemar(right.ravel(), theirs.ravel())
        inside = f"[{points(difference.low)} … {points(difference.high)}]"
        row = [group.name, str(len(right)), points(difference.value), inside]
        rows.append([*row, f"{test.gained:,}", f"{test.lost:,}", number(test.p, 2)])
    title = f"Against {reference.name} ({of}), best on validation, in percentage points"
    return Table("against", title, (*columns, "p (McNemar, pooled)"), rows)


def _pairs(
    group: SeedGroup, reference: SeedGroup
) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.bool_]], ...] | None:
    """Whether each sample was right, (S, N) twice, for S seeds with predictions in both."""
    ours, theirs = [], []
    for seed, training in group.trainings.items():
        other = reference.trainings.get(seed)
        if other is None or BEST not in training.tables or BEST not in other.tables:
            continue
        here, there = _right(training.tables[BEST]), _right(other.tables[BEST])
        if not here or here.keys() != there.keys():
            continue
        ids = sorted(here)
        ours.append([here[id] for id in ids])
        theirs.append([there[id] for id in ids])
    return (np.array(ours, bool), np.array(theirs, bool)) if ours else None


def _right(table: Gaps) -> dict[str, bool]:
    """Whether the fused prediction is right, by id; empty where the table does not tell."""
    if table.id is None or table.label is None or table.fused_pred is None:
        return {}
    return dict(zip(table.id, (table.fused_pred == table.label).tolist(), strict=True))
