"""Is a sample of one peak? Hartigan's dip statistic and its p-value.

Source: J. A. Hartigan and P. M. Hartigan, "The Dip Test of Unimodality", Annals of Statistics 13
(1985), 70–84. The dip is the smallest sup-distance between the empirical distribution function
and any unimodal one; it lies in [1/(2N), 1/4]. The null hypothesis is the uniform distribution,
the least favourable unimodal one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from avgap.mixture.ties import apart

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

MAX_SAMPLES = 4096
_SIEVES = 6  # each leaves about half of the points to the loop of _hull in Python
DIP_P_NEEDED = 0.05  # a p-value below speaks for more than one peak
P_FLOOR = 0.001  # the table ends here; a smaller p-value is reported as this one

# Upper-tail probabilities, and for each N the values that √N · dip of a uniform sample exceeds with
# that probability: {n: null_quantiles(n, 20_000, seed=0) for n in _NULL}, in units of 1e-4.
_TAILS = (0.99, 0.9, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.001)
# fmt: off
_NULL = {
    4: (2500, 2500, 2500, 2500, 2648, 3137, 3737, 4135, 4449, 4631, 4739, 4894),
    8: (1768, 2320, 2820, 3133, 3404, 3536, 3996, 4347, 4688, 4868, 5043, 5482),
    16: (2115, 2470, 2910, 3247, 3617, 3887, 4267, 4619, 5023, 5296, 5557, 6062),
    32: (2181, 2598, 3029, 3386, 3794, 4078, 4488, 4867, 5327, 5631, 5884, 6373),
    64: (2255, 2696, 3128, 3494, 3919, 4203, 4638, 5008, 5482, 5802, 6124, 6675),
    128: (2297, 2766, 3209, 3572, 4001, 4300, 4751, 5142, 5615, 5918, 6189, 6833),
    256: (2356, 2805, 3258, 3633, 4091, 4383, 4825, 5240, 5721, 6061, 6376, 6952),
    1024: (2404, 2876, 3327, 3715, 4166, 4464, 4930, 5372, 5880, 6212, 6546, 7322),
    4096: (2420, 2903, 3362, 3748, 4197, 4512, 4984, 5394, 5888, 6225, 6531, 7205),
}
# fmt: on


class DipTest(NamedTuple):
    """The dip, and its p-value (small: more than one peak)."""

    dip: float
    p: float


def dip_test(values: ArrayLike) -> DipTest:
    """Test N finite values against the hypothesis of one peak.

    The test is one of continuous values: equal ones, as rounding leaves them, are spread first.
    Above MAX_SAMPLES values only so many order statistics, evenly spaced, are used. They are
    smoother than a random sample of that size, so the p-value errs towards one peak.
    """
    x = apart(np.sort(np.asarray(values, dtype=np.float64)))
    if len(x) > MAX_SAMPLES:
        x = x[np.linspace(0, len(x) - 1, MAX_SAMPLES).round().astype(np.int64)]
    statistic = dip(x)
    return DipTest(statistic, _p_value(statistic, len(x)))


def dip(values: ArrayLike) -> float:
    """Hartigan's dip of N finite values; 1/(2N) is the least a sample can have.

    Works on the two staircases of the empirical distribution function, in counts: the greatest
    convex minorant of its lower corners and the least concave majorant of its upper ones. The
    modal interval shrinks until the two are no farther apart than the misfit found outside it.
    """
    x, counts = np.unique(np.asarray(values, dtype=np.float64), return_counts=True)
    n = int(counts.sum())
    upper = np.cumsum(counts).astype(np.float64)
    lower = upper - counts
    # Misfit is twice the dip, in counts: of any sample at least one, the height of a stair.
    start, end, misfit = 0, len(x) - 1, 1.0
    while True:
        span = slice(start, end + 1)
        left = start + _hull(x[span], lower[span])
        right = start + _hull(x[span], -upper[span])
        minorant = np.interp(x[span], x[left], lower[left])
        majorant = np.interp(x[span], x[right], upper[right])
        apart = majorant - minorant
        at_left, at_right = apart[left - start], apart[right - start]
        if max(at_left.max(), at_right.max()) <= misfit:
            break  # narrowing the interval further cannot raise the misfit
        # The curves are farthest apart at a corner of one of them. The interval shrinks to that
        # corner and the other curve's nearest: behind a minorant's, before a majorant's.
        if at_left.max() >= at_right.max():
            low = int(left[at_left.argmax()])
            high = int(right[np.searchsorted(right, low)])
        else:
            high = int(right[at_right.argmax()])
            low = int(left[np.searchsorted(left, high, side="right") - 1])
        # Before the interval a unimodal function is convex, behind it concave: by what the
        # staircase leaves these curves there, every one of them misses it.
        before, after = slice(start, low), slice(high + 1, end + 1)
        outside = np.concatenate(
            [
                upper[before] - minorant[: low - start],
                majorant[high + 1 - start :] - lower[after],
            ]
        )
        misfit = max(misfit, float(outside.max(initial=0.0)))
        if (low, high) == (start, end):
            break
        start, end = low, high
    return misfit / (2 * n)


def _hull(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.int64]:
    """Indices of the points that the greatest convex minorant of (x, y) touches; x ascending."""
    left = np.arange(len(x))
    # Dropping what cannot be a corner is vectorised; only the rest needs the exact scan below.
    for _ in range(_SIEVES):
        # On or above the chord of its neighbours: no corner of the minorant.
        run, rise = np.diff(x[left]), np.diff(y[left])
        corner = rise[:-1] * run[1:] < rise[1:] * run[:-1]
        left = left[np.concatenate([[True], corner, [True]])] if len(left) > 2 else left
    xs, ys = x[left].tolist(), y[left].tolist()
    kept: list[int] = []
    for i, (xi, yi) in enumerate(zip(xs, ys, strict=True)):
        while len(kept) > 1:
            a, b = kept[-2], kept[-1]
            if (ys[b] - ys[a]) * (xi - xs[a]) < (yi - ys[a]) * (xs[b] - xs[a]):
                break
            kept.pop()
        kept.append(i)
    return np.asarray(left[kept])


def null_quantiles(n: int, replicates: int, seed: int) -> NDArray[np.float64]:
    """√N · dip of uniform samples of n values at the table's upper-tail probabilities."""
    rng = np.random.default_rng([seed, n])
    dips = [dip(rng.random(n)) for _ in range(replicates)]
    return np.asarray(np.sqrt(n) * np.quantile(dips, 1 - np.array(_TAILS)))


def _p_value(statistic: float, n: int) -> float:
    """Interpolate between the table's rows in log N, then along the row; outside it, clamp."""
    sizes = np.array(list(_NULL))
    rows = np.array(list(_NULL.values())) / 1e4
    row = [np.interp(np.log(n), np.log(sizes), rows[:, k]) for k in range(len(_TAILS))]
    value = np.sqrt(n) * statistic
    if value <= row[0]:
        return 1.0
    return float(10 ** np.interp(value, row, np.log10(_TAILS)))
