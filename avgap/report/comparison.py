"""Many trainings side by side: over seeds, by selection rule, against a reference."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from avgap import artifact
from avgap.errors import InputError, UsageError
from avgap.report.against import Pairs, differences, pairs, tests
from avgap.report.seedgroups import SeedGroup, group_by_settings
from avgap.report.seedtables import cost, intervals, results, rules, tidy
from avgap.report.tables import Table
from avgap.report.trainings import BEST, Training, find_trainings
from avgap.settings import MODALITIES
from avgap.text import nearest


@dataclass(frozen=True)
class Panel:
    """The trainings of one cache, measured on one split.

    rows: a training each, see `tidy`. reference: the group that others are compared with; pairs:
    those that can be.
    """

    name: str
    groups: list[SeedGroup]
    tables: list[Table]
    rows: list[dict[str, object]]
    reference: str
    pairs: list[Pairs]

    def accuracies(self) -> dict[str, dict[str, list[float]]]:
        """Group → modality → the accuracy of every seed, best on validation."""
        return {
            group.name: {
                modality: [
                    value
                    for t in group.trainings.values()
                    if (value := t.metric(BEST, modality, "accuracy")) is not None
                ]
                for modality in MODALITIES
            }
            for group in self.groups
        }


@dataclass(frozen=True)
class Comparison:
    """panels: in the order found. left_out: what is not counted; notes: what else to know."""

    panels: list[Panel]
    left_out: list[str]
    notes: list[str]

    @property
    def tables(self) -> list[Table]:
        """Every table, for the reader, in order."""
        return [table for panel in self.panels for table in panel.tables]


def is_many(paths: Sequence[Path]) -> bool:
    """Whether the paths are several folders, or one that holds run folders and is no run itself.

    A run is one training from scratch, with what went on from it.
    """
    if not all(path.is_dir() for path in paths):
        return False
    if len(paths) > 1:
        return all(any(path.rglob("checkpoint.pt")) for path in paths)
    path = paths[0]
    near = [*path.glob("checkpoint.pt"), *path.glob("*/checkpoint.pt")]
    if not near:
        return any(path.rglob("checkpoint.pt"))
    return sum(map(_from_scratch, near)) > 1


def _from_scratch(checkpoint: Path) -> bool:
    """Whether it is of a training that began with random weights, as far as it can be read."""
    try:
        return "checkpoint" not in artifact.read_stamp(checkpoint).inputs
    except InputError:
        return False


def compare(
    paths: Sequence[Path], reference: str | None = None, cache: Path | None = None
) -> Comparison:
    """Compare every whole training under the folders; those of other caches or splits apart.

    reference: a group's name, by default the first. cache: where it lies, if it has moved; of it
    only the data set's name is told. Raises InputError: nothing to compare, no cache; UsageError:
    an unknown reference.
    """
    known = {} if cache is None else _name_of(artifact.read_stamp(cache))
    search = find_trainings(paths)
    found, twice = group_by_settings(search.trainings)
    left_out, notes = search.left_out + twice, list(search.notes)
    if not found:
        raise InputError("there are no whole trainings with metrics to compare", left_out[:10])
    names = [group.name for groups in found.values() for group in groups]
    if reference is not None and reference not in names:
        like = nearest(reference, names)
        raise UsageError(
            f"--reference {reference}: no such group",
            [f"there are: {', '.join(dict.fromkeys(names))}"],
            f"--reference {shlex.quote(like)}" if like else None,
        )
    panels = []
    for (digest, split), groups in found.items():
        dataset = known.get(digest) or _dataset(next(iter(groups[0].trainings.values())))
        name = f"{dataset or 'unknown data'}, {split}"
        if sum(of == split for _, of in found) > 1:
            name += f", cache {digest[:12]}"  # two caches may be of one data set
        first = next((g for g in groups if g.name == reference), groups[0])
        if reference is not None and first.name != reference:
            notes.append(f"{name}: no group {reference}; compared with {first.name} instead")
        panel, unpaired = _panel(name, groups, first, dataset)
        panels.append(panel)
        notes += unpaired
    return Comparison(panels, left_out, notes)


def _panel(
    name: str, groups: list[SeedGroup], reference: SeedGroup, dataset: str
) -> tuple[Panel, list[str]]:
    found, unpaired = pairs(groups, reference)
    tables = [
        results(groups, name),
        intervals(groups, name),
        rules(groups, name, dataset),
        differences(found, reference.name, name),
        tests(found, reference.name, name),
        cost(groups, name),
    ]
    shown = [table for table in tables if table.rows]
    rows = [tidy(group, t, dataset) for group in groups for t in group.trainings.values()]
    return Panel(name, groups, shown, rows, reference.name, found), unpaired


def _dataset(training: Training) -> str:
    """The data set's name, from the cache if it lies where it lay."""
    stage = training.stages[-1]
    hint = stage.stamp.hints.get("cache")
    try:
        stamp = artifact.read_stamp(stage.folder / hint) if hint else None
    except InputError:
        return ""
    return "" if stamp is None else _name_of(stamp).get(training.cache, "")


def _name_of(stamp: artifact.Stamp) -> dict[str, str]:
    """The data set's name by the digest of its cache."""
    return {stamp.digest: str(stamp.parameters.get("dataset", ""))}
