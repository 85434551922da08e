"""Runs that differ in nothing but the seed, under short names; and their pairs with a reference."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from avgap import settings as defaults
from avgap.report.compared import BEST, ComparedRun
from avgap.report.statistics import Difference, paired_bootstrap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Seed = tuple[int, ...]

# Not the same in every method by nature: how it is trained, and for how long.
_OWN = ("epochs", "loss", "method", "steps")
# What a folder on the way to a run may be called besides.
_TRAININGS = ("warmup", "adapt", "baseline")
_SEED = re.compile(r"seed[-_]?\d+")
_DEFAULTS = {
    **defaults.parameters(defaults.Training()),
    **defaults.parameters(defaults.Adaptive()),
    **{f"fit_{n}": value for n, value in defaults.parameters(defaults.Fit()).items()},
}


@dataclass(frozen=True)
class SeedGroup:
    """Runs of equal settings by seed. name: the method, and the settings that differ."""

    name: str
    runs: dict[Seed, ComparedRun]


def group_by_settings(
    runs: Sequence[ComparedRun],
) -> tuple[dict[tuple[str, str], list[SeedGroup]], list[str]]:
    """Groups by (cache, split), in the order found; and the runs of a seed that was there.

    The second part names each of those, which is not counted.
    """
    tables: dict[tuple[str, str], dict[str, list[ComparedRun]]] = {}
    for run in runs:
        settings = json.dumps([run.method, run.settings], sort_keys=True)
        table = tables.setdefault((run.cache, run.split), {})
        table.setdefault(settings, []).append(run)
    twice: list[str] = []
    found = {}
    for key, table in tables.items():
        names = group_names([members[0] for members in table.values()])
        groups = zip(names, table.values(), strict=True)
        found[key] = [SeedGroup(name, _by_seed(members, twice)) for name, members in groups]
    return found, twice


def _by_seed(members: list[ComparedRun], twice: list[str]) -> dict[Seed, ComparedRun]:
    by_seed: dict[Seed, ComparedRun] = {}
    for run in members:
        first = by_seed.setdefault(run.seed, run)
        if first is not run:
            twice.append(f"{run.path}: settings and seed of {first.path}")
    return dict(sorted(by_seed.items()))


def folder_name(group: SeedGroup) -> str:
    """The folder that the runs of a group share: without those of seeds and trainings."""
    names = dict.fromkeys(_folder(run.path) for run in group.runs.values())
    return " / ".join(names)


def _folder(path: Path) -> str:
    parts = path.resolve().parts
    own = [part for part in parts if part not in _TRAININGS and not _SEED.fullmatch(part)]
    return own[-1] if own else path.name


def by_folder(groups: Sequence[SeedGroup]) -> list[SeedGroup]:
    """The same groups by their folders' names; where several would share one, by their own."""
    names = [folder_name(group) for group in groups]
    return [
        replace(group, name=name) if names.count(name) == 1 else group
        for group, name in zip(groups, names, strict=True)
    ]


def group_names(members: Sequence[ComparedRun]) -> list[str]:
    """A name for each: its method, then what differs from others of the method, or in training."""
    training = _differing([_trained(member) for member in members if not member.headless])
    names, whole = [], []
    for member in members:
        alike = [other.settings for other in members if other.method == member.method]
        own = {n: member.settings.get(n) for n in _differing(alike) if _has(member.settings, n)}
        trained = {} if member.headless else _trained(member)
        shown = own | {n: trained[n] for n in training if n in trained and n not in own}
        shown = {name: value for name, value in shown.items() if not _unsaid(name, member.settings)}
        words = {n: f"{n.removeprefix('set_')}={_short(value)}" for n, value in shown.items()}
        whole.append(" ".join([member.method, *words.values()]))
        said = [word for n, word in words.items() if not _is_without(n, member.settings)]
        names.append(" ".join([member.method, *said]))
    return [whole[i] if names.count(name) > 1 else name for i, name in enumerate(names)]


def _is_without(name: str, settings: dict[str, Any]) -> bool:
    """Whether a member has no such setting of the mixture, which the others' names tell."""
    plain = name.rpartition(".")[2]
    return name not in settings and (plain == "posteriors" or plain.startswith("fit_"))


def _trained(member: ComparedRun) -> dict[str, Any]:
    """How the first training went, as far as all methods share it."""
    values = member.chain[0].parameters
    hidden = ("seed", "phase", "log_test", *_OWN)
    return {n: v for n, v in values.items() if n not in hidden and not n.startswith("set_")}


def _unsaid(name: str, settings: dict[str, Any]) -> bool:
    """Whether a setting goes without saying: as in the last training, or its default."""
    head, _, plain = name.rpartition(".")
    if name == "loss" and settings.get(name) == defaults.Adaptive.loss:
        return True  # which "adaptive" says
    if plain in _OWN or name not in settings:  # the defaults of a method's own depend on the phase
        return False
    value = settings[name]
    if head and plain in settings:
        return bool(value == settings[plain])
    if plain == "lr":
        optimizer = settings.get(f"{head}.optimizer" if head else "optimizer")
        return bool(value == defaults.LEARNING_RATES.get(str(optimizer)))
    return plain in _DEFAULTS and bool(_DEFAULTS[plain] == value)


def _differing(settings: Sequence[dict[str, Any]]) -> list[str]:
    """The names that not all have with one value, in their order."""
    names = dict.fromkeys(name for values in settings for name in values)
    return [n for n in names if len({json.dumps(v.get(n)) for v in settings if _has(v, n)}) > 1]


def _has(settings: dict[str, Any], name: str) -> bool:
    """Whether a setting could be there: one of an earlier training only where there was one."""
    return "." not in name or name in settings


def _short(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


# ---------------------------------------------------------------- against a reference


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
        f"{reference.name} (the reference), {seed_name(seed)}: {_unpredicted(run)}"
        for seed, run in reference.runs.items()
        if len(groups) > 1 and not _right(run)
    ]
    for group in groups:
        if group is reference:
            continue
        seeds, ours, theirs = [], [], []
        for seed, run in group.runs.items():
            other = reference.runs.get(seed)
            if other is None:
                notes.append(f"{group.name}, {seed_name(seed)}: no such seed of {reference.name}")
                continue
            here, there = _right(run), _right(other)
            if here and there and here.keys() != there.keys():
                notes.append(
                    f"{group.name}, {seed_name(seed)}: other samples than {reference.name}"
                )
            elif not here:
                notes.append(f"{group.name}, {seed_name(seed)}: {_unpredicted(run)}")
            if not here or here.keys() != there.keys():
                continue
            seeds.append(seed)
            ours.append([here[id] for id in here])
            theirs.append([there[id] for id in here])
        if seeds:
            found.append(Pairs(group.name, seeds, np.array(ours, bool), np.array(theirs, bool)))
    return found, notes


def _unpredicted(run: ComparedRun) -> str:
    if not run.chain[-1].best:
        return f"no best.pt, which there is with validation alone: {run.path}"
    return f"no predictions of best.pt (evaluate --save-predictions x.h5): {run.path}"


def _right(run: ComparedRun) -> dict[str, bool]:
    """Whether the fused prediction of best.pt is right, by id; empty where no table tells."""
    table = run.tables.get(BEST)
    if table is None or table.id is None or table.label is None or table.fused_pred is None:
        return {}
    return dict(zip(table.id, (table.fused_pred == table.label).tolist(), strict=True))


def seed_name(seed: Seed) -> str:
    """The seeds of a run in words."""
    return f"seed {', '.join(map(str, seed))}"
