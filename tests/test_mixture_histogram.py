"""Gaps as counts: fixed edges, parts that add up, groups that keep the moments."""

from __future__ import annotations

import numpy as np
import pytest

from avgap.mixture.histogram import Bins, Histogram, grouped, screening_bins


def uniform(n, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, n)


def test_every_gap_is_counted_also_those_on_the_edges():
    histogram = Histogram(1e-6)
    histogram.add(np.array([-1.0, -1.0, 0.0, 1.0]))
    assert histogram.count[0] == 2
    assert histogram.count[-1] == 1
    assert histogram.n == 4
    np.testing.assert_array_equal(histogram.bins.value, [-1, 0, 1])


def test_a_bin_is_a_sixteenth_of_the_narrowest_sigma_that_the_floor_allows():
    assert Histogram(1e-6).width <= 1e-3 / 16
    assert Histogram(1e-4).width <= 1e-2 / 16
    assert Histogram(0.0).size == 2**20  # no floor: as fine as it gets


def test_the_order_and_the_parts_in_which_gaps_are_added_change_no_count():
    gap = uniform(5000)
    whole, parts = Histogram(1e-6), Histogram(1e-6)
    whole.add(gap)
    parts.add(gap[1234:][::-1])
    parts.add(gap[:1234])
    np.testing.assert_array_equal(parts.count, whole.count)
    np.testing.assert_allclose(parts.total, whole.total, atol=1e-12)


def test_grouping_keeps_count_mean_and_variance():
    bins = Bins.of(np.sort(uniform(1000)))
    for few in (grouped(bins, np.arange(1000) // 100), screening_bins(bins)):
        assert few.n == 1000
        assert few.mean_of(few.value) == pytest.approx(bins.mean_of(bins.value), abs=1e-12)
        assert few.variance == pytest.approx(bins.variance, rel=1e-12)


def test_screening_bins_are_few_and_narrow_where_gaps_are_many():
    gap = np.sort(np.concatenate([uniform(100), np.random.default_rng(1).normal(0, 1e-3, 9900)]))
    few = screening_bins(Bins.of(gap))
    assert len(few.value) < 400
    assert (np.abs(few.value) < 3e-3).sum() > 200


def test_order_statistics_of_a_uniform_sample_are_evenly_spaced():
    histogram = Histogram(1e-6)
    histogram.add(uniform(200_000))
    found = histogram.order_statistics(9)
    np.testing.assert_allclose(found, (np.arange(9) + 0.5) / 9 * 2 - 1, atol=0.01)
