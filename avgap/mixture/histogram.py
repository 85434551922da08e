"""Gaps as counts: a histogram of fixed edges to which any number of tables are added. Pure.

The edges depend on the variance floor alone, never on the data, so that parts of the data can be
added in any order. A bin holds how many gaps fell into it and their
sum; the mixture is then fitted to the bins' means, float64 throughout.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BINS_PER_SIGMA = 16  # of the narrowest component that the variance floor allows
_MOST_BINS = 2**20
_SLAB = 2**17  # gaps added at a time: what is computed of them stays in the processor's cache
_SCREENING_PARTS = 256  # groups hold at most one of so many parts of the gaps, or of the range


@dataclass(frozen=True)
class Bins:
    """K values, each standing for gaps close to it: mean, spread (variance within), count, (K,)."""

    value: NDArray[np.float64]
    spread: NDArray[np.float64]
    count: NDArray[np.float64]

    @classmethod
    def of(cls, gap: NDArray[np.float64]) -> Bins:
        """Every gap, (N,), for itself."""
        return cls(gap, np.zeros(len(gap)), np.ones(len(gap)))

    @cached_property
    def n(self) -> int:
        """How many gaps there are."""
        return int(self.count.sum())

    @cached_property
    def variance(self) -> float:
        """The variance of all gaps."""
        mean = self.mean_of(self.value)
        return self.mean_of((self.value - mean) ** 2 + self.spread)

    def mean_of(self, values: NDArray[np.float64]) -> float:
        """The mean over the gaps of what is known per bin, (K,)."""
        return float(np.sum(self.count * values)) / self.n


class Histogram:
    """Counts and sums of gaps in bins of equal width over [−1, 1], (K,)."""

    def __init__(self, reg_covar: float) -> None:
        """Edges for components no narrower than the floor reg_covar of their variance."""
        wanted = 2 * _BINS_PER_SIGMA / math.sqrt(max(reg_covar, 1e-300))
        self.size: int = min(2 ** max(math.ceil(math.log2(wanted)), 8), _MOST_BINS)
        self.count = np.zeros(self.size)
        self.total = np.zeros(self.size)

    @property
    def width(self) -> float:
        """Of a bin, in the gap's unit."""
        return 2 / self.size

    @property
    def n(self) -> int:
        """How many gaps were added."""
        return int(self.count.sum())

    def add(self, gap: NDArray[np.float64]) -> None:
        """Add gaps in [−1, 1], (n,)."""
        scale = self.size / 2
        for start in range(0, len(gap), _SLAB):
            part = np.asarray(gap[start : start + _SLAB], dtype=np.float64)
            scaled = part * scale
            scaled += scale
            index = scaled.astype(np.int64)
            # The last edge belongs to the last bin.
            np.minimum(index, self.size - 1, out=index)
            self.count += np.bincount(index, minlength=self.size)
            self.total += np.bincount(index, part, self.size)

    @cached_property
    def bins(self) -> Bins:
        """The bins that hold gaps, for when all are added."""
        full = self.count > 0
        value = self.total[full] / self.count[full]
        return Bins(value, np.zeros(len(value)), self.count[full])

    def coarse(self, times: int) -> Bins:
        """The bins that hold gaps, so many neighbours taken together."""
        return grouped(self.bins, (np.flatnonzero(self.count > 0) // times).astype(np.int64))

    def order_statistics(self, n: int) -> NDArray[np.float64]:
        """So many gaps, evenly spaced among all in order, (n,); evenly within a bin."""
        below = np.concatenate([[0.0], np.cumsum(self.count)])
        ranks = (np.arange(n) + 0.5) / n * below[-1]
        edges = np.linspace(-1, 1, self.size + 1)
        return np.asarray(np.interp(ranks, below, edges))


def grouped(bins: Bins, label: NDArray[np.int64]) -> Bins:
    """Neighbouring bins of one label, (K,) ascending, taken together: count, mean and spread."""
    first = np.flatnonzero(np.diff(label, prepend=label[0] - 1))
    count = np.add.reduceat(bins.count, first)
    value = np.add.reduceat(bins.count * bins.value, first) / count
    lengths = np.diff(np.append(first, len(label)))
    apart = bins.value - np.repeat(value, lengths)
    spread = np.add.reduceat(bins.count * (bins.spread + apart**2), first) / count
    return Bins(value, spread, count)


def screening_bins(bins: Bins) -> Bins:
    """A few hundred bins, narrow wherever many gaps lie: enough to tell the optima of EM apart."""
    # The sum of two ascending labels changes where either does: bins of few gaps, and never wide.
    rank = np.cumsum(bins.count) * (_SCREENING_PARTS / bins.n)
    place = (bins.value + 1) * (_SCREENING_PARTS / 4)
    return grouped(bins, rank.astype(np.int64) + place.astype(np.int64))
