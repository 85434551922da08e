"""How sure are a share, and the difference between two trainings? Pure: arrays in, numbers out.

Sources: E. B. Wilson, JASA 22 (1927), for the interval of a share; Q. McNemar, Psychometrika 12
(1947), in its exact form; B. Efron 1979 for the bootstrap of pairs. McNemar's test asks about
samples alone, the bootstrap about samples, or samples and seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_Z = 1.959964  # the normal distribution's 97.5th percentile
RESAMPLES = 10_000
_AT_ONCE = 1_000_000  # values drawn at a time


@dataclass(frozen=True)
class Share:
    """count of n, and Wilson's 95 % interval [low, high] of the share."""

    count: float
    n: int
    low: float
    high: float

    @property
    def value(self) -> float | None:
        """count / n; None where n is 0."""
        return self.count / self.n if self.n else None

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {"share": self.value, **asdict(self)}


def wilson(count: float, n: int) -> Share:
    """A share with Wilson's score interval: never empty, never outside [0, 1].

    count: may be a mean of counts.
    """
    if n == 0:
        return Share(0, 0, 0.0, 1.0)
    p, z2 = count / n, _Z**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n**2))
    # Rounding must not leave the share outside.
    return Share(count, n, max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half)))


class Spread(NamedTuple):
    """Mean and sample standard deviation (n − 1) over n seeds; std None of one."""

    n: int
    mean: float
    std: float | None


class Difference(NamedTuple):
    """A mean difference, and its 95 % interval [low, high]."""

    value: float
    low: float
    high: float


class McNemar(NamedTuple):
    """gained: right here, wrong in the reference; lost: the reverse. p: two-sided, exact."""

    gained: int
    lost: int
    p: float


def spread(values: Sequence[float]) -> Spread:
    """Mean and standard deviation over seeds. Raises ValueError of no values."""
    if not values:
        raise ValueError("no values to average")
    std = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Spread(len(values), float(np.mean(values)), std)


def mcnemar(right: NDArray[np.bool_], reference: NDArray[np.bool_]) -> McNemar:
    """Do two trainings err equally often? right, reference: (N,), the same samples in order.

    Only samples on which they disagree count: under the null each falls to either side with ½.
    """
    from scipy.stats import binomtest

    _same_shape(right, reference)
    gained, lost = int((right & ~reference).sum()), int((reference & ~right).sum())
    p = float(binomtest(gained, gained + lost, 0.5).pvalue) if gained + lost else 1.0
    return McNemar(gained, lost, p)


def paired_bootstrap(
    right: NDArray[np.bool_],
    reference: NDArray[np.bool_],
    resamples: int = RESAMPLES,
    seed: int = 0,
    *,
    over_seeds: bool = False,
) -> Difference:
    """Accuracy minus the reference's accuracy, its interval by drawing samples again.

    right, reference: (S, N), S seeds by N samples. A drawn sample brings all of its seeds: two
    trainings on one sample are no two samples. over_seeds: pairs of seeds are drawn again, too, so
    that the interval is of trainings with other seeds on other samples. It is that of percentiles.
    """
    _same_shape(right, reference)
    change = right.astype(np.float64) - reference
    (s, n), rng = change.shape, np.random.default_rng(seed)
    means: list[NDArray[np.float64]] = []
    rows = max(1, _AT_ONCE // n)
    for start in range(0, resamples, rows):
        count = min(rows, resamples - start)
        drawn = rng.integers(n, size=(count, n))
        if over_seeds:
            weights = rng.multinomial(s, np.full(s, 1 / s), size=count) / s
            means.append(np.take_along_axis(weights @ change, drawn, axis=1).mean(axis=1))
        else:
            means.append(change.mean(axis=0)[drawn].mean(axis=1))
    low, high = np.quantile(np.concatenate(means), [0.025, 0.975])
    return Difference(float(change.mean()), float(low), float(high))


def _same_shape(right: NDArray[np.bool_], reference: NDArray[np.bool_]) -> None:
    if right.shape != reference.shape or right.size == 0:
        raise ValueError(f"{right.shape} and {reference.shape}: not the same samples, or none")
