"""The fit of Eq. 8: what is recovered, from which starts, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import entropy, norm
from sklearn.mixture import GaussianMixture

from avgap.errors import InputError
from avgap.mixture import fit as fit_module
from avgap.mixture.fit import fit, fit_mixture
from avgap.mixture.histogram import Histogram
from avgap.mixture.model import Component, Mixture
from avgap.settings import Fit

PAPER = Mixture(Component(0.857, 0.0056, 0.0121), Component(0.143, 0.6966, 0.0138))


def draw(n=4000, seed=0, mixture=PAPER):
    return np.clip(mixture.sample(n, np.random.default_rng(seed)), -1, 1)


def two_sided(n=1000, rng=None):
    rng = rng or np.random.default_rng(0)
    shares = ((-0.6, 0.1), (0.0, 0.7), (0.6, 0.2))
    parts = [rng.normal(mean, 0.1, int(share * n)) for mean, share in shares]
    return np.concatenate(parts).clip(-1, 1)


def test_the_papers_mixture_is_recovered():
    fitted = fit_mixture(draw(20_000)).mixture
    assert fitted.imbalanced.weight == pytest.approx(0.143, abs=0.01)
    assert fitted.imbalanced.mean == pytest.approx(0.6966, abs=0.01)
    assert fitted.balanced.mean == pytest.approx(0.0056, abs=0.005)
    assert fitted.balanced.variance == pytest.approx(0.0121, rel=0.05)
    assert fitted.dominant == "audio"


def test_swapping_the_modalities_mirrors_the_mixture():
    gap = draw()
    there, mirrored = fit_mixture(gap).mixture, fit_mixture(-gap).mixture
    assert mirrored.imbalanced.mean == pytest.approx(-there.imbalanced.mean, abs=1e-4)
    assert mirrored.imbalanced.weight == pytest.approx(there.imbalanced.weight, abs=1e-4)
    assert mirrored.dominant == "visual"


def test_the_fit_is_at_least_as_likely_as_scikit_learns_default():
    rng = np.random.default_rng(1)
    parts = [rng.normal(0, 0.15, 800), rng.normal(0.3, 0.2, 400)]  # heavy overlap
    gap = np.concatenate(parts).clip(-1, 1)
    default = GaussianMixture(2, random_state=0).fit(gap[:, None]).score(gap[:, None])
    assert fit_mixture(gap).fit["log_likelihood"] > default


SHAPES = {
    "paper": lambda rng: PAPER.sample(800, rng),
    "few": lambda rng: PAPER.sample(60, rng),
    "overlap": lambda rng: np.r_[rng.normal(0, 0.15, 700), rng.normal(0.3, 0.2, 300)],
    "nested": lambda rng: np.r_[rng.normal(0, 0.05, 500), rng.normal(0, 0.3, 300)],
    "two-sided": lambda rng: two_sided(1000, rng),
    "laplace": lambda rng: rng.laplace(0, 0.1, 1000),
    "uniform": lambda rng: rng.uniform(-0.5, 0.5, 1000),
    "atom": lambda rng: np.r_[np.zeros(100), rng.normal(0, 0.1, 900), rng.normal(0.6, 0.1, 150)],
}


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("k", [2, 3])
def test_scikit_learn_started_at_the_fit_stays_there(shape, seed, k):
    gap = np.clip(SHAPES[shape](np.random.default_rng([5, seed])), -1, 1)
    ours = fit_mixture(gap, k)
    parts = list(ours.mixture.components.values())
    model = GaussianMixture(
        k,
        tol=Fit.tol,
        reg_covar=Fit.reg_covar,
        weights_init=[part.weight for part in parts],
        means_init=[[part.mean] for part in parts],
        precisions_init=[[[1 / part.variance]] for part in parts],
    ).fit(gap[:, None])
    # It sees that it has converged after two iterations, each of which changes less than tol; the
    # floor that is added to every variance may make that a loss.
    assert (model.converged_, model.n_iter_) == (True, 2)
    gain = model.score(gap[:, None]) - ours.fit["log_likelihood"]
    assert abs(gain) < 2 * Fit.tol
    found = zip(
        parts, model.weights_, model.means_.ravel(), model.covariances_.ravel(), strict=True
    )
    for part, weight, mean, variance in found:
        assert weight == pytest.approx(part.weight, abs=2e-3)
        assert mean == pytest.approx(part.mean, abs=5e-3 * part.std)
        assert variance == pytest.approx(part.variance, rel=5e-3)


def test_the_fit_is_the_same_twice():
    gap = draw(500)
    assert fit_mixture(gap) == fit_mixture(gap)


def test_two_sided_gaps_find_the_better_of_the_local_optima():
    rng = np.random.default_rng(0)
    sides = [rng.normal(-0.6, 0.1, 500), rng.normal(0, 0.1, 3000), rng.normal(0.6, 0.1, 500)]
    result = fit_mixture(np.concatenate(sides))
    assert result.mixture.balanced.std < 0.11
    assert result.mixture.imbalanced.std > 0.4


def test_a_component_on_a_few_equal_gaps_is_not_preferred():
    rng = np.random.default_rng(0)
    parts = [np.zeros(100), rng.normal(0, 0.1, 3000), rng.normal(0.6, 0.1, 500)]
    fitted = fit_mixture(np.concatenate(parts)).mixture
    assert fitted.balanced.weight == pytest.approx(3100 / 3600, abs=0.01)
    assert fitted.imbalanced.mean == pytest.approx(0.6, abs=0.02)


@pytest.mark.parametrize("width", [1e-3, 1e-5, 1e-8])
def test_a_late_sharp_peak_gives_numbers_and_is_called_one_peak(width):
    result = fit_mixture(np.random.default_rng(0).normal(0, width, 2000))
    numbers = [*result.diagnostics.values(), *result.fit.values()]
    assert all(np.isfinite(v) for v in numbers if isinstance(v, float))
    assert np.isfinite(result.mixture.posterior(np.linspace(-1, 1, 11))).all()
    assert not result.diagnostics["supported"]


def test_the_variance_floor_is_reported():
    result = fit_mixture(np.repeat([0.0, 0.8], [90, 10]))
    assert result.mixture.balanced.variance == pytest.approx(1e-6, rel=0.01)
    assert result.mixture.imbalanced.weight == pytest.approx(0.1)
    collapsed = [line for line in result.diagnostics["warnings"] if "collapsed" in line]
    assert collapsed == [
        "the balanced component has collapsed to the variance floor at 0.0000",
        "the imbalanced component has collapsed to the variance floor at 0.8000",
    ]


def test_an_em_that_is_cut_short_says_so():
    rng = np.random.default_rng(0)
    gap = np.concatenate([rng.normal(0, 0.2, 500), rng.normal(0.2, 0.3, 500)])
    result = fit_mixture(gap, max_iter=2)
    assert not result.fit["converged"]
    assert "EM did not converge" in result.diagnostics["warnings"][-1]


@pytest.mark.parametrize(
    ("gap", "message"),
    [
        ([0.1, np.nan, np.inf, 0.2], "2 of 4 gaps are not numbers in [-1, 1]"),
        ([0.5], "2 components need at least 2 gaps"),
        ([], "2 components need at least 2 gaps"),
        ([0.25] * 30, "all 30 gaps are equal (0.25)"),
    ],
)
def test_gaps_that_cannot_be_fitted_are_refused_with_a_remedy(gap, message):
    with pytest.raises(InputError) as caught:
        fit_mixture(np.array(gap))
    assert caught.value.what == message
    assert caught.value.hint


# ---------------------------------------------------------------- one and three components


def test_three_components_are_recovered_with_their_sides():
    result = fit_mixture(two_sided(10_000), 3)
    parts = result.mixture.components
    assert parts["balanced"].weight == pytest.approx(0.7, abs=0.01)
    assert parts["audio_dominant"].mean == pytest.approx(0.6, abs=0.01)
    assert parts["visual_dominant"].weight == pytest.approx(0.1, abs=0.01)
    assert result.diagnostics["supported"]
    assert result.mixture.dominant == "audio"


def test_one_component_has_the_mean_and_variance_of_the_gaps():
    gap = draw()
    (only,) = fit_mixture(gap, 1).mixture.components.values()
    assert (only.weight, only.mean) == (1, pytest.approx(gap.mean()))
    assert only.variance == pytest.approx(gap.var() + 1e-6)


def test_three_components_are_as_likely_as_scikit_learns_best_of_many():
    gap = two_sided(1500)[:, None]
    models = [GaussianMixture(3, tol=1e-8, max_iter=2000, n_init=20, random_state=0).fit(gap)]
    best = max(model.score(gap) for model in models)
    assert fit_mixture(gap.ravel(), 3).fit["log_likelihood"] >= best - 1e-6


@pytest.mark.parametrize(
    ("gap", "expected"),
    [
        (draw(2000), 2),
        (two_sided(2000), 3),
        (np.random.default_rng(0).normal(0, 0.1, 2000), 1),
        (np.random.default_rng(0).laplace(0, 0.1, 2000).clip(-1, 1), 1),
        (np.full(50, 0.25), 1),
    ],
)
def test_auto_takes_the_lowest_bic_that_is_supported(gap, expected):
    assert len(fit_mixture(gap, "auto").mixture.components) == expected


def test_equal_gaps_are_one_component_at_the_floor():
    result = fit_mixture(np.full(30, 0.25), 1)
    assert result.mixture.balanced == Component(1.0, 0.25, pytest.approx(1e-6))
    assert result.diagnostics["warnings"] == [
        "the balanced component has collapsed to the variance floor at 0.2500"
    ]


# ---------------------------------------------------------------- very many gaps


def test_the_histogram_gives_the_exact_fit_within_the_error_it_reports(monkeypatch):
    gap = draw(300_000)
    # Followed so far that what is left of the difference is due to the bins.
    binned = fit_mixture(gap, tol=1e-13)
    monkeypatch.setattr(fit_module, "EXACT", 10**6)
    exact = fit_mixture(gap, tol=1e-13)
    assert (binned.fit["method"], exact.fit["method"]) == ("histogram", "exact")
    bound = binned.fit["relative_error"]
    assert 0 < bound <= 1e-3
    for role, there in exact.mixture.components.items():
        found = binned.mixture.components[role]
        assert found.weight == pytest.approx(there.weight, rel=bound)
        assert found.mean == pytest.approx(there.mean, abs=bound * there.std)
        assert found.variance == pytest.approx(there.variance, rel=bound)
    assert binned.fit["log_likelihood"] == pytest.approx(exact.fit["log_likelihood"], abs=1e-6)


def test_a_sharp_peak_among_very_many_gaps_is_as_narrow_as_the_exact_fit_has_it(monkeypatch):
    sharp = Mixture(Component(0.9, 0.0, 9e-6), Component(0.1, 0.3, 0.01))
    gap = draw(300_000, mixture=sharp)
    binned = fit_mixture(gap).mixture.balanced
    monkeypatch.setattr(fit_module, "EXACT", 10**6)
    exact = fit_mixture(gap).mixture.balanced
    assert binned.variance == pytest.approx(exact.variance, rel=2e-3)


def test_a_histogram_of_parts_gives_the_fit_of_the_whole_in_any_order():
    gap, parts = draw(250_000), Histogram(1e-6)
    for start in (200_000, 100_000, 0):
        parts.add(gap[start : start + 100_000])
    there, here = fit(parts, Fit()), fit_mixture(gap)
    assert there.fit["n_samples"] == 250_000
    for role, component in here.mixture.components.items():
        assert there.mixture.components[role].mean == pytest.approx(component.mean, abs=1e-9)


@pytest.mark.parametrize("n", [100, 250_000])
def test_two_exact_values_are_two_groups(n):
    gap = np.repeat([0.0, 0.7], [6 * n // 10, 4 * n // 10])
    for components in (2, "auto"):
        found = fit_mixture(gap, components)
        parts = found.mixture.components
        assert [round(c.weight, 3) for c in parts.values()] == [0.6, 0.4]
        assert [round(c.mean, 3) for c in parts.values()] == [0.0, 0.7]
        # Σ π log(π / √(2π v)) with v at the floor, 1e-6.
        assert found.fit["log_likelihood"] == pytest.approx(5.316, abs=2e-3)
    with pytest.raises(InputError, match="3 components need at least 3 different gaps"):
        fit_mixture(gap, 3)


def test_a_narrow_component_of_a_few_samples_is_no_group():
    gap = np.concatenate([np.random.default_rng(0).normal(0, 0.2, 2000), np.full(5, 0.35)])
    found = fit_mixture(gap.clip(-1, 1)).mixture
    assert min(c.variance for c in found.components.values()) > 1e-3


def flanked(n=2000):
    """A sharp balanced core of 40 %, its wide flanks of 30 %, and 30 % where audio leads."""
    rng = np.random.default_rng(0)
    core, flanks = rng.normal(0, 0.035, int(0.4 * n)), rng.normal(0.1, 0.38, int(0.3 * n))
    return np.concatenate([core, flanks, rng.normal(0.87, 0.07, int(0.3 * n))]).clip(-1, 1)


def overlap(gap, mixture):
    """The mean entropy of the posteriors, by scikit-learn's."""
    parts = list(mixture.components.values())
    model = GaussianMixture(len(parts))
    model.weights_ = np.array([c.weight for c in parts])
    model.means_ = np.array([[c.mean] for c in parts])
    model.covariances_ = np.array([[[c.variance]] for c in parts])
    model.precisions_cholesky_ = 1 / np.sqrt(model.covariances_)
    return entropy(model.predict_proba(gap[:, None]), axis=1).mean()


def test_the_likelihood_cuts_a_sharp_peak_from_its_flanks_and_nec_takes_the_groups_apart():
    gap = flanked()
    likely, apart = fit_mixture(gap), fit_mixture(gap, criterion="nec")
    assert likely.mixture.imbalanced.weight == pytest.approx(0.60, abs=0.02)
    assert likely.mixture.imbalanced.mean == pytest.approx(0.48, abs=0.02)
    assert apart.mixture.imbalanced.weight == pytest.approx(0.32, abs=0.02)
    assert apart.mixture.imbalanced.mean == pytest.approx(0.86, abs=0.02)
    # The criterion by hand: the posteriors' mean entropy over the gain on one Gaussian.
    alone = norm(gap.mean(), gap.std()).logpdf(gap).mean()
    scores = [overlap(gap, r.mixture) / (r.fit["log_likelihood"] - alone) for r in (likely, apart)]
    assert likely.fit["log_likelihood"] > apart.fit["log_likelihood"]
    assert scores[1] < scores[0] / 3


def test_nec_takes_the_same_optimum_of_a_histogram():
    gap = flanked()
    table = Histogram(Fit().reg_covar)
    table.add(gap)
    exact, binned = fit(gap, Fit(criterion="nec")), fit(table, Fit(criterion="nec"))
    assert binned.mixture.imbalanced.mean == pytest.approx(exact.mixture.imbalanced.mean, abs=1e-3)


def test_a_criterion_is_recorded_only_where_it_is_not_the_likelihood():
    assert "criterion" not in Fit().recorded
    assert Fit(criterion="nec").recorded["criterion"] == "nec"
