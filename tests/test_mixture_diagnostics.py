"""The evidence for two components: numbers that can be checked, and when it is not enough."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from avgap.mixture.diagnostics import contradiction, diagnose, supported, unmet, valley_p
from avgap.mixture.fit import fit_mixture
from avgap.mixture.histogram import Bins
from avgap.mixture.model import Component, Mixture

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


FIT = {"n_samples": 4, "converged": True, "reg_covar": 1e-6, "n_iter": 1}
BICS = {1: 100.0, 2: 50.0}


def test_overlap_and_share_are_means_of_the_posterior():
    mixture = Mixture(Component(0.5, 0.0, 0.01), Component(0.5, 0.6, 0.01))
    gap = np.array([0.3, 0.3, 0.0, 0.6])  # posteriors ½, ½, ~0, ~1
    diagnostics = diagnose(Bins.of(np.sort(gap)), mixture, FIT, BICS)
    assert diagnostics["overlap"] == pytest.approx(0.25, abs=1e-6)
    assert diagnostics["imbalanced_share"] == pytest.approx(0.5, abs=1e-6)
    assert diagnostics["delta_bic"] == 50


def test_it_is_told_when_the_wide_component_lies_nearer_to_zero():
    mixture = Mixture(Component(0.6, 0.05, 0.001), Component(0.4, 0.01, 0.3))
    warnings = diagnose(Bins.of(np.linspace(-1, 1, 50)), mixture, FIT, BICS)["warnings"]
    assert any("the imbalanced component is the wide one" in line for line in warnings)


def test_two_dominant_components_on_one_side_bring_a_warning():
    parts = (Component(0.6, 0.0, 0.01), Component(0.2, 0.4, 0.01), Component(0.2, 0.8, 0.01))
    bins = Bins.of(np.linspace(-1, 1, 50))
    warnings = diagnose(bins, Mixture.of(*parts), FIT, {**BICS, 3: 10.0})["warnings"]
    assert any("both dominant components lie on the audio's side" in line for line in warnings)


def test_calls_against_the_order_of_the_absolute_gap_are_counted():
    # By |g|: 0.0 balanced, 0.1 imbalanced, 0.2 balanced, 0.9 imbalanced: no threshold gets all.
    bins = Bins.of(np.array([-0.2, 0.0, 0.1, 0.9]))
    posterior = np.array([0.0, 0.0, 1.0, 1.0])
    assert contradiction(bins, posterior) == 0.25
    assert contradiction(bins, np.array([0.0, 0.0, 0.0, 1.0])) == 0


@pytest.mark.parametrize(
    ("n", "weight", "separation", "dip_p", "bic_2", "expected"),
    [
        (1000, 0.2, 6, 0.001, 0, True),
        (1000, 0.2, 2.1, 0.9, 0, True),  # apart, though the dip test sees one peak
        (1000, 0.2, 1.9, 0.9, 0, False),
        (1000, 0.2, 1, 0.001, 0, True),  # two peaks, though the means are near
        (1000, 0.2, 6, 0.001, 95, False),  # ΔBIC = 5
        (40, 0.4, 6, 0.001, 0, False),  # fewer than 50 samples
        (1000, 0.005, 6, 0.001, 0, False),  # 5 samples in the smaller group
    ],
)
def test_support_needs_evidence_distance_and_samples(n, weight, separation, dip_p, bic_2, expected):
    mixture = Mixture(Component(1 - weight, 0.0, 0.01), Component(weight, 0.1 * separation, 0.01))
    assert supported(mixture, {1: 100.0, 2: bic_2}, dip_p, n) == expected


def test_three_components_need_to_beat_two_and_to_be_apart_from_the_balanced_one():
    parts = (Component(0.6, 0.0, 0.01), Component(0.2, 0.6, 0.01), Component(0.2, -0.6, 0.01))
    three = Mixture.of(*parts)
    assert supported(three, {1: 300.0, 2: 200.0, 3: 100.0}, 1.0, 1000)
    assert not supported(three, {1: 300.0, 2: 105.0, 3: 100.0}, 0.001, 1000)
    near = Mixture.of(parts[0], parts[1], Component(0.2, -0.15, 0.01))
    assert not supported(near, {1: 300.0, 2: 200.0, 3: 100.0}, 0.001, 1000)


def test_the_valley_is_the_binomial_probability_of_so_empty_a_middle():
    mixture = Mixture(Component(0.5, 0.0, 0.01), Component(0.5, 0.6, 0.01))
    # The least density lies at 0.3; the windows are −0.15 … 0.15, … 0.45, … 0.75.
    gap = np.repeat([0.0, 0.3, 0.6], [9, 1, 5])
    # P(at most 1 of 6 heads) = (1 + 6) / 64
    assert valley_p(Bins.of(gap), mixture) == pytest.approx(7 / 64)
    near = Mixture(Component(0.5, 0.0, 0.01), Component(0.5, 0.1, 0.01))
    assert valley_p(Bins.of(gap), near) == 1
    assert valley_p(Bins.of(gap), Mixture(Component(1.0, 0.0, 0.01))) == 1


def test_a_flat_peak_brings_a_warning_since_its_components_are_far_apart():
    gap = np.random.default_rng(1).uniform(-0.5, 0.5, 2000)
    diagnostics = fit_mixture(gap).diagnostics
    assert diagnostics["separation"] > 2
    assert diagnostics["delta_bic"] > 10
    assert diagnostics["valley_p"] > 0.1
    assert any("no clear valley between the groups" in line for line in diagnostics["warnings"])
    parted = np.random.default_rng(1).normal(0, 0.1, 2000) + np.repeat([0, 0.6], 1000)
    assert fit_mixture(parted).diagnostics["warnings"] == []


def test_two_samples_support_nothing():
    diagnostics = fit_mixture([0.0, 0.8]).diagnostics
    assert not diagnostics["supported"]
    assert (
        "(2 samples, 1 in the smallest group: 50 and 10 are needed)" in diagnostics["warnings"][0]
    )


@pytest.mark.parametrize(
    ("separation", "dip_p", "delta", "n", "told"),
    [
        (
            1.997,
            0.31,
            300,
            1000,
            [
                "the separation is 1.997 σ, less than 2, "
                "and the dip test's p is 0.31, not below 0.05"
            ],
        ),
        (3, 0.9, 10, 1000, ["ΔBIC is 10, not above 10"]),
        (3, 0.9, 9.97, 1000, ["ΔBIC is 9.97, not above 10"]),
        (3, 0.01, 300, 40, ["40 samples, 20 in the smallest group: 50 and 10 are needed"]),
        (1, 0.01, -4, 1000, ["ΔBIC is -4, not above 10"]),
        (3, 0.01, 300, 1000, []),
    ],
)
def test_what_is_lacking_is_told_criterion_by_criterion(separation, dip_p, delta, n, told):
    mixture = Mixture(Component(0.5, 0.0, 0.01), Component(0.5, 0.6, 0.01))
    found = unmet(mixture, {"separation": separation, "dip_p": dip_p, "delta_bic": delta}, n)
    assert found == told
