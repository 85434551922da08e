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
class Parameters:
    """Weight, mean and variance of the components of R mixtures of k, each (R, k)."""

    weight: NDArray[np.float64]
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]

    @classmethod
    def of(cls, *components: Component, repeat: int = 1) -> Parameters:
        """The same components, repeat times."""
        values = [[getattr(c, name) for c in components] for name in ("weight", "mean", "variance")]
        return cls(*(np.tile(np.asarray(row), (repeat, 1)) for row in values))

    def components(self, row: int) -> list[Component]:
        """The components of one mixture."""
        values = zip(self.weight[row], self.mean[row], self.variance[row], strict=True)
        # EM may starve a component; a weight of zero has no logarithm.
        return [Component(max(float(w), _TINY), float(m), float(v)) for w, m, v in values]

    def rows(self, chosen: NDArray[np.int64]) -> Parameters:
        """Some of the mixtures."""
        return Parameters(self.weight[chosen], self.mean[chosen], self.variance[chosen])

    @classmethod
    def concatenated(cls, rows: Sequence[Parameters]) -> Parameters:
        """All mixtures of several, one after the other."""
        names = ("weight", "mean", "variance")
        return cls(*(np.concatenate([getattr(row, name) for row in rows]) for name in names))

    def replace_rows(self, chosen: NDArray[np.int64], rows: Parameters) -> None:
        """Replace some of the mixtures."""
        self.weight[chosen], self.mean[chosen] = rows.weight, rows.mean
        self.variance[chosen] = rows.variance


@dataclass(frozen=True)
class Fits:
    """R fits: parameters, iterations, whether each converged, mean log-likelihood; each (R,)."""

    parameters: Parameters
    n_iter: NDArray[np.int64]
    converged: NDArray[np.bool_]
    log_likelihood: NDArray[np.float64]


def em(
    bins: Bins,
    start: Parameters,
    *,
    tol: float,
    reg_covar: float,
    max_iter: int,
    counts: NDArray[np.float64] | None = None,
) -> Fits:
    """Run EM from R mixtures at once, each until its mean log-likelihood gains less than tol.

    counts: (R, K) in place of the bins' own. reg_covar is added to every variance at every step.
    """
    size = len(start.weight)
    shares = np.atleast_2d(bins.count if counts is None else counts)
    shares = np.broadcast_to(shares / shares.sum(1, keepdims=True), (size, len(bins.value)))
    features = np.stack([np.ones_like(bins.value), bins.value, bins.value**2])
    moments = np.stack([features[0], features[1], features[2] + bins.spread], axis=1)
    parameters = Parameters(start.weight.copy(), start.mean.copy(), start.variance.copy())
    level = np.full(size, -np.inf)
    n_iter = np.zeros(size, dtype=np.int64)
    converged = np.zeros(size, dtype=bool)
    active = np.arange(size)
    while active.size:
        share = shares[active]
        # What has converged leaves the batch: slow fits cost themselves alone.
        responsibility, reached = _expect(parameters.rows(active), features, share)
        done = reached - level[active] < tol
        level[active] = reached
        converged[active[done]] = True
        going = ~done & (n_iter[active] < max_iter)
        responsibility, share, active = responsibility[going], share[going], active[going]
        parameters.replace_rows(
            active, _maximise(responsibility * share[:, None, :], moments, reg_covar)
        )
        n_iter[active] += 1
    return Fits(parameters, n_iter, converged, level)


def _expect(
    parameters: Parameters, features: NDArray[np.float64], share: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Responsibilities, (R, k, K), and the mean log-likelihoods, (R,). Eq. 9."""
    with np.errstate(divide="ignore"):
        constant = np.log(parameters.weight) - 0.5 * np.log(2 * np.pi * parameters.variance)
    # A starved component has log 0 = −∞, which times 0 would be NaN.
    constant = np.maximum(constant, -1e300)
    # log π N(x) = constant − (x − μ)² / 2σ² as a polynomial in x.
    coefficients = np.stack(
        [
            constant - parameters.mean**2 / (2 * parameters.variance),
            parameters.mean / parameters.variance,
            -0.5 / parameters.variance,
        ],
        axis=-1,
    )
    logs = coefficients @ features
    # In place from here: an array of (R, k, K) is by far the largest there is.
    top = logs.max(axis=1)
    logs -= top[:, None, :]
    density = np.exp(logs, out=logs)
    total = density.sum(axis=1)
    density /= total[:, None, :]
    return density, ((top + np.log(total)) * share).sum(axis=1)


def _maximise(
    responsibility: NDArray[np.float64], moments: NDArray[np.float64], reg_covar: float
) -> Parameters:
    sums = responsibility @ moments
    weight = sums[..., 0]
    mean = sums[..., 1] / np.maximum(weight, _TINY)
    # Gaps lie in [−1, 1], so E x² − (E x)² loses at most about 1e-16, far below the floor of 1e-6.
    variance = sums[..., 2] / np.maximum(weight, _TINY) - mean**2
    return Parameters(weight, mean, np.maximum(variance, 0) + reg_covar)
