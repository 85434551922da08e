"""Trainings that differ in nothing but the seed, under short names that tell groups apart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from avgap import settings as defaults
from avgap.report.trainings import Training

# Not the same in every method by nature: how it is trained, and for how long.
_OWN = ("epochs", "loss", "method", "steps")
_DEFAULTS = {
    **defaults.parameters(defaults.Training()),
    **defaults.parameters(defaults.Adaptive()),
    **{f"fit_{n}": value for n, value in defaults.parameters(defaults.Fit()).items()},
}


@dataclass(frozen=True)
class SeedGroup:
    """Trainings of equal settings by seed. name: the method, and the settings that differ."""

    name: str
    trainings: dict[tuple[int, ...], Training]


def group_by_settings(
    trainings: Sequence[Training],
) -> tuple[dict[tuple[str, str], list[SeedGroup]], list[str]]:
    """Groups by (cache, split), in the order found; and the trainings of a seed that was there.

    The second part names each of those, which is not counted.
    """
    tables: dict[tuple[str, str], dict[str, list[Training]]] = {}
    for training in trainings:
        settings = json.dumps([training.method, training.settings], sort_keys=True)
        table = tables.setdefault((training.cache, training.split), {})
        table.setdefault(settings, []).append(training)
    twice: list[str] = []
    found = {}
    for key, table in tables.items():
        names = group_names([members[0] for members in table.values()])
        groups = zip(names, table.values(), strict=True)
        found[key] = [SeedGroup(name, _by_seed(members, twice)) for name, members in groups]
    return found, twice


def _by_seed(members: list[Training], twice: list[str]) -> dict[tuple[int, ...], Training]:
    by_seed: dict[tuple[int, ...], Training] = {}
    for training in members:
        first = by_seed.setdefault(training.seed, training)
        if first is not training:
            twice.append(f"{training.path}: settings and seed of {first.path}")
    return dict(sorted(by_seed.items()))


def group_names(members: Sequence[Training]) -> list[str]:
    """A name for each: its method, then what differs from others of the method, or in training."""
    training = _differing([_trained(member) for member in members if not member.headless])
    names = []
    for member in members:
        alike = [other.settings for other in members if other.method == member.method]
        own = {n: member.settings.get(n) for n in _differing(alike) if _has(member.settings, n)}
        trained = {} if member.headless else _trained(member)
        shown = own | {n: trained[n] for n in training if n in trained and n not in own}
        shown = {name: value for name, value in shown.items() if not _unsaid(name, member.settings)}
        words = [f"{name.removeprefix('set_')}={_short(v)}" for name, v in shown.items()]
        names.append(" ".join([member.method, *words]))
    return names


def _trained(member: Training) -> dict[str, Any]:
    """How the first stage trained, as far as all methods share it."""
    values = member.stages[0].stamp.parameters
    hidden = ("seed", "phase", "log_test", *_OWN)
    return {n: v for n, v in values.items() if n not in hidden and not n.startswith("set_")}


def _unsaid(name: str, settings: dict[str, Any]) -> bool:
    """Whether a setting goes without saying: as in the last stage, or its default."""
    head, _, plain = name.rpartition(".")
    if name == "loss" and settings.get(name) == defaults.Adaptive.loss:
        return True  # which "adaptive" says
    if plain in _OWN or name not in settings:  # the defaults of a method's own depend on the stage
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
    """Whether a setting could be there: one of an earlier stage only where there was that stage."""
    return "." not in name or name in settings


def _short(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
