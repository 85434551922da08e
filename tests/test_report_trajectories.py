"""Samples through the rounds: who changed sides, who never did."""

from __future__ import annotations

import numpy as np

from avgap.mixture.model import Component, Mixture
from avgap.report.trajectories import Moves, Seen, follow


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
            seen("0", list("abcd"), [0.9] * 4, [0.6, -0.8, 0.9, 0.7]),
            seen("1", list("abcd"), [0.9] * 4, [0.6, -0.8, 0.1, 0.2]),
        ]
    )
    # b and a in both rounds, mean |gap| 0.8 and 0.6; c and d in the first alone, 0.5 and 0.45
    assert [paths.id[i] for i in paths.order()] == ["b", "a", "c", "d"]


def test_one_mixture_counts_every_round_whatever_the_rounds_own_say():
    # equal σ and weights: imbalanced above the middle of the means, 0.4
    mixture = Mixture(Component(0.5, 0.0, 0.01), Component(0.5, 0.8, 0.01))
    rounds = [
        seen("0", list("abc"), [0.9, 0.9, 0.1], [0.5, 0.7, 0.1]),
        seen("1", list("abc"), [0.9, 0.1, 0.9], [0.3, 0.6, 0.2]),
    ]
    paths = follow(rounds, mixture)
    assert paths.imbalanced.tolist() == [[True, True, False], [False, True, False]]
    assert paths.moves() == [Moves("1", 1, 0, 1, 1)]
    told = paths.as_dict()
    assert (told["imbalanced"], told["imbalanced_by_own"]) == ([2, 1], [2, 2])
    assert told["counted_by"]["imbalanced"]["mean"] == 0.8
    # without a mixture: |gap| above 0.5
    assert follow(rounds).imbalanced.tolist() == [[False, True, False], [False, True, False]]
    assert follow(rounds).as_dict()["counted_by"] == "|gap|"


def test_a_sample_that_went_to_the_other_side_has_moved():
    paths = follow(
        [seen("0", ["a", "b"], [1, 1], [0.9, 0.9]), seen("1", ["a", "b"], [1, 1], [0.8, -0.8])]
    )
    assert paths.side.tolist() == [[1, 1], [1, -1]]
    assert paths.never_moved.tolist() == [True, False]


def test_one_round_or_no_sample_in_common_gives_no_trajectories():
    one = seen("0", ["a"], [0.9])
    assert follow([one]) is None
    assert follow([one, seen("1", ["b"], [0.9])]) is None
