"""Plain numbers of gaps, and whether they are in-sample or held out, in words."""

from __future__ import annotations

import numpy as np
import pytest

from avgap.mixture.plain import by_heart, measured, measured_briefly, plain, rightness, told

GAP = np.array([0.9, 0.5, -0.6, 0.0])
LABEL = np.array([0, 1, 1, 0])


def test_gaps_are_counted_by_side_and_beyond_one_half():
    numbers = plain(GAP)
    assert numbers.mean_gap == pytest.approx(0.2)
    assert numbers[2:5] == (0.5, 2, 1)  # 0.5 is not beyond; 0 leads nowhere
    assert told(numbers) == [
        "mean gap of 4 samples +0.20, |gap| > 0.5 in 50 %; audio leads in 2, visual in 1"
    ]


def test_a_gap_may_stand_for_many_samples():
    count = np.array([1.0, 3.0, 4.0, 2.0])
    assert plain(GAP, count=count) == plain(np.repeat(GAP, count.astype(int)))


def test_the_side_that_leads_in_more_samples_is_told_first_and_who_is_right():
    right = rightness(LABEL, LABEL, LABEL, 1 - LABEL)
    lines = told(plain(-GAP, right))
    assert lines[0].endswith("visual leads in 2, audio in 1")
    assert lines[1] == "right on them: fused 100.0 %, audio 100.0 %, visual 0.0 %"


def test_accuracy_is_told_of_what_was_predicted_and_needs_labels():
    assert list(rightness(LABEL, LABEL, None, LABEL)) == ["fused", "visual"]
    assert rightness(None, LABEL, LABEL, LABEL) == {}


def test_gaps_are_in_sample_held_out_or_of_unknown_origin():
    assert measured(False) == "in-sample: measured on clips the network has trained on"
    assert measured(True) == "held out: measured by a network that has not seen them"
    assert measured(True, np.array([1, 2, 5, 4, 3, 1])) == (
        "held out: measured by networks that have not seen them, 5 folds"
    )
    assert measured(None).startswith("of unknown origin")
    assert [measured_briefly(k) for k in (False, True, None)] == [
        "in-sample", "held out", "unknown"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("held_out", "accuracy", "warned"),
    [(False, 0.999, True), (False, 0.98, True), (False, 0.979, False), (True, 1.0, False),
     (None, 1.0, False)],
)  # fmt: skip
def test_in_sample_gaps_of_clips_known_by_heart_are_warned_of(held_out, accuracy, warned):
    assert bool(by_heart(held_out, {"fused": accuracy})) == warned


def test_the_warning_says_how_many_are_right_and_what_helps():
    assert by_heart(False, {"fused": 0.999}) == (
        "these clips are known by heart (99.9 % right): their gaps say little; avgap crossfit "
        "measures on clips the network has not seen"
    )
    assert by_heart(False, {}) == ""
