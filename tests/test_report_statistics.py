"""Statistics between trainings: numbers by hand, and scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap

from avgap.report.statistics import mcnemar, paired_bootstrap, spread


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
