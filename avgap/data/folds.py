"""K folds of a training split, for cross-fitting: every clip is held out by one of them."""

from __future__ import annotations

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
) -> NDArray[np.int64]:
    """The fold of each of N clips, (N,) in 1…K, stratified by class; a group stays in one fold.

    The choice depends on the ids, labels, groups and the seed, not on the order of the clips.
    Raises InputError: fewer clips of a class or fewer groups than folds, or a fold without which a
    class has no clip left to train on.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    named = np.asarray(group if group is not None else id, dtype=str)
    _expect_enough(label, folds, None if group is None else named)
    kind = StratifiedKFold if group is None else StratifiedGroupKFold
    order = np.argsort(np.asarray(id, dtype=str), kind="stable")
    splitter = kind(folds, shuffle=True, random_state=seed % 2**32)
    fold = np.zeros(len(label), np.int64)
    splits = splitter.split(order, label[order], named[order])
    for number, (_, held_out) in enumerate(splits, start=1):
        fold[order[held_out]] = number
    _expect_trainable(label, fold)
    return fold


def _expect_enough(label: NDArray[np.int64], folds: int, group: NDArray[np.str_] | None) -> None:
    if group is not None:
        there = len(set(group.tolist()))
        if there < folds:
            what = f"{folds} folds need as many groups, and there {_are(there)}"
            raise InputError(what, shorten(sorted(set(group.tolist()))), "fewer --folds")
        return
    few = {c: n for c, n in sorted(Counter(label.tolist()).items()) if n < folds}
    if few:
        lines = shorten([f"class {c}: {n} training clips" for c, n in few.items()])
        raise InputError(f"{folds} folds need {folds} clips of every class", lines, "fewer --folds")


def _expect_trainable(label: NDArray[np.int64], fold: NDArray[np.int64]) -> None:
    """Raise InputError where a network would be measured on a class that it has never seen."""
    classes = set(label.tolist())
    lines = [
        f"without fold {number}: class {c}"
        for number in range(1, fold.max() + 1)
        for c in sorted(classes - set(label[fold != number].tolist()))
    ]
    if lines:
        what = "a class lies in one fold alone, and nothing is left to train on"
        raise InputError(what, shorten(lines), "fewer --folds, or without --by")


def _are(number: int) -> str:
    return "is one" if number == 1 else f"are {number}"
