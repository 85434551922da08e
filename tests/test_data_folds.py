"""Folds: stratified, seeded, independent of the order of the clips; groups stay together."""

from __future__ import annotations

import warnings
from collections import Counter

import numpy as np
import pytest

from avgap.data.folds import assign_folds
from avgap.errors import InputError

IDS = [f"clip-{row:02}" for row in range(24)]
LABEL = np.arange(24) % 3


def per_fold(fold, values):
    """Of each fold the values of its clips, counted."""
    return {n: Counter(np.asarray(values)[fold == n].tolist()) for n in sorted(set(fold.tolist()))}


def test_every_clip_is_in_one_fold_and_every_class_in_each_alike():
    fold = assign_folds(IDS, LABEL, 4, seed=0)
    assert per_fold(fold, LABEL) == {n: {0: 2, 1: 2, 2: 2} for n in (1, 2, 3, 4)}


def test_another_seed_makes_other_folds_and_the_same_seed_the_same():
    one, again, other = (assign_folds(IDS, LABEL, 4, seed) for seed in (0, 0, 2**32 - 1))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


@pytest.mark.parametrize("group", [None, [f"speaker {row % 7}" for row in range(24)]])
def test_the_order_of_the_clips_changes_no_clips_fold(group):
    order = np.random.default_rng(1).permutation(24)
    fold = assign_folds(IDS, LABEL, 3, 0, group)
    mixed = None if group is None else [group[row] for row in order]
    np.testing.assert_array_equal(
        assign_folds([IDS[row] for row in order], LABEL[order], 3, 0, mixed), fold[order]
    )


def test_a_group_stays_in_one_fold():
    group = [f"speaker {row // 4}" for row in range(24)]
    fold = assign_folds(IDS, LABEL, 3, 0, group)
    assert per_fold(np.array([int(g[-1]) for g in group]), fold).keys() == set(range(6))
    assert all(len(folds) == 1 for folds in per_fold(np.arange(24) // 4, fold).values())
    assert sorted(Counter(fold.tolist()).values()) == [8, 8, 8]


def test_no_warning_of_scikit_learn_reaches_the_user():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert set(assign_folds(IDS, LABEL, 4, 0)) == {1, 2, 3, 4}
        # Class 2 has two clips, fewer than there are folds.
        label = np.r_[LABEL[:22] % 2, 2, 2]
        fold = assign_folds(IDS, label, 3, 0, [f"speaker {row % 8}" for row in range(24)])
        assert set(fold) == {1, 2, 3}


def test_more_folds_than_clips_of_a_class_names_the_classes():
    label = np.r_[np.zeros(20, int), 1, 1, 1, 2]
    with pytest.raises(InputError, match="4 folds need 4 clips of every class") as caught:
        assign_folds(IDS, label, 4, 0, classes=["dog", "cat", "cow"])
    assert caught.value.details == ("class cat: 3 training clips", "class cow: 1 training clips")
    assert caught.value.hint == "fewer --folds"


@pytest.mark.parametrize(("groups", "said"), [(1, "there is one"), (3, "there are 3")])
def test_fewer_groups_than_folds_are_named(groups, said):
    group = [f"speaker {row % groups}" for row in range(24)]
    with pytest.raises(InputError, match=f"5 folds need as many groups, and {said}") as caught:
        assign_folds(IDS, LABEL, 5, 0, group)
    assert caught.value.details == tuple(sorted(set(group)))


def test_a_class_of_a_single_group_would_be_measured_untrained_and_is_refused():
    group = ["a"] * 8 + ["b"] * 8 + ["c"] * 8
    label = np.r_[np.arange(16) % 2, np.full(8, 2)]
    with pytest.raises(InputError, match="nothing is left to train on") as caught:
        assign_folds(IDS, label, 3, 0, group, ["dog", "cat", "cow"])
    (line,) = caught.value.details
    assert line.endswith("class cow")
    assert line.startswith("without fold ")


def test_groups_do_not_help_where_every_class_has_too_few_clips():
    group = [f"speaker {row}" for row in range(24)]
    with pytest.raises(InputError, match="12 folds need 12 clips of every class"):
        assign_folds(IDS, LABEL, 12, 0, group)
