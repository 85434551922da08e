"""Gaps that were rounded: spread again over what each value stands for. Pure.

Two decimals, k of n votes, scores of 16 bits: many samples then have one value, and whatever takes
gaps for continuous sees a peak at each. Values on a grid stand for a cell of it: the fit, its
likelihood and every test are made on gaps that lie evenly in their cells. Other equal values (votes
of k of n with several n, floating point of few digits) are spread for the dip test alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from avgap.mixture.histogram import Bins

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FINEST = 1000  # cells to a unit; finer ones are narrower than the variance floor's σ
_ON_GRID = 2e-7  # how far the difference of two scores of float32 may lie from its place
_EQUAL = 4e-16  # as far as the differences 0.3 − 0.2 and 0.5 − 0.4 are apart
_LOOKED_AT = 16  # values that rule out nearly every grid
_PARTS = 64  # of a cell, where a bin stands for more gaps
# The widest kernel that a density of this σ can need, 1.144 σ N^(−1/5) (Terrell 1990), as the
# width of a box of the same deviation.
_WIDEST = 1.144 * np.sqrt(12)


def cell(bins: Bins) -> float:
    """The width 1/n of the widest grid that gaps were rounded to; 0 where there is none.

    Nor is there one where no two gaps are equal, or where they have but two values: those are two
    groups by themselves.
    """
    values = np.unique(bins.value)
    few = values[:: max(len(values) // _LOOKED_AT, 1)]
    cells = np.arange(1, _FINEST + 1)
    fitting = cells[_is_on_grid(few[:, None], cells).all(axis=0)]
    n = next((int(n) for n in fitting if _is_on_grid(values, n).all()), 0)
    distinct = len(np.unique(np.round(values * n)))
    return 1 / n if n and 2 < distinct < bins.n else 0.0


def _is_on_grid(values: NDArray[np.float64], cells: NDArray[np.int64] | int) -> NDArray[np.bool_]:
    return np.abs(values - np.round(values * cells) / cells) <= _ON_GRID


def over_cells(bins: Bins, width: float) -> Bins:
    """The same gaps, those on one place of a grid evenly over its cell, in order."""
    place, inverse = np.unique(np.round(bins.value / width), return_inverse=True)
    count = np.bincount(inverse, bins.count)
    alone = bins.n == len(bins.value)  # every gap for itself, and so it stays
    parts = (count if alone else np.minimum(count, _PARTS)).astype(np.int64)
    value = np.repeat(place * width, parts) + width * _even(parts)
    spread = np.zeros(len(value)) if alone else np.repeat((width / parts) ** 2 / 12, parts)
    return Bins(value, spread, np.repeat(count / parts, parts))


def apart(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """N values in order, (N,), equal ones spread evenly; without equal ones as they are.

    Over a cell where there is a grid; else so widely that they lie as densely as what is around
    them, or, alone, as a density of this deviation allows.
    """
    if (np.diff(values) != 0).all():
        return values
    width = cell(Bins.of(values))
    if width:
        return over_cells(Bins.of(values), width).value
    first = np.flatnonzero(np.diff(values, prepend=-np.inf) > _EQUAL)
    parts = np.diff(np.append(first, len(values)))
    if len(parts) <= 2:
        return values
    quartiles = np.diff(np.quantile(values, (0.25, 0.75)))[0] / 1.349  # of a Gaussian: its σ
    deviation = min(values.std(), quartiles) if quartiles > 0 else values.std()
    around = _WIDEST * deviation * len(values) ** -0.2
    low, high = (np.searchsorted(values, values[first] + s * around / 2) for s in (-1, 1))
    width = around * parts / np.maximum(high - low, parts)
    return np.sort(values + np.repeat(width, parts) * _even(parts))


def _even(parts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Evenly spaced places in (−½, ½), so many for each; 0 where there is one."""
    within = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts)
    return (within + 0.5) / np.repeat(parts, parts) - 0.5
