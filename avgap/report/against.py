"""Every group of trainings against a reference, on the same samples and equal seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from avgap.report.seedgroups import SeedGroup
from avgap.report.statistics import Difference, mcnemar, paired_bootstrap
from avgap.report.tables import NOTHING, Table, number, points
from avgap.report.trainings import BEST, Training

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Seed = tuple[int, ...]


@dataclass(frozen=True)
class Pairs:
    """A group and the reference, seed by seed: whether each sample was right, (S, N) twice."""

    name: str
    seeds: list[Seed]
    right: NDArray[np.bool_]
    reference: NDArray[np.bool_]

    @cached_property
    def over_samples(self) -> Difference:
        """Of the accuracies, with its interval over samples."""
        return paired_bootstrap(self.right, self.reference)

    @cached_property
    def over_both(self) -> Difference:
        """Of the accuracies, with its interval over seeds and samples."""
        return paired_bootstrap(self.right, self.reference, over_seeds=True)


def pairs(groups: Sequence[SeedGroup], reference: SeedGroup) -> tuple[list[Pairs], list[str]]:
    """Every other group that has seeds in common with the reference; and what cannot be paired."""
    found = []
    notes = [
        f"{reference.name} (the reference), {_seed(seed)}: {_unpredicted(training)}"
        for seed, training in reference.trainings.items()
        if len(groups) > 1 and not _right(training)
    ]
    for group in groups:
        if group is reference:
            continue
        seeds, ours, theirs = [], [], []
        for seed, training in group.trainings.items():
            other = reference.trainings.get(seed)
            if other is None:
                notes.append(f"{group.name}, {_seed(seed)}: no such seed of {reference.name}")
                continue
            here, there = _right(training), _right(other)
            if here and there and here.keys() != there.keys():
                notes.append(f"{group.name}, {_seed(seed)}: other samples than {reference.name}")
            elif not here:
                notes.append(f"{group.name}, {_seed(seed)}: {_unpredicted(training)}")
            if not here or here.keys() != there.keys():
                continue
            seeds.append(seed)
            ours.append([here[id] for id in here])
            theirs.append([there[id] for id in here])
        if seeds:
            found.append(Pairs(group.name, seeds, np.array(ours, bool), np.array(theirs, bool)))
    return found, notes


def _unpredicted(training: Training) -> str:
    if not training.stages[-1].best:
        return f"no best.pt, which there is with validation alone: {training.path}"
    return f"no predictions of best.pt (evaluate --save-predictions x.h5): {training.path}"


def _right(training: Training) -> dict[str, bool]:
    """Whether the fused prediction of best.pt is right, by id; empty where no table tells."""
    table = training.tables.get(BEST)
    if table is None or table.id is None or table.label is None or table.fused_pred is None:
        return {}
    return dict(zip(table.id, (table.fused_pred == table.label).tolist(), strict=True))


def differences(found: Sequence[Pairs], reference: str, of: str) -> Table:
    """The difference in fused accuracy, its intervals, and how many seeds are above."""
    rows = []
    for pair in found:
        by_sample = pair.over_samples
        by_both = pair.over_both if len(pair.seeds) > 1 else None
        change = pair.right.mean(axis=1) - pair.reference.mean(axis=1)
        above, below = int((change > 0).sum()), int((change < 0).sum())
        rows.append([
            pair.name, str(len(pair.seeds)), points(by_sample.value), _interval(by_sample),
            NOTHING if by_both is None else _interval(by_both), f"{above} / {below}",
        ])  # fmt: skip
    title = f"Against {reference} ({of}), fused, best on validation, in percentage points"
    columns = ("group", "pairs of seeds", "difference", "95 % over samples")
    more = ("95 % over seeds and samples", "seeds above / below")
    return Table("against", title, (*columns, *more), rows)


def _interval(of: Difference) -> str:
    return f"[{points(of.low)} … {points(of.high)}]"


def tests(found: Sequence[Pairs], reference: str, of: str) -> Table:
    """McNemar's exact test of every seed: pooled, the p of several seeds would be too small."""
    seeds = sorted({seed for pair in found for seed in pair.seeds})
    rows = []
    for pair in found:
        row = [pair.name]
        for seed in seeds:
            if seed not in pair.seeds:
                row.append(NOTHING)
                continue
            at = pair.seeds.index(seed)
            test = mcnemar(pair.right[at], pair.reference[at])
            row.append(f"{number(test.p, 2)} (+{test.gained:,} −{test.lost:,})")
        rows.append(row)
    title = f"McNemar's p against {reference}, seed by seed ({of}): +gained −lost samples"
    return Table("mcnemar", title, ("group", *map(_seed, seeds)), rows)


def _seed(seed: Seed) -> str:
    return f"seed {', '.join(map(str, seed))}"
