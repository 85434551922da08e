"""Standard errors and p-values by resampling."""

from __future__ import annotations

import math

import numpy as np
import pytest

from avgap.mixture.fit import fit_mixture
from avgap.mixture.model import Component, Mixture

PAPER = Mixture(Component(0.857, 0.0056, 0.0121), Component(0.143, 0.6966, 0.0138))


def test_the_standard_errors_of_groups_far_apart_are_those_of_the_groups_alone():
    gap = PAPER.sample(3000, np.random.default_rng(0)).clip(-1, 1)
    found = fit_mixture(gap, bootstrap=200).diagnostics["bootstrap"]
    assert found["replicates"] == 200
    errors = found["standard_errors"]
    # √(π(1 − π)/N) of a share, σ/√(πN) of a mean, σ²√(2/(πN)) of a variance.
    assert errors["imbalanced"]["weight"] == pytest.approx(math.sqrt(0.1226 / 3000), rel=0.2)
    assert errors["balanced"]["mean"] == pytest.approx(0.11 / math.sqrt(0.857 * 3000), rel=0.2)
    expected = 0.0121 * math.sqrt(2 / (0.857 * 3000))
    assert errors["balanced"]["variance"] == pytest.approx(expected, rel=0.3)


def test_two_groups_have_the_smallest_p_value_that_so_many_resamples_can_give():
    gap = PAPER.sample(1000, np.random.default_rng(0)).clip(-1, 1)
    assert fit_mixture(gap, bootstrap=50).diagnostics["bootstrap"]["p_value"] == 1 / 51


def test_the_p_values_of_one_group_are_not_small_and_repeat():
    rng = np.random.default_rng(0)
    samples = [rng.normal(0, 0.2, 300).clip(-1, 1) for _ in range(8)]
    found = [fit_mixture(gap, bootstrap=40).diagnostics["bootstrap"]["p_value"] for gap in samples]
    assert np.median(found) > 0.2
    assert fit_mixture(samples[0], bootstrap=40).diagnostics["bootstrap"]["p_value"] == found[0]


def test_a_third_component_that_is_not_there_has_a_large_p_value():
    gap = PAPER.sample(1000, np.random.default_rng(0)).clip(-1, 1)
    assert fit_mixture(gap, 3, bootstrap=50).diagnostics["bootstrap"]["p_value"] > 0.05


def test_one_component_has_no_p_value():
    found = fit_mixture(np.linspace(-0.5, 0.5, 100), 1, bootstrap=20).diagnostics["bootstrap"]
    assert found["p_value"] is None
    assert found["standard_errors"]["balanced"]["weight"] == 0
