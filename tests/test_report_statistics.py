"""Shares, and differences between trainings: numbers by hand, and scipy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap

from avgap.report.statistics import mcnemar, paired_bootstrap, spread, wilson


@pytest.mark.parametrize(("count", "n"), [(0, 10), (5, 10), (10, 10), (1, 1), (857, 6028)])
def test_the_interval_is_wilsons(count, n):
    expected = binomtest(count, n).proportion_ci(method="wilson")
    share = wilson(count, n)
    assert (share.low, share.high) == pytest.approx((expected.low, expected.high), abs=1e-6)
    assert share.low <= share.value <= share.high


def test_the_interval_of_five_in_ten_by_hand():
    # (0.5 + z²/20 ± z √(0.25/10 + z²/400)) / (1 + z²/10), z = 1.96
    z = 1.96
    half = z * math.sqrt(0.025 + z**2 / 400) / (1 + z**2 / 10)
    assert wilson(5, 10).high == pytest.approx(0.5 + half, abs=1e-5)
    assert wilson(4, 10).low < wilson(4.5, 10).low < wilson(5, 10).low  # a mean over two seeds


def test_of_nothing_anything_is_possible():
    share = wilson(0, 0)
    assert (share.value, share.low, share.high) == (None, 0, 1)


def test_mcnemar_counts_only_the_samples_on_which_they_disagree():
    right = np.array([1, 1, 1, 1, 1, 1, 0, 1, 0], bool)
    reference = np.array([0, 0, 0, 0, 0, 0, 1, 1, 0], bool)
    # 6 gained, 1 lost: 2 · (C(7,0) + C(7,1)) / 2⁷ = 16 / 128.
    assert mcnemar(right, reference) == pytest.approx((6, 1, 0.125))


def test_without_disagreement_nothing_is_told_apart():
    right = np.array([True, False])
    assert mcnemar(right, right) == (0, 0, 1.0)


def test_the_spread_over_seeds_is_the_sample_standard_deviation():
    assert spread([0.5, 0.7]) == pytest.approx((2, 0.6, 0.1 * 2**0.5))
    assert spread([0.5]) == (1, 0.5, None)
    with pytest.raises(ValueError, match="no values"):
        spread([])


def test_the_paired_bootstrap_agrees_with_scipy():
    rng = np.random.default_rng(0)
    right, reference = rng.random((1, 300)) < 0.8, rng.random((1, 300)) < 0.7
    ours = paired_bootstrap(right, reference)
    change = right[0].astype(float) - reference[0]
    theirs = bootstrap((change,), np.mean, method="percentile", n_resamples=10_000, rng=rng)
    assert ours.value == pytest.approx(change.mean())
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.005)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.005)


def test_the_same_seed_twice_does_not_narrow_the_interval():
    rng = np.random.default_rng(1)
    right, reference = rng.random((1, 200)) < 0.8, rng.random((1, 200)) < 0.7
    once = paired_bootstrap(right, reference)
    assert paired_bootstrap(np.repeat(right, 3, 0), np.repeat(reference, 3, 0)) == pytest.approx(
        once
    )


def test_other_samples_are_refused():
    with pytest.raises(ValueError, match="not the same samples"):
        mcnemar(np.ones(3, bool), np.ones(4, bool))
    with pytest.raises(ValueError, match="not the same samples"):
        paired_bootstrap(np.ones((1, 0), bool), np.ones((1, 0), bool))


def test_drawing_seeds_again_is_as_wide_as_the_seeds_are_apart():
    # Three seeds on samples that all end alike: nothing differs but the seed.
    right = np.repeat([[True], [True], [False]], 50, axis=1)
    reference = np.zeros((3, 50), bool)
    assert paired_bootstrap(right, reference) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    # P(three times the third) = 1/27 > 2.5 %, so that the interval goes from 0 to 1.
    assert paired_bootstrap(right, reference, over_seeds=True) == pytest.approx((2 / 3, 0, 1))


def test_of_one_seed_only_samples_are_drawn():
    rng = np.random.default_rng(2)
    right, reference = rng.random((1, 200)) < 0.8, rng.random((1, 200)) < 0.7
    plain = paired_bootstrap(right, reference)
    assert paired_bootstrap(right, reference, over_seeds=True) == pytest.approx(plain, abs=0.01)
