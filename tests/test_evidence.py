"""The evidence for two components: numbers that can be checked, and when it is not enough."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from avgap.evidence import diagnose
from avgap.fitgmm import fit_mixture
from avgap.mixture import Component, Mixture

PAPER = Mixture(Component(0.857, 0.0056, 0.0121), Component(0.143, 0.6966, 0.0138))


def draw(n=4000):
    return np.clip(PAPER.sample(n, np.random.default_rng(0)), -1, 1)


def test_two_clear_groups_are_supported():
    diagnostics = fit_mixture(draw()).diagnostics
    assert diagnostics["supported"]
    assert diagnostics["separation"] == pytest.approx(6.1, abs=0.4)
    assert diagnostics["dip_p"] < 0.01
    assert diagnostics["warnings"] == []


@pytest.mark.parametrize("shape", ["laplace", "student", "normal"])
def test_one_peak_of_any_tail_is_not_supported_though_delta_bic_may_be_large(shape):
    rng = np.random.default_rng(0)
    gap = {
        "laplace": rng.laplace(0, 0.1, 3000),
        "student": 0.05 * rng.standard_t(3, 3000),
        "normal": rng.normal(0, 0.1, 3000),
    }[shape]
    diagnostics = fit_mixture(np.clip(gap, -1, 1)).diagnostics
    assert not diagnostics["supported"]
    assert (diagnostics["delta_bic"] > 10) == (shape != "normal")
    assert "two components are not supported" in diagnostics["warnings"][0]


def test_delta_bic_equals_scikit_learns():
    gap = draw(1000)
    one, two = (GaussianMixture(k, tol=1e-8, max_iter=2000, random_state=0) for k in (1, 2))
    column = gap[:, None]
    expected = one.fit(column).bic(column) - two.fit(column).bic(column)
    assert fit_mixture(gap).diagnostics["delta_bic"] == pytest.approx(expected, abs=0.01)


def test_overlap_and_share_are_means_of_the_posterior():
    mixture = Mixture(Component(0.5, 0.0, 0.01), Component(0.5, 0.6, 0.01))
    gap = np.array([0.3, 0.3, 0.0, 0.6])  # posteriors ½, ½, ~0, ~1
    fit = {"log_likelihood": 0.0, "converged": True, "reg_covar": 1e-6, "n_iter": 1}
    diagnostics = diagnose(gap, mixture, fit)
    assert diagnostics["overlap"] == pytest.approx(0.25, abs=1e-6)
    assert diagnostics["imbalanced_share"] == pytest.approx(0.5, abs=1e-6)


def test_it_is_told_when_the_wide_component_lies_nearer_to_zero():
    mixture = Mixture(Component(0.6, 0.05, 0.001), Component(0.4, 0.01, 0.3))
    fit = {"log_likelihood": 0.0, "converged": True, "reg_covar": 1e-6, "n_iter": 1}
    warnings = diagnose(np.linspace(-1, 1, 50), mixture, fit)["warnings"]
    assert any("the imbalanced component is the wide one" in line for line in warnings)
