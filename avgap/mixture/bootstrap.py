"""How sure are a mixture's parameters, and its number of components? By resampling. Pure.

Sources: B. Efron 1979 for standard errors; G. J. McLachlan, "On Bootstrapping the Likelihood Ratio
Test Statistic for the Number of Components in a Normal Mixture", Applied Statistics 36 (1987).
All replicates are fitted at once, on bins narrow against the narrowest component.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

from avgap.mixture.em import Fits, Parameters, em
from avgap.mixture.histogram import Bins, grouped
from avgap.mixture.model import Component, Mixture
from avgap.mixture.result import Bootstrap, StandardErrors
from avgap.settings import Fit

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BINS_PER_SIGMA = 8
_MOST_BINS = 4096
_TOL = 1e-7  # of the mean log-likelihood: far below the noise of resampling
_SEED = 2  # of the resampling, beside the seed of the fit
_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)  # where a further component is started
STEPS = 2 * (2 + len(_QUANTILES)) + 1  # fits of all replicates at once, as progress counts them


def bootstrap(
    bins: Bins,
    mixture: Mixture,
    fewer: Mixture | None,
    settings: Fit,
    advance: Callable[[], None] = lambda: None,
) -> Bootstrap:
    """Standard errors of every parameter, and the p-value of one component fewer.

    standard_errors: over settings.bootstrap resamples of the gaps, by role. p_value: the share of
    samples drawn from the mixture of one component fewer (None: there is none) in which one more
    raises the likelihood as much as here. advance: called after each of STEPS, at most.
    """
    rng = np.random.default_rng([settings.seed, _SEED])
    edges = _edges([m for m in (mixture, fewer) if m is not None])
    errors = _standard_errors(_binned(bins, edges), mixture, settings, rng)
    advance()
    p = None
    if fewer is not None:
        p = _p_value(_binned(bins, edges), edges, mixture, fewer, settings, advance)
    return {"replicates": settings.bootstrap, "p_value": p, "standard_errors": errors}


def _edges(mixtures: list[Mixture]) -> NDArray[np.float64]:
    narrowest = min(c.std for m in mixtures for c in m.components.values())
    size = min(math.ceil(2 * _BINS_PER_SIGMA / narrowest), _MOST_BINS)
    return np.linspace(-1, 1, max(size, 16) + 1)


def _binned(bins: Bins, edges: NDArray[np.float64]) -> Bins:
    return grouped(bins, np.searchsorted(edges[1:-1], bins.value, side="right"))


def _standard_errors(
    bins: Bins, mixture: Mixture, settings: Fit, rng: np.random.Generator
) -> dict[str, StandardErrors]:
    counts = rng.multinomial(bins.n, bins.count / bins.n, settings.bootstrap).astype(np.float64)
    start = Parameters.of(*mixture.components.values(), repeat=settings.bootstrap)
    found = _run_em(bins, start, settings, counts).parameters
    columns = zip(mixture.components, found.weight.T, found.mean.T, found.variance.T, strict=True)
    return {
        role: {
            "weight": float(weight.std(ddof=1)) if len(mixture.components) > 1 else 0.0,
            "mean": float(mean.std(ddof=1)),
            "variance": float(variance.std(ddof=1)),
        }
        for role, weight, mean, variance in columns
    }


def _p_value(
    bins: Bins,
    edges: NDArray[np.float64],
    mixture: Mixture,
    fewer: Mixture,
    settings: Fit,
    advance: Callable[[], None],
) -> float:
    """The parametric bootstrap of the likelihood ratio; the least it can say is 1 / (B + 1)."""
    rng = np.random.default_rng([settings.seed, _SEED, 1])
    below = sum(c.weight * ndtr((edges - c.mean) / c.std) for c in fewer.components.values())
    # Gaps end at ±1: what the mixture has beyond them lies in the outermost bins.
    below = np.concatenate([[0.0], np.asarray(below)[1:-1], [1.0]])
    shares = np.diff(below)
    drawn = rng.multinomial(bins.n, shares / shares.sum(), settings.bootstrap).astype(np.float64)
    middle = (edges[1:] + edges[:-1]) / 2
    spread = np.full(len(middle), (edges[1] - edges[0]) ** 2 / 12)
    whole = Bins(middle, spread, drawn[0])
    null = _ratio(whole, mixture, fewer, settings, drawn, advance)
    here = _ratio(bins, mixture, fewer, settings, bins.count[None], advance)[0]
    return float((1 + (null >= here).sum()) / (settings.bootstrap + 1))


def _ratio(
    bins: Bins,
    mixture: Mixture,
    fewer: Mixture,
    settings: Fit,
    counts: NDArray[np.float64],
    advance: Callable[[], None],
) -> NDArray[np.float64]:
    """Twice the gain in log-likelihood by one component more, for R rows of counts, (R,)."""
    rows = len(counts)
    small = _run_em(bins, Parameters.of(*fewer.components.values(), repeat=rows), settings, counts)
    advance()
    # Several starts, as the fit itself has: from one alone the gain under the null would be too
    # small, and p with it.
    initial = [list(mixture.components.values())] + [
        _with_one_more(fewer, level, bins) for level in _QUANTILES
    ]
    gains = []
    for components in initial:
        large = _run_em(bins, Parameters.of(*components, repeat=rows), settings, counts)
        advance()
        # A spike on a few resampled values has no bound of likelihood; the fit itself rejects it.
        collapsed = (large.parameters.variance < 2 * settings.reg_covar).any(axis=1)
        gain = 2 * counts.sum(1) * (large.log_likelihood - small.log_likelihood)
        gains.append(np.where(collapsed, 0.0, gain))
    return np.asarray(np.max(gains, axis=0))


def _with_one_more(fewer: Mixture, level: float, bins: Bins) -> list[Component]:
    """The mixture of fewer components with a fifth of the weight in one more, at a quantile."""
    ranks = np.cumsum(bins.count)
    place = float(bins.value[np.searchsorted(ranks, level * ranks[-1])])
    parts = [Component(0.8 * c.weight, c.mean, c.variance) for c in fewer.components.values()]
    variance = min(c.variance for c in parts) / 2
    return [*parts, Component(0.2, place, variance)]


def _run_em(bins: Bins, start: Parameters, settings: Fit, counts: NDArray[np.float64]) -> Fits:
    return em(
        bins,
        start,
        tol=max(_TOL, settings.tol),
        reg_covar=settings.reg_covar,
        max_iter=settings.max_iter,
        counts=counts,
    )
