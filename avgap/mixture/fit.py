"""The mixture that fits gaps best: EM from several starts, one to three components. Pure. Eq. 8.

EM runs from every start at once on a few hundred bins; the best optima are then followed to
convergence, on the gaps themselves up to EXACT of them, else on a histogram.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from scipy.special import entr, softmax

from avgap.errors import InputError
from avgap.mixture.bootstrap import bootstrap
from avgap.mixture.diagnostics import about_cells, bic, diagnose, select_components
from avgap.mixture.em import Fits, Parameters, em
from avgap.mixture.histogram import Bins, Histogram, screening_bins
from avgap.mixture.initial import moments, split_components, starts
from avgap.mixture.model import Component, Mixture
from avgap.mixture.result import FitRecord, FitResult
from avgap.mixture.ties import cell, over_cells
from avgap.mixture.verdict import GROUP_NEEDED
from avgap.settings import Fit

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_DEFAULT = Fit()
EXACT = 200_000  # gaps above which the histogram stands for them
SCREENING_TOL = 1e-5  # of the mean log-likelihood per iteration
EQUAL = 1e-9  # gaps of a smaller range are one value
_OPTIMA = 3  # followed to convergence
_SMALLEST = 0.01  # share of the samples that is a group by nec, at least
_BINS_PER_SIGMA = 32  # of the narrowest component found, to begin with
_ERROR = 1e-3  # of the parameters by the bins' width: above it, narrower bins


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
    criterion: Literal["likelihood", "nec"] = _DEFAULT.criterion,
) -> FitResult:
    """Fit the mixture of Eq. 8 to N gaps in [−1, 1], (N,).

    components: 1, 2, 3 or "auto". n_init: starts of EM. tol: the gain in mean log-likelihood at
    which it stops. reg_covar: the floor of every variance. bootstrap: replicates for standard
    errors and a p-value, 0 for none. criterion: which of EM's optima; nec takes the groups that
    overlap least. Raises InputError: fewer different gaps than components, gaps that are not
    numbers in [−1, 1].
    """
    settings = Fit(components, n_init, tol, reg_covar, max_iter, seed, bootstrap, criterion)
    return fit(np.asarray(gap, dtype=np.float64), settings)


def fit(
    gap: NDArray[np.float64] | Histogram,
    settings: Fit,
    advance: Callable[[], None] = lambda: None,
) -> FitResult:
    """Fit a mixture to N gaps, (N,), or to the histogram of any number of them.

    advance: called after each of bootstrap.STEPS, at most, where there are resamples.
    Rounded gaps are spread over what each stands for, see `ties`. Raises InputError: fewer
    different gaps than components, gaps that are not numbers in [−1, 1].
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
    measured, width = bins, cell(bins)
    if width:
        bins = over_cells(bins, width)
        gap = bins.value  # so few that no histogram need stand for them
    fitted: dict[int, tuple[Mixture, FitRecord]] = {}
    for k in range(1, most + 1):
        fewer = fitted[k - 1][0] if k > 1 else None
        fitted[k] = estimate(k, gap, bins, settings, fewer)
    bics = {k: bic(*found) for k, found in fitted.items()}
    mixtures = {k: mixture for k, (mixture, _) in fitted.items()}
    if settings.components == "auto":
        most = select_components(bins, mixtures, bics)
    mixture, record = fitted[most]
    diagnostics = diagnose(bins, mixture, record, bics, measured)
    if width:
        diagnostics["warnings"] += about_cells(mixture, width)
    if settings.bootstrap:
        fewer = mixtures.get(most - 1)
        diagnostics["bootstrap"] = bootstrap(bins, mixture, fewer, settings, advance)
    return FitResult(mixture, record, diagnostics)


def estimate(
    k: int,
    gap: NDArray[np.float64] | Histogram,
    bins: Bins,
    settings: Fit,
    fewer: Mixture | None = None,
) -> tuple[Mixture, FitRecord]:
    """The best mixture of k components, and how EM got there; fewer: the best of k − 1."""
    method: Literal["exact", "histogram"] = "histogram" if isinstance(gap, Histogram) else "exact"
    if k == 1:
        mean = bins.mean_of(bins.value)
        only = Mixture(Component(1.0, mean, bins.variance + settings.reg_covar))
        return only, _record(only, bins, settings, _Em(method))
    few = screening_bins(bins)
    if len(few.value) < max(k, _OPTIMA):
        few = bins
    groups = [g for g in starts(few, k, settings.n_init) if len(np.unique(g)) == k]
    initial = moments(few, groups or [np.arange(len(few.value)) % k], k, settings.reg_covar)
    if fewer is not None:
        initial = Parameters.concatenated([initial, split_components(fewer)])
    screened = _run_em(few, initial, settings, max(SCREENING_TOL, settings.tol))
    ranking = _Ranking(
        settings.reg_covar, bins.n, _log_likelihood(few, fewer, settings), settings.criterion
    )
    optima = screened.parameters.rows(ranking.best(screened, few))
    width = error = None
    final_bins = bins
    if isinstance(gap, Histogram):
        final, final_bins, width, error = _on_histogram(gap, optima, settings, ranking)
    else:
        final = _run_em(bins, optima, settings, settings.tol)
    best = int(ranking.best(final, final_bins)[0])
    mixture = Mixture.of(*final.parameters.components(best))
    iterations, converged = int(final.n_iter[best]), bool(final.converged[best])
    path = _Em(method, width, error, len(initial.weight), iterations, converged)
    return mixture, _record(mixture, bins, settings, path)


class _Em(NamedTuple):
    """How EM went; the defaults are those of one component, which needs none. See FitRecord."""

    method: Literal["exact", "histogram"]
    bin_width: float | None = None
    relative_error: float | None = None
    n_starts: int = 1
    n_iter: int = 1
    converged: bool = True


def _record(mixture: Mixture, bins: Bins, settings: Fit, path: _Em) -> FitRecord:
    logs = [component.log_density(bins.value) for component in mixture.components.values()]
    return {
        "n_samples": bins.n,
        "method": path.method,
        "bin_width": path.bin_width,
        "relative_error": path.relative_error,
        "n_starts": path.n_starts,
        "n_iter": path.n_iter,
        "converged": path.converged,
        "tol": settings.tol,
        "reg_covar": settings.reg_covar,
        "log_likelihood": bins.mean_of(np.logaddexp.reduce(logs)),
    }


def _log_likelihood(bins: Bins, mixture: Mixture | None, settings: Fit) -> float:
    """The mean log-likelihood of a mixture, as EM counts it on these bins; −∞ of none."""
    if mixture is None:
        return -math.inf
    parameters = Parameters.of(*mixture.components.values())
    return float(_run_em(bins, parameters, replace(settings, max_iter=0), 0.0).log_likelihood[0])


class _Ranking(NamedTuple):
    """Which optima count. n: of samples; fewer: mean log-likelihood of one component fewer.

    criterion: likelihood, or nec, the normalized entropy criterion (Celeux and Soromenho 1996): the
    mean entropy of the posteriors over what the likelihood gains on one component. It takes the
    groups that overlap least, where the likelihood may cut a sharp balanced peak from its flanks.
    """

    reg_covar: float
    n: int
    fewer: float
    criterion: str

    def best(self, fits: Fits, bins: Bins) -> NDArray[np.int64]:
        """The best fits that differ, best first, to these bins; only those of the best rank."""
        score, least = fits.log_likelihood, GROUP_NEEDED / self.n
        if self.criterion == "nec":
            variance = bins.variance + self.reg_covar
            gain = score + (math.log(2 * math.pi * variance) + 1) / 2
            score = -_entropies(bins, fits.parameters) / np.maximum(gain, SCREENING_TOL)
            least = max(least, _SMALLEST)
        narrow = fits.parameters.variance < 2 * self.reg_covar
        spiked, small = narrow.any(axis=1), fits.parameters.weight < least
        tiny_spike = np.any(narrow & small, axis=1)
        # No likelier than one component fewer: a split component has come back to where it was.
        idle = fits.log_likelihood <= self.fewer + 10 * SCREENING_TOL
        # A spike's likelihood grows without bound as its variance shrinks, so the likelihood alone
        # would always choose it. It comes behind every optimum that tells groups apart without one,
        # but before those that tell none: saturated scores and exact values are true groups. A
        # spike on a few samples, or one that gains nothing, is no group and comes last.
        rank = np.select([tiny_spike | (spiked & idle), idle, spiked], [3, 2, 1], 0)
        if self.criterion == "nec":
            # A handful of outliers overlaps with nothing: it counts where nothing else is found.
            rank = np.where(small.any(axis=1), 3, rank)
        order = np.lexsort((-score, rank))
        # Optima are told apart by their score alone: starts that met differ by less than what
        # screening leaves of it.
        differs = np.abs(np.diff(score[order], prepend=np.inf)) > 10 * SCREENING_TOL
        alike = rank[order] == rank[order[0]]
        return np.asarray(order[differs & alike][:_OPTIMA])


def _entropies(bins: Bins, mixtures: Parameters) -> NDArray[np.float64]:
    """The mean entropy of the posteriors of each mixture, (R,) in nats."""
    found = []
    for row in range(len(mixtures.weight)):
        logs = np.stack([c.log_density(bins.value) for c in mixtures.components(row)])
        found.append(bins.mean_of(entr(softmax(logs, axis=0)).sum(axis=0)))
    return np.array(found)


def _on_histogram(
    histogram: Histogram, initial: Parameters, settings: Fit, ranking: _Ranking
) -> tuple[Fits, Bins, float, float]:
    """EM on bins narrow against the narrowest component, those, their width, the error due to it.

    The error is how far bins twice as wide differ. The bins are narrowed until that is small, or
    they are the histogram's own.
    """
    width = math.sqrt(float(initial.variance.min())) / _BINS_PER_SIGMA
    while True:
        times = 2 ** max(0, math.floor(math.log2(max(width / histogram.width, 1))))
        bins = histogram.coarse(times)
        final = _run_em(bins, initial, settings, settings.tol)
        best = final.parameters.rows(ranking.best(final, bins)[:1])
        # On from the same place on wider bins: what changes is due to the bins.
        wider = _run_em(histogram.coarse(2 * times), best, settings, settings.tol).parameters
        changes = (
            (wider.weight - best.weight) / best.weight,
            (wider.mean - best.mean) / np.sqrt(best.variance),
            (wider.variance - best.variance) / best.variance,
        )
        error = max(float(np.abs(change).max()) for change in changes)
        if error <= _ERROR or times == 1:
            return final, bins, times * histogram.width, error
        width, initial = times * histogram.width / 4, final.parameters


def _run_em(bins: Bins, initial: Parameters, settings: Fit, tol: float) -> Fits:
    return em(bins, initial, tol=tol, reg_covar=settings.reg_covar, max_iter=settings.max_iter)


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
