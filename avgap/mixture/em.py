"""EM for Gaussian mixtures on binned values, many fits at once. Pure.

R fits of k components share K bins; each has its own counts where they are resampled. Everything
per bin is a matrix product, so that hundreds of small fits take as long as one large one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from avgap.mixture.model import Component

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from avgap.mixture.histogram import Bins

_TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True)
class Parts:
    """The components of R mixtures of k: weight, mean and variance, each (R, k)."""

    weight: NDArray[np.float64]
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]

    @classmethod
    def of(cls, *components: Component, repeat: int = 1) -> Parts:
        """The same components, repeat times."""
        values = [[getattr(c, name) for c in components] for name in ("weight", "mean", "variance")]
        return cls(*(np.tile(np.asarray(row), (repeat, 1)) for row in values))

    def components(self, row: int) -> list[Component]:
        """The components of one mixture."""
        values = zip(self.weight[row], self.mean[row], self.variance[row], strict=True)
        # EM may starve a component; a weight of zero has no logarithm.
        return [Component(max(float(w), _TINY), float(m), float(v)) for w, m, v in values]

    def rows(self, chosen: NDArray[np.int64]) -> Parts:
        """Some of the mixtures."""
        return Parts(self.weight[chosen], self.mean[chosen], self.variance[chosen])

    @classmethod
    def concatenated(cls, rows: Sequence[Parts]) -> Parts:
        """The mixtures of several, one after the other."""
        names = ("weight", "mean", "variance")
        return cls(*(np.concatenate([getattr(part, name) for part in rows]) for name in names))

    def joined(self, other: Parts) -> Parts:
        """These mixtures and others."""
        return Parts.concatenated([self, other])

    def put(self, chosen: NDArray[np.int64], rows: Parts) -> None:
        """Replace some of the mixtures."""
        self.weight[chosen], self.mean[chosen] = rows.weight, rows.mean
        self.variance[chosen] = rows.variance


@dataclass(frozen=True)
class Fits:
    """R fits: their parts, iterations, whether they converged, mean log-likelihood; each (R,)."""

    parts: Parts
    n_iter: NDArray[np.int64]
    converged: NDArray[np.bool_]
    log_likelihood: NDArray[np.float64]


def em(
    bins: Bins,
    start: Parts,
    *,
    tol: float,
    reg_covar: float,
    max_iter: int,
    counts: NDArray[np.float64] | None = None,
) -> Fits:
    """Follow R mixtures from their start to where the mean log-likelihood gains less than tol.

    counts: (R, K) in place of the bins' own. reg_covar is added to every variance at every step.
    """
    size = len(start.weight)
    shares = np.atleast_2d(bins.count if counts is None else counts)
    shares = np.broadcast_to(shares / shares.sum(1, keepdims=True), (size, len(bins.value)))
    features = np.stack([np.ones_like(bins.value), bins.value, bins.value**2])
    moments = np.stack([features[0], features[1], features[2] + bins.spread], axis=1)
    parts = Parts(start.weight.copy(), start.mean.copy(), start.variance.copy())
    level = np.full(size, -np.inf)
    n_iter = np.zeros(size, dtype=np.int64)
    converged = np.zeros(size, dtype=bool)
    active = np.arange(size)
    while active.size:
        share = shares[active]
        responsibility, reached = _expect(parts.rows(active), features, share)
        done = reached - level[active] < tol
        level[active] = reached
        converged[active[done]] = True
        going = ~done & (n_iter[active] < max_iter)
        responsibility, share, active = responsibility[going], share[going], active[going]
        parts.put(active, _maximise(responsibility * share[:, None, :], moments, reg_covar))
        n_iter[active] += 1
    return Fits(parts, n_iter, converged, level)


def _expect(
    parts: Parts, features: NDArray[np.float64], share: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Responsibilities, (R, k, K), and the mean log-likelihoods, (R,). Eq. 9."""
    with np.errstate(divide="ignore"):
        constant = np.log(parts.weight) - 0.5 * np.log(2 * np.pi * parts.variance)
    constant = np.maximum(constant, -1e300)
    # log π N(x) = constant − (x − μ)² / 2σ² as a polynomial in x.
    coefficients = np.stack(
        [
            constant - parts.mean**2 / (2 * parts.variance),
            parts.mean / parts.variance,
            -0.5 / parts.variance,
        ],
        axis=-1,
    )
    logs = coefficients @ features
    top = logs.max(axis=1)
    logs -= top[:, None, :]
    density = np.exp(logs, out=logs)
    total = density.sum(axis=1)
    density /= total[:, None, :]
    return density, ((top + np.log(total)) * share).sum(axis=1)


def _maximise(
    responsibility: NDArray[np.float64], moments: NDArray[np.float64], reg_covar: float
) -> Parts:
    sums = responsibility @ moments
    weight = sums[..., 0]
    mean = sums[..., 1] / np.maximum(weight, _TINY)
    variance = sums[..., 2] / np.maximum(weight, _TINY) - mean**2
    return Parts(weight, mean, np.maximum(variance, 0) + reg_covar)
