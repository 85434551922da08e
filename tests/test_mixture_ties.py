"""Rounded gaps: the conclusion is that of the same gaps unrounded."""

from __future__ import annotations

import numpy as np
import pytest

from avgap.mixture import fit as fit_module
from avgap.mixture.dip import dip, dip_test
from avgap.mixture.fit import fit_mixture
from avgap.mixture.histogram import Bins
from avgap.mixture.ties import apart, cell, over_cells


def bfloat16(values):
    """Rounded to 8 bits, ties to even; torch gives the same numbers."""
    bits = np.asarray(values, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)).view(np.float32)


ROUNDINGS = {
    "one decimal": lambda g: np.round(g, 1),
    "two decimals": lambda g: np.round(g, 2),
    "three decimals": lambda g: np.round(g, 3),
    "votes of 9": lambda g: np.round(9 * g) / 9,
    "votes of 9 in float32": lambda g: (np.round(9 * g) / 9).astype(np.float32),
    "two digits": lambda g: np.array([float(f"{value:.2g}") for value in g]),
    "bfloat16": bfloat16,
    "float16": lambda g: np.asarray(g, np.float16),
}
N = 1200
ONE_PEAK = {
    "laplace": lambda rng: rng.laplace(0, 0.1, N),
    "student": lambda rng: 0.05 * rng.standard_t(3, N),
    "normal": lambda rng: rng.normal(0.1, 0.2, N),
    "skewed": lambda rng: rng.beta(2, 5, N),
}
TWO_PEAKS = {
    "paper": lambda rng: np.r_[rng.normal(0, 0.11, 1028), rng.normal(0.7, 0.12, 172)],
    "narrow": lambda rng: np.r_[rng.normal(0, 0.03, 600), rng.normal(0.5, 0.03, 600)],
    "visual": lambda rng: np.r_[rng.normal(0.1, 0.1, 900), rng.normal(-0.6, 0.15, 300)],
}


def drawn(shape):
    return np.clip((ONE_PEAK | TWO_PEAKS)[shape](np.random.default_rng(0)), -1, 1)


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("shape", [*ONE_PEAK, *TWO_PEAKS])
def test_rounding_the_gaps_does_not_change_what_is_supported(shape, rounding):
    gap = drawn(shape)
    rounded = fit_mixture(ROUNDINGS[rounding](gap)).diagnostics
    assert rounded["supported"] == fit_mixture(gap).diagnostics["supported"] == (shape in TWO_PEAKS)
    assert (rounded["dip_p"] < 0.05) == (shape in TWO_PEAKS)


@pytest.mark.parametrize("rounding", ["one decimal", "votes of 9", "bfloat16"])
@pytest.mark.parametrize("shape", ["laplace", "normal", "visual"])
def test_auto_takes_the_same_number_of_components(shape, rounding):
    gap = drawn(shape)
    expected = 2 if shape in TWO_PEAKS else 1
    for values in (gap, ROUNDINGS[rounding](gap)):
        assert len(fit_mixture(values, "auto").mixture.components) == expected


def test_scores_rounded_before_their_difference_is_taken_lie_on_a_grid_too():
    rng = np.random.default_rng(0)
    audio, visual = np.round(rng.beta(5, 2, N), 2), np.round(rng.beta(2, 2, N), 2)
    gap = audio - visual
    assert len(np.unique(gap)) > len(np.unique(np.round(gap, 2)))  # 0.3 − 0.2 is not 0.5 − 0.4
    assert cell(Bins.of(np.sort(gap))) == 0.01
    assert not fit_mixture(gap).diagnostics["supported"]


def test_a_late_fit_of_very_many_rounded_gaps_is_the_same_as_of_few(monkeypatch):
    gap = ROUNDINGS["one decimal"](drawn("paper"))
    exact = fit_mixture(gap)
    monkeypatch.setattr(fit_module, "EXACT", 1000)
    binned = fit_mixture(gap)
    for role, there in exact.mixture.components.items():
        found = binned.mixture.components[role]
        assert found.mean == pytest.approx(there.mean, abs=0.01)
        assert found.variance == pytest.approx(there.variance, rel=0.02)
    assert binned.fit["n_samples"] == exact.fit["n_samples"] == N
    one = fit_mixture(ROUNDINGS["two decimals"](drawn("laplace"))).diagnostics
    assert not one["supported"]


def test_the_bootstrap_sees_no_group_in_a_rounded_peak():
    gap = drawn("normal")
    found = [
        fit_mixture(values, bootstrap=39).diagnostics["bootstrap"]["p_value"]
        for values in (gap, ROUNDINGS["one decimal"](gap))
    ]
    assert min(found) > 0.05


def test_a_share_is_of_the_gaps_as_they_are_not_as_they_were_spread():
    gap = ROUNDINGS["one decimal"](drawn("paper"))
    result = fit_mixture(gap)
    share = result.mixture.posterior(gap).mean()
    assert result.diagnostics["imbalanced_share"] == pytest.approx(share, abs=1e-12)


# ---------------------------------------------------------------- what lies on a grid


@pytest.mark.parametrize(
    ("values", "width"),
    [
        ([0, 0.1, 0.1, 0.3], 0.1),
        ([0, 0.5, 0.5, 1], 0.5),
        ([0, 1 / 9, 1 / 9, 2 / 3], 1 / 9),
        ([-1, 0, 0, 1], 1),
        ([0, 0.001, 0.001, 0.25], 0.001),
        ([0, 0.1, 0.2, 0.3], 0),  # no two are equal
        ([0, 0, 0.7, 0.7], 0),  # two values: two groups by themselves
        ([0, 0, 0.12347, 0.70711], 0),  # finer than a thousandth
        ([0, 1e-9, 1e-9, 2e-9], 0),
    ],
)
def test_the_widest_grid_that_holds_all_is_found(values, width):
    assert cell(Bins.of(np.array(values, dtype=np.float64))) == pytest.approx(width)


def test_gaps_of_a_place_lie_evenly_in_its_cell():
    gap = np.array([0, 0.1, 0.1, 0.1, 0.1, 0.3])
    spread = over_cells(Bins.of(gap), 0.1)
    np.testing.assert_allclose(spread.value, [0, 0.0625, 0.0875, 0.1125, 0.1375, 0.3], atol=1e-12)
    assert spread.n == len(spread.value) == 6
    many = over_cells(Bins(np.array([0, 0.1]), np.zeros(2), np.array([1.0, 640.0])), 0.1)
    assert many.n == 641
    assert len(many.value) == 1 + 64
    # A uniform cell has the variance width²/12, here between the parts and within them.
    apart_in_cell = many.value[1:] - 0.1
    assert (apart_in_cell**2 + many.spread[1:]).mean() == pytest.approx(0.1**2 / 12)


def test_values_without_ties_are_left_alone_to_the_last_bit():
    for seed in range(3):
        values = np.sort(np.random.default_rng(seed).normal(0, 0.2, 500))
        assert apart(values) is values
        assert dip_test(values).dip == dip(values)


def test_ties_without_a_grid_are_spread_to_the_density_around_them():
    values = np.sort(np.r_[np.random.default_rng(0).normal(0, 0.1, 1000), np.full(20, 0.05123)])
    spread = apart(values)
    moved = np.abs(spread - values).max()
    assert 0 < moved < 0.01  # of 1,000 gaps of σ = 0.1 about 20 lie within 0.006 there
    assert np.abs(spread - values)[np.abs(values) > 0.1].max() == 0


def test_saturated_gaps_beside_continuous_ones_stay_a_peak():
    rng = np.random.default_rng(0)
    gap = np.r_[rng.normal(0, 0.1, 700), np.ones(300)]
    assert dip_test(gap).p < 0.01
    found = fit_mixture(gap).mixture.imbalanced
    assert (found.weight, found.mean) == (pytest.approx(0.3, abs=1e-3), pytest.approx(1, abs=1e-3))
    assert found.variance == pytest.approx(1e-6, rel=0.1)


def test_steps_as_wide_as_a_group_are_told():
    gap = np.round(5 * drawn("laplace")) / 5
    (told,) = [w for w in fit_mixture(gap).diagnostics["warnings"] if "steps" in w]
    assert told.startswith("the gaps come in steps of 0.2, as wide as a group")
