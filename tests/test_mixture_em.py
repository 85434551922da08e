"""EM on bins: against scikit-learn's, and many fits at once against each alone."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from avgap.mixture.em import Parameters, em
from avgap.mixture.histogram import Bins
from avgap.mixture.model import Component

START = (Component(0.5, -0.1, 0.04), Component(0.5, 0.4, 0.04))
LIMITS = {"tol": 1e-10, "reg_covar": 1e-6, "max_iter": 500}


def draw(n=2000):
    rng = np.random.default_rng(0)
    parts = [rng.normal(0, 0.15, 3 * n // 4), rng.normal(0.4, 0.2, n // 4)]
    return np.concatenate(parts).clip(-1, 1)


def test_em_on_single_gaps_equals_scikit_learns():
    gap = draw()
    found = em(Bins.of(gap), Parameters.of(*START), **LIMITS)
    model = GaussianMixture(
        2,
        tol=1e-10,
        reg_covar=1e-6,
        max_iter=500,
        weights_init=[0.5, 0.5],
        means_init=[[-0.1], [0.4]],
        precisions_init=[[[25.0]], [[25.0]]],
    ).fit(gap[:, None])
    np.testing.assert_allclose(found.parameters.weight[0], model.weights_, atol=1e-5)
    np.testing.assert_allclose(found.parameters.mean[0], model.means_.ravel(), atol=1e-5)
    np.testing.assert_allclose(found.parameters.variance[0], model.covariances_.ravel(), rtol=1e-4)
    assert found.log_likelihood[0] == pytest.approx(model.score(gap[:, None]), abs=1e-8)


def test_many_fits_at_once_are_each_alone():
    gap = draw(400)
    counts = np.random.default_rng(0).multinomial(400, np.full(400, 1 / 400), 5).astype(float)
    start = Parameters.of(*START, repeat=5)
    together = em(Bins.of(gap), start, counts=counts, **LIMITS)
    for row in range(5):
        alone = em(Bins.of(gap), Parameters.of(*START), counts=counts[row : row + 1], **LIMITS)
        np.testing.assert_allclose(
            together.parameters.mean[row], alone.parameters.mean[0], atol=1e-6
        )


def test_a_gap_that_counts_twice_is_two_gaps():
    twice = Bins(np.array([0.0, 0.1, 0.9]), np.zeros(3), np.array([2.0, 1.0, 1.0]))
    apart = Bins.of(np.array([0.0, 0.0, 0.1, 0.9]))
    found = [em(bins, Parameters.of(*START), **LIMITS).parameters.weight for bins in (twice, apart)]
    np.testing.assert_allclose(*found, atol=1e-9)


def test_the_spread_within_a_bin_is_part_of_the_variance():
    wide = Bins(np.array([-0.5, 0.5]), np.array([0.01, 0.01]), np.array([1.0, 1.0]))
    found = em(wide, Parameters.of(Component(1.0, 0.0, 1.0)), **LIMITS)
    assert found.parameters.variance[0, 0] == pytest.approx(0.25 + 0.01 + 1e-6)


def test_an_em_out_of_iterations_has_not_converged():
    found = em(Bins.of(draw()), Parameters.of(*START), tol=1e-10, reg_covar=1e-6, max_iter=3)
    assert (found.n_iter[0], found.converged[0]) == (3, False)
