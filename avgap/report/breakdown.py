"""Gaps by group: how many samples, which modality leads, what share is imbalanced. Pure.

A sample counts as imbalanced where its posterior w_{i,1} (Eq. 9) is above ½. Shares carry Wilson's
95 % interval. Gaps are pure numbers in [−1, 1], above zero where the audio leads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from avgap.report.statistics import Share, wilson
from avgap.text import natural_order, one_form

if TYPE_CHECKING:
    from numpy.typing import NDArray

IMBALANCED = 0.5  # a posterior above it counts as imbalanced
NONE = "(none)"  # the group of samples without a value
_DISTINCT = 12  # numbers of more distinct values are cut into quarters,
_EACH = 10  # unless they are whole, and each has this many samples on average: numbered speakers
AGREEMENT = ("both right", "only audio", "only visual", "neither")


@dataclass(frozen=True)
class Samples:
    """What is summed up by group: gap (N,), posterior (N,) or None, fused_right (N,) or None."""

    gap: NDArray[np.float64]
    posterior: NDArray[np.float64] | None = None
    fused_right: NDArray[np.bool_] | None = None

    def of(self, rows: NDArray[np.bool_]) -> Samples:
        """Those of the rows that are true, (N,)."""
        posterior = None if self.posterior is None else self.posterior[rows]
        right = None if self.fused_right is None else self.fused_right[rows]
        return Samples(self.gap[rows], posterior, right)


@dataclass(frozen=True)
class Group:
    """One group of samples. audio_leads: of those whose gap is not 0. fused_right: accuracy."""

    name: str
    n: int
    mean_gap: float
    mean_posterior: float | None
    imbalanced: Share | None
    audio_leads: Share
    fused_right: Share | None

    @property
    def dominant(self) -> str:
        """audio or visual where the interval of audio_leads lies on one side of ½, else neither."""
        if self.audio_leads.low > 0.5:
            return "audio"
        return "visual" if self.audio_leads.high < 0.5 else "neither"

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        shares = ("imbalanced", "audio_leads", "fused_right")
        parts = {name: getattr(self, name) for name in shares}
        return {
            "group": self.name,
            "n": self.n,
            "mean_gap": self.mean_gap,
            "mean_posterior": self.mean_posterior,
            "dominant": self.dominant,
            **{name: None if part is None else part.as_dict() for name, part in parts.items()},
        }


def summed_up(name: str, samples: Samples) -> Group:
    """One group of at least one sample."""
    gap, posterior, right = samples.gap, samples.posterior, samples.fused_right
    n = len(gap)
    return Group(
        name,
        n,
        float(gap.mean()),
        None if posterior is None else float(posterior.mean()),
        None if posterior is None else wilson(int((posterior > IMBALANCED).sum()), n),
        wilson(int((gap > 0).sum()), int((gap != 0).sum())),
        None if right is None else wilson(int(right.sum()), n),
    )


@dataclass(frozen=True)
class Grouping:
    """Which group each of N samples is in: names in order, and indices into them, (N,)."""

    names: tuple[str, ...]
    index: NDArray[np.int64]


def breakdown(samples: Samples, grouping: Grouping) -> list[Group]:
    """Every group that has samples, in the grouping's order."""
    return [
        summed_up(name, samples.of(grouping.index == i))
        for i, name in enumerate(grouping.names)
        if (grouping.index == i).any()
    ]


# ---------------------------------------------------------------- groupings


def by_text(values: Sequence[str]) -> Grouping:
    """One group per value, sorted naturally, "" last as "(none)"; measured numbers in quarters."""
    numbers = _numbers(values)
    if numbers is not None:
        known = numbers[~np.isnan(numbers)]
        distinct = len(np.unique(known))
        codes = bool((known == np.rint(known)).all()) and len(known) >= _EACH * distinct
        if distinct > _DISTINCT and not codes:
            return by_quarter(numbers)
    forms = one_form(values)
    names = (*natural_order(forms[value] for value in values if value), NONE)
    place = {name: i for i, name in enumerate(names)}
    return Grouping(names, np.array([place[forms[value] or NONE] for value in values], np.int64))


def _numbers(values: Sequence[str]) -> NDArray[np.float64] | None:
    """The values as numbers, NaN where there is none; None where one is no finite number."""
    try:
        numbers = np.array([float(value) if value else math.nan for value in values])
    except ValueError:
        return None
    there = np.array([value != "" for value in values], bool)
    return numbers if np.isfinite(numbers[there]).all() and there.any() else None


def by_quarter(numbers: NDArray[np.float64]) -> Grouping:
    """Four groups of about equal size, cut at the quartiles; equal numbers stay together."""
    known = numbers[~np.isnan(numbers)]
    edges = np.unique(np.quantile(known, [0.25, 0.5, 0.75]))
    index = np.searchsorted(edges, numbers, side="left")
    names = []
    for i in range(len(edges) + 1):
        inside = known[np.searchsorted(edges, known, side="left") == i]
        names.append(f"{inside.min():.6g} … {inside.max():.6g}" if inside.size else f"quarter {i}")
    index[np.isnan(numbers)] = len(names)
    return Grouping((*names, NONE), index.astype(np.int64))


def by_class(column: NDArray[np.int64], classes: Sequence[str]) -> Grouping:
    """One group per class of a column of class indices, (N,); an index without a name is its own.

    classes: the names, index = class; empty where they are not known.
    """
    known = [int(i) for i in np.unique(column)]
    names = tuple(classes[i] if 0 <= i < len(classes) else str(i) for i in known)
    return Grouping(names, np.searchsorted(known, column).astype(np.int64))


def by_agreement(audio_right: NDArray[np.bool_], visual_right: NDArray[np.bool_]) -> Grouping:
    """Who of audio and visual predicts the label: both, only audio, only visual, neither; (N,)."""
    cases = [audio_right & visual_right, audio_right, visual_right]
    return Grouping(AGREEMENT, np.select(cases, [0, 1, 2], 3).astype(np.int64))
