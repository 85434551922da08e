"""Samples through the rounds: who changed sides, who never did, and votes of the crowd."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from avgap.report.trajectories import Moves, Seen, follow
from avgap.report.votes import votes


def seen(name, ids, posterior, gap=None):
    posterior = np.array(posterior, float)
    return Seen(name, ids, posterior if gap is None else np.array(gap), posterior)


def test_moves_between_two_rounds_are_counted():
    paths = follow(
        [
            seen("after warm-up", list("abcde"), [0.9, 0.9, 0.1, 0.1, 0.8]),
            seen("after round 1", list("abcde"), [0.2, 0.9, 0.7, 0.1, 0.4]),
        ]
    )
    # a and e left, c came, b stayed imbalanced, d balanced
    assert paths.moves() == [Moves("after round 1", 2, 1, 1, 1)]
    assert paths.never_moved.tolist() == [False, True, False, False, False]
    assert paths.as_dict()["never_moved"] == ["b"]
    assert paths.as_dict()["imbalanced"] == [3, 2]


def test_rounds_are_joined_by_id_over_the_samples_they_share():
    paths = follow(
        [seen("0", ["a", "b", "c"], [0.9, 0.1, 0.9]), seen("1", ["c", "x", "a"], [0.6, 0.9, 0.2])]
    )
    assert paths.id == ("a", "c")
    assert paths.posterior.tolist() == [[0.9, 0.9], [0.2, 0.6]]


def test_those_imbalanced_most_often_come_first_then_the_larger_gaps():
    paths = follow(
        [
            seen("0", list("abcd"), [0.9, 0.9, 0.1, 0.9], [0.5, -0.8, 0.9, 0.7]),
            seen("1", list("abcd"), [0.9, 0.9, 0.1, 0.1], [0.5, -0.8, 0.9, 0.7]),
        ]
    )
    assert [paths.id[i] for i in paths.order()] == ["b", "a", "d", "c"]


def test_one_round_or_no_sample_in_common_gives_no_trajectories():
    one = seen("0", ["a"], [0.9])
    assert follow([one]) is None
    assert follow([one, seen("1", ["b"], [0.9])]) is None


# ---------------------------------------------------------------- the crowd


def crowd(n=200, seed=0):
    rng = np.random.default_rng(seed)
    voice, face = rng.random((2, n))
    gap = np.clip(0.5 * (voice - face) + rng.normal(0, 0.2, n), -1, 1)
    texts = {"votes_voice": [f"{v:.4f}" for v in voice], "votes_face": [f"{f:.4f}" for f in face]}
    return gap, texts


def test_the_gap_is_correlated_with_votes_by_voice_minus_by_face():
    gap, texts = crowd()
    found = votes(gap, texts)
    lean = np.array(texts["votes_voice"], float) - np.array(texts["votes_face"], float)
    expected = pearsonr(lean, gap)
    interval = expected.confidence_interval(0.95)
    assert found.pearson == pytest.approx(expected.statistic)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=1e-6)
    assert found.spearman == pytest.approx(spearmanr(lean, gap).statistic)


def test_clips_without_a_vote_are_left_out():
    gap, texts = crowd()
    texts["votes_face"][0] = ""
    assert len(votes(gap, texts).gap) == 199


def test_without_votes_or_with_few_or_equal_ones_nothing_is_told():
    gap, texts = crowd()
    assert votes(gap, {}) is None
    assert votes(gap[:5], {name: values[:5] for name, values in texts.items()}) is None
    equal = {name: ["0.5"] * 200 for name in texts}
    assert votes(gap, equal) is None
