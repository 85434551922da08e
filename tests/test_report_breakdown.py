"""Groups of samples: their shares, their intervals, who leads, and how values become groups."""

from __future__ import annotations

import numpy as np
import pytest

from avgap.report.breakdown import (
    AGREEMENT,
    Grouping,
    Samples,
    breakdown,
    by_agreement,
    by_class,
    by_text,
    summed_up,
)


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
