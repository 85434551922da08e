"""Metrics as pure functions of (probabilities, labels). Fractions in [0, 1]; no files, no torch.

prob: (N, M), rows sum to 1. label: class index, (N,). Classes absent from label do not enter means.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import (
    average_precision_score,
    confusion_matrix,
    precision_recall_fscore_support,
)

Prob = NDArray[np.float64]
Label = NDArray[np.int64]
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
    present = np.unique(label)
    return float(np.mean([average_precision_score(label == c, prob[:, c]) for c in present]))


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


def confusion(prob: Prob, label: Label) -> list[list[int]]:
    """Counts (M, M): rows are true classes, columns predicted ones."""
    matrix = confusion_matrix(label, prob.argmax(axis=1), labels=range(prob.shape[1]))
    counts: list[list[int]] = matrix.tolist()
    return counts


def summarise(prob: Prob, label: Label, classes: tuple[str, ...]) -> dict[str, Any]:
    """Every metric, the values per class and the confusion matrix of one set of scores."""
    return {
        **{name: metric(prob, label) for name, metric in METRICS.items()},
        "per_class": per_class(prob, label, classes),
        "confusion": confusion(prob, label),
    }
