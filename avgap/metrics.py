"""Metrics as pure functions of (probabilities, labels). Fractions in [0, 1]; no files, no torch.

prob: (N, M), rows sum to 1. label: class index, (N,). Classes absent from label do not enter means.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_fscore_support

Prob = NDArray[np.float64]
Label = NDArray[np.int64]
LARGEST = 1000  # counts of a confusion of more classes: the matrix of 4,000 makes 600 MB of JSON
_CALIBRATION_BINS = 15  # Guo et al. 2017, "On calibration of modern neural networks"


def accuracy(prob: Prob, label: Label) -> float:
    """The share of samples whose highest score is the true class's."""
    return float((prob.argmax(axis=1) == label).mean())


def macro_f1(prob: Prob, label: Label) -> float:
    """The mean over the classes present of the F1 score."""
    present = np.unique(label)
    predicted = prob.argmax(axis=1)
    scores = precision_recall_fscore_support(label, predicted, labels=present, zero_division=0)
    return float(np.mean(scores[2]))


def mean_average_precision(prob: Prob, label: Label) -> float:
    """The mean over the classes present of the average precision, one class against the rest."""
    return float(np.mean([_average_precision(prob[:, c], label == c) for c in np.unique(label)]))


def _average_precision(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """The mean over the positive samples of the precision at their score, all (N,)."""
    scores, positives = np.sort(score), np.sort(score[positive])
    # So many samples have at least this score; equal ones are found together.
    found = len(scores) - np.searchsorted(scores, positives)
    right = len(positives) - np.searchsorted(positives, positives)
    return float((right / found).mean())


def calibration_error(prob: Prob, label: Label) -> float:
    """Expected calibration error of the top score in 15 bins: Σ (n_b/N) |accuracy_b − score_b|."""
    score, right = prob.max(axis=1), prob.argmax(axis=1) == label
    bins = np.minimum((score * _CALIBRATION_BINS).astype(int), _CALIBRATION_BINS - 1)
    surplus = np.bincount(bins, weights=right - score, minlength=_CALIBRATION_BINS)
    return float(np.abs(surplus).sum() / len(label))


# A new metric: a function here, one line below, and a test against scikit-learn where it has one.
METRICS: dict[str, Callable[[Prob, Label], float]] = {
    "accuracy": accuracy,
    "macro_f1": macro_f1,
    "mean_average_precision": mean_average_precision,
    "calibration_error": calibration_error,
}


def per_class(prob: Prob, label: Label, classes: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and support by class name; 0 where nothing is there to divide by."""
    columns = precision_recall_fscore_support(
        label, prob.argmax(axis=1), labels=range(len(classes)), zero_division=0
    )
    names = ("precision", "recall", "f1", "support")
    return {
        name: {key: float(column[i]) for key, column in zip(names, columns, strict=True)}
        for i, name in enumerate(classes)
    }


def confusion(prob: Prob, label: Label) -> list[list[int]] | dict[str, Any]:
    """Counts (M, M): rows are true classes, columns predicted ones.

    Beyond LARGEST classes a record: `largest` has the LARGEST largest counts with their place,
    [true, predicted, count], and `others` what the counts left out sum to.
    """
    size = prob.shape[1]
    pairs, counts = np.unique(label * size + prob.argmax(axis=1), return_counts=True)
    if size > LARGEST:
        order = np.argsort(-counts, kind="stable")[:LARGEST]
        places = zip(*np.divmod(pairs[order], size), counts[order], strict=True)
        largest = [[int(value) for value in place] for place in places]
        return {"largest": largest, "others": int(counts.sum() - counts[order].sum())}
    matrix = np.zeros(size * size, np.int64)
    matrix[pairs] = counts
    rows: list[list[int]] = matrix.reshape(size, size).tolist()
    return rows


def summarise(prob: Prob, label: Label, classes: tuple[str, ...]) -> dict[str, Any]:
    """Every metric, the values per class and the confusion matrix of one set of scores."""
    return {
        **{name: metric(prob, label) for name, metric in METRICS.items()},
        "per_class": per_class(prob, label, classes),
        "confusion": confusion(prob, label),
    }
