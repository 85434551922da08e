"""K folds of a training split, for cross-fitting: every clip is held out by one of them."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from avgap.errors import InputError
from avgap.text import shorten


def assign_folds(
    id: Sequence[str],
    label: NDArray[np.int64],
    folds: int,
    seed: int,
    group: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
) -> NDArray[np.int64]:
    """The fold of each of N clips, (N,) in 1…K, stratified by class; a group stays in one fold.

    The choice depends on the ids, labels, groups and the seed, not on the order of the clips.
    classes: names for errors. Raises InputError: fewer clips of a class or fewer groups than folds,
    or a fold without which a class has no clip left to train on.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    named = None if group is None else np.asarray(group, dtype=str)
    names = [str(c) for c in range(label.max() + 1)] if classes is None else classes
    if named is not None:
        _expect_groups(named, folds)
    if named is None or np.bincount(label).max() < folds:
        _expect_clips(label, folds, names)
    kind = StratifiedKFold if named is None else StratifiedGroupKFold
    order = np.argsort(np.asarray(id, dtype=str), kind="stable")
    splitter = kind(folds, shuffle=True, random_state=seed % 2**32)
    fold = np.zeros(len(label), np.int64)
    splits = splitter.split(order, label[order], None if named is None else named[order])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a class of fewer clips than folds
        for number, (_, held_out) in enumerate(splits, start=1):
            fold[order[held_out]] = number
    _expect_trainable(label, fold, names)
    return fold


def _expect_groups(group: NDArray[np.str_], folds: int) -> None:
    there = sorted(set(group.tolist()))
    if len(there) < folds:
        what = f"{folds} folds need as many groups, and there {_are(len(there))}"
        raise InputError(what, shorten(there), "fewer --folds")


def _expect_clips(label: NDArray[np.int64], folds: int, names: Sequence[str]) -> None:
    few = {c: n for c, n in sorted(Counter(label.tolist()).items()) if n < folds}
    if few:
        lines = shorten([f"class {names[c]}: {n} training clips" for c, n in few.items()])
        raise InputError(f"{folds} folds need {folds} clips of every class", lines, "fewer --folds")


def _expect_trainable(
    label: NDArray[np.int64], fold: NDArray[np.int64], names: Sequence[str]
) -> None:
    """Raise InputError where a network would be measured on a class that it has never seen."""
    classes = set(label.tolist())
    lines = [
        f"without fold {number}: class {names[c]}"
        for number in range(1, fold.max() + 1)
        for c in sorted(classes - set(label[fold != number].tolist()))
    ]
    if lines:
        what = "a class lies in one fold alone, and nothing is left to train on"
        raise InputError(what, shorten(lines), "fewer --folds, or without --by")


def _are(number: int) -> str:
    return "is one" if number == 1 else f"are {number}"
