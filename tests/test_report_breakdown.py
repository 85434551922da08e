"""Groups of samples: their shares, their intervals, who leads, and how values become groups."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from avgap.report.breakdown import (
    AGREEMENT,
    Grouping,
    Samples,
    breakdown,
    by_agreement,
    by_class,
    by_text,
    summed_up,
    wilson,
)


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


def test_a_sample_counts_as_imbalanced_above_one_half():
    samples = Samples(np.array([0.1, 0.7, 0.8]), np.array([0.2, 0.5, 0.9]))
    group = summed_up("all", samples)
    assert (group.imbalanced.count, group.imbalanced.n) == (1, 3)
    assert group.mean_posterior == pytest.approx(1.6 / 3)
    assert group.mean_gap == pytest.approx(1.6 / 3)


def test_a_modality_leads_where_its_interval_leaves_one_half():
    gap = np.ones(100)
    gap[:35] = -1
    assert summed_up("a", Samples(gap)).dominant == "audio"  # 65 of 100: above 0.553
    gap[:41] = -1
    assert summed_up("a", Samples(gap)).dominant == "neither"  # 59 of 100: above 0.492
    assert summed_up("a", Samples(-np.ones(20))).dominant == "visual"


def test_a_gap_of_zero_leans_to_neither_side():
    group = summed_up("a", Samples(np.array([0.0, 0.0, 0.5])))
    assert (group.audio_leads.count, group.audio_leads.n) == (1, 1)
    assert summed_up("a", Samples(np.zeros(3))).dominant == "neither"


def test_groups_sum_up_their_own_samples_and_empty_ones_are_left_out():
    samples = Samples(
        np.array([0.2, -0.4, 0.6]), np.array([0.1, 0.9, 0.9]), np.array([True, False, True])
    )
    grouping = Grouping(("x", "nothing", "y"), np.array([0, 2, 2]))
    first, second = breakdown(samples, grouping)
    assert (first.name, first.n, first.mean_gap) == ("x", 1, 0.2)
    assert (second.name, second.imbalanced.count, second.fused_right.count) == ("y", 2, 1)
    assert second.mean_gap == pytest.approx(0.1)


def test_without_a_mixture_and_predictions_there_are_no_such_shares():
    group = summed_up("a", Samples(np.array([0.5])))
    assert group.imbalanced is None
    assert group.fused_right is None
    assert group.as_dict()["imbalanced"] is None


def test_values_become_groups_in_their_natural_order_the_empty_last():
    grouping = by_text(["s10", "", "s2", "s10"])
    assert grouping.names == ("s2", "s10", "(none)")
    assert grouping.index.tolist() == [1, 2, 0, 1]


def test_few_numbers_stay_and_many_become_quarters():
    assert by_text(["3", "1", "3"]).names == ("1", "3", "(none)")
    values = [str(i) for i in range(20)]
    grouping = by_text([*values, ""])
    assert grouping.names == ("0 … 4", "5 … 9", "10 … 14", "15 … 19", "(none)")
    assert np.bincount(grouping.index).tolist() == [5, 5, 5, 5, 1]


def test_numbered_speakers_stay_one_group_each():
    values = [str(1001 + i % 20) for i in range(200)]  # ten clips each
    assert len(by_text(values).names) == 21
    assert len(by_text(values[:180]).names) == 5
    assert len(by_text([f"{value}.5" for value in values]).names) == 5


def test_equal_numbers_stay_in_one_quarter():
    values = ["0"] * 60 + [str(i) for i in range(1, 41)]
    grouping = by_text(values)
    zeros = {int(i) for i in grouping.index[:60]}
    assert len(zeros) == 1


def test_infinite_numbers_are_text():
    values = [*(str(i) for i in range(20)), "inf"]
    assert len(by_text(values).names) == 22


def test_classes_without_a_name_go_by_their_index():
    grouping = by_class(np.array([2, 0, 2]), ("cat", "dog"))
    assert grouping.names == ("cat", "2")
    assert grouping.index.tolist() == [1, 0, 1]


def test_agreement_has_four_cases():
    audio = np.array([True, True, False, False])
    visual = np.array([True, False, True, False])
    grouping = by_agreement(audio, visual)
    assert [grouping.names[i] for i in grouping.index] == list(AGREEMENT)
