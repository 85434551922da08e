"""The mixture that fits gaps best: EM from several starts, one to three components. Pure. Eq. 8.

EM starts on a few hundred bins from every start at once; the best are followed to convergence: up
to EXACT gaps on the gaps themselves, where scikit-learn has the last word, else on a histogram.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from avgap.errors import InputError
from avgap.mixture.bootstrap import bootstrap
from avgap.mixture.diagnostics import GROUP_NEEDED, bic, choose, diagnose
from avgap.mixture.em import Fits, Parts, em
from avgap.mixture.histogram import Bins, Histogram, scouting
from avgap.mixture.initial import halved, moments, starts
from avgap.mixture.model import ROLE_RULE, Component, Mixture
from avgap.settings import Fit

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_DEFAULT = Fit()
EXACT = 200_000  # gaps above which the histogram stands for them
SCOUT_TOL = 1e-5  # of the mean log-likelihood per iteration
EQUAL = 1e-9  # gaps of a smaller range are one value
_FOLLOWED = 3  # optima followed to convergence
_BINS_PER_SIGMA = 32  # of the narrowest component found, to begin with
_ERROR = 1e-3  # of the parameters by the bins' width: above it, narrower bins


@dataclass(frozen=True)
class FitResult:
    """A fitted mixture, how EM got there (`fit`), and what it is worth (`diagnostics`)."""

    mixture: Mixture
    fit: dict[str, Any]
    diagnostics: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """The body of gmm.json."""
        return {
            "components": self.mixture.as_dict(),
            "role_rule": ROLE_RULE,
            "fit": self.fit,
            "diagnostics": self.diagnostics,
        }


def fit_mixture(
    gap: ArrayLike,
    components: Literal[1, 2, 3, "auto"] = _DEFAULT.components,
    *,
    n_init: int = _DEFAULT.n_init,
    tol: float = _DEFAULT.tol,
    reg_covar: float = _DEFAULT.reg_covar,
    max_iter: int = _DEFAULT.max_iter,
    seed: int = _DEFAULT.seed,
    bootstrap: int = _DEFAULT.bootstrap,
) -> FitResult:
    """Fit the mixture of Eq. 8 to N gaps in [−1, 1], (N,).

    components: 1, 2, 3 or "auto". n_init: starts of EM. tol: the gain in mean log-likelihood at
    which it stops. reg_covar: the floor of every variance. bootstrap: replicates for standard
    errors and a p-value, 0 for none. Raises InputError: see fit.
    """
    settings = Fit(components, n_init, tol, reg_covar, max_iter, seed, bootstrap)
    return fit(np.asarray(gap, dtype=np.float64), settings)


def fit(gap: NDArray[np.float64] | Histogram, settings: Fit) -> FitResult:
    """Fit a mixture to N gaps, (N,), or to the histogram of any number of them.

    Raises InputError: fewer different gaps than components, gaps that are not numbers in [−1, 1].
    """
    if settings.components not in (1, 2, 3, "auto"):
        raise ValueError(f"components are 1, 2, 3 or auto, not {settings.components}")
    least = 1 if settings.components == "auto" else int(settings.components)
    if not isinstance(gap, Histogram):
        _check(gap, least)
        # In order, so that the order of the samples changes nothing, to the last bit.
        gap = np.sort(gap) if len(gap) <= EXACT else _histogram(gap, settings.reg_covar)
    bins = gap.bins if isinstance(gap, Histogram) else Bins.of(gap)
    equal = bins.value[-1] - bins.value[0] < EQUAL
    if equal and least > 1:
        raise _all_equal(bins)
    distinct = 1 if equal else len(np.unique(bins.value))
    if distinct < least:
        raise _too_few(distinct, least)
    most = min(3, distinct) if settings.components == "auto" else least
    fitted: dict[int, tuple[Mixture, dict[str, Any]]] = {}
    for k in range(1, most + 1):
        fewer = fitted[k - 1][0] if k > 1 else None
        fitted[k] = estimate(k, gap, bins, settings, fewer)
    values = {k: bic(mixture, record, bins.n) for k, (mixture, record) in fitted.items()}
    mixtures = {k: mixture for k, (mixture, _) in fitted.items()}
    if settings.components == "auto":
        most = choose(bins, mixtures, values)
    mixture, record = fitted[most]
    diagnostics = {**diagnose(bins, mixture, record, values), "bootstrap": None}
    if settings.bootstrap:
        fewer = mixtures.get(most - 1)
        diagnostics["bootstrap"] = bootstrap(bins, mixture, fewer, settings)
    return FitResult(mixture, record, diagnostics)


def estimate(
    k: int,
    gap: NDArray[np.float64] | Histogram,
    bins: Bins,
    settings: Fit,
    fewer: Mixture | None = None,
) -> tuple[Mixture, dict[str, Any]]:
    """The best mixture of k components, and how EM got there; fewer: the best of k − 1."""
    if k == 1:
        mean = bins.mean_of(bins.value)
        only = Mixture(Component(1.0, mean, bins.variance + settings.reg_covar))
        method = "histogram" if isinstance(gap, Histogram) else "exact"
        told = {"method": method, "n_starts": 1, "n_iter": 1, "converged": True}
        return only, _record(only, bins, settings, **told)
    few = scouting(bins)
    if len(few.value) < max(k, _FOLLOWED):
        few = bins
    splits = [s for s in starts(few, k, settings.n_init) if len(np.unique(s)) == k]
    begun = moments(few, splits or [np.arange(len(few.value)) % k], k, settings.reg_covar)
    if fewer is not None:
        begun = begun.joined(halved(fewer))
    scouts = _follow(few, begun, settings, max(SCOUT_TOL, settings.tol))
    rule = _Rule(settings.reg_covar, bins.n, _level(few, fewer, settings))
    followed = scouts.parts.rows(rule.best(scouts))
    extra: dict[str, Any] = {}
    if isinstance(gap, Histogram):
        final, extra = _on_histogram(gap, followed, settings, rule)
    else:
        final = _exact(gap, followed, settings, rule)
    best = int(rule.best(final)[0])
    mixture = Mixture.of(*final.parts.components(best))
    told = {"n_starts": len(begun.weight), "n_iter": int(final.n_iter[best])}
    told["converged"] = bool(final.converged[best])
    return mixture, _record(mixture, bins, settings, **told, **extra)


def _record(mixture: Mixture, bins: Bins, settings: Fit, **told: Any) -> dict[str, Any]:
    logs = [component.log_density(bins.value) for component in mixture.components.values()]
    return {
        "n_samples": bins.n,
        "method": "exact",
        "bin_width": None,
        "relative_error": None,
        **told,
        "tol": settings.tol,
        "reg_covar": settings.reg_covar,
        "log_likelihood": bins.mean_of(np.logaddexp.reduce(logs)),
    }


def _level(bins: Bins, fewer: Mixture | None, settings: Fit) -> float:
    """The mean log-likelihood of one component fewer, as EM counts it on these bins."""
    if fewer is None:
        return -math.inf
    parts = Parts.of(*fewer.components.values())
    return float(_follow(bins, parts, replace(settings, max_iter=0), 0.0).log_likelihood[0])


class _Rule(NamedTuple):
    """Which optima count. n: of samples; fewer: mean log-likelihood of one component fewer."""

    reg_covar: float
    n: int
    fewer: float

    def best(self, fits: Fits) -> NDArray[np.int64]:
        """The fits of highest likelihood that differ, best first.

        What has collapsed onto a few samples counts last, then what says no more than one
        component fewer. A component as narrow as the floor of many samples counts where no other
        optimum tells the groups apart.
        """
        narrow = fits.parts.variance < 2 * self.reg_covar
        few = np.any(narrow & (fits.parts.weight * self.n < GROUP_NEEDED), axis=1)
        idle, spiked = fits.log_likelihood <= self.fewer + 10 * SCOUT_TOL, narrow.any(axis=1)
        rank = np.select([few | (spiked & idle), idle, spiked], [3, 2, 1], 0)
        order = np.lexsort((-fits.log_likelihood, rank))
        likelihoods = fits.log_likelihood[order]
        differs = np.abs(np.diff(likelihoods, prepend=np.inf)) > 10 * SCOUT_TOL
        alike = rank[order] == rank[order[0]]
        return np.asarray(order[differs & alike][:_FOLLOWED])


def _exact(gap: NDArray[np.float64], begun: Parts, settings: Fit, rule: _Rule) -> Fits:
    """EM on every gap from each beginning; scikit-learn has the last word on the best."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    followed = _follow(Bins.of(gap), begun, settings, settings.tol)
    row = int(rule.best(followed)[0])
    parts, spent = followed.parts, int(followed.n_iter[row])
    model = GaussianMixture(
        parts.weight.shape[1],
        tol=settings.tol,
        reg_covar=settings.reg_covar,
        max_iter=max(settings.max_iter - spent, 1),
        weights_init=parts.weight[row] / parts.weight[row].sum(),
        means_init=parts.mean[row][:, None],
        precisions_init=1 / parts.variance[row][:, None, None],
        random_state=settings.seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # `converged` tells it
        model.fit(gap[:, None])
    return Fits(
        Parts(model.weights_[None], model.means_.T, model.covariances_.reshape(1, -1)),
        np.array([spent + model.n_iter_]),
        np.array([model.converged_]),
        np.array([model.lower_bound_]),
    )


def _on_histogram(
    histogram: Histogram, begun: Parts, settings: Fit, rule: _Rule
) -> tuple[Fits, dict[str, Any]]:
    """EM on bins narrow against the narrowest component, and how far bins twice as wide differ.

    The bins are narrowed until that is small, or they are the histogram's own.
    """
    width = math.sqrt(float(begun.variance.min())) / _BINS_PER_SIGMA
    while True:
        times = 2 ** max(0, math.floor(math.log2(max(width / histogram.width, 1))))
        final = _follow(histogram.coarse(times), begun, settings, settings.tol)
        best = final.parts.rows(rule.best(final)[:1])
        # On from the same place on wider bins: what changes is due to the bins.
        wider = _follow(histogram.coarse(2 * times), best, settings, settings.tol).parts
        changes = (
            (wider.weight - best.weight) / best.weight,
            (wider.mean - best.mean) / np.sqrt(best.variance),
            (wider.variance - best.variance) / best.variance,
        )
        error = max(float(np.abs(change).max()) for change in changes)
        if error <= _ERROR or times == 1:
            break
        width, begun = times * histogram.width / 4, final.parts
    told = {"bin_width": times * histogram.width, "relative_error": error}
    return final, {"method": "histogram", **told}


def _follow(bins: Bins, begun: Parts, settings: Fit, tol: float) -> Fits:
    return em(bins, begun, tol=tol, reg_covar=settings.reg_covar, max_iter=settings.max_iter)


def _histogram(gap: NDArray[np.float64], reg_covar: float) -> Histogram:
    histogram = Histogram(reg_covar)
    histogram.add(gap)
    return histogram


def _check(gap: NDArray[np.float64], least: int) -> None:
    if gap.ndim != 1:
        raise InputError(f"gaps are one row of numbers, not an array of shape {gap.shape}")
    if len(gap) < least:
        raise InputError(
            f"{least} components need at least {least} gaps"
            if least > 1
            else "there are no gaps to fit",
            [f"there are {len(gap)}"],
            "the gaps of the whole training split",
        )
    bad = int((~(np.abs(gap) <= 1)).sum())
    if bad:
        raise InputError(
            f"{bad} of {len(gap)} gaps are not numbers in [-1, 1]",
            hint="collect the gaps again from the last good checkpoint",
        )


def _too_few(distinct: int, least: int) -> InputError:
    return InputError(
        f"{least} components need at least {least} different gaps",
        [f"there are {distinct}"],
        f"--components {distinct}, or auto",
    )


def _all_equal(bins: Bins) -> InputError:
    return InputError(
        f"all {bins.n} gaps are equal ({bins.value[0]:g})",
        ["more than one component needs gaps that differ"],
        "--components 1; or a longer warm-up, or look at the scores: avgap report GAPS",
    )
