"""Metrics agree with scikit-learn and with numbers by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import accuracy_score, average_precision_score, f1_score
from sklearn.preprocessing import label_binarize

from avgap import metrics

PROB = softmax(np.random.default_rng(0).normal(size=(50, 4)), axis=1)
LABEL = np.random.default_rng(1).integers(0, 4, 50)


def test_accuracy_and_macro_f1_and_average_precision_are_scikit_learns() -> None:
    predicted = PROB.argmax(axis=1)
    assert metrics.accuracy(PROB, LABEL) == pytest.approx(accuracy_score(LABEL, predicted))
    assert metrics.macro_f1(PROB, LABEL) == pytest.approx(
        f1_score(LABEL, predicted, average="macro")
    )
    one_hot = label_binarize(LABEL, classes=range(4))
    expected = average_precision_score(one_hot, PROB, average="macro")
    assert metrics.mean_average_precision(PROB, LABEL) == pytest.approx(expected)


def test_classes_absent_from_the_labels_do_not_enter_means() -> None:
    label = np.zeros(50, dtype=np.int64)
    assert metrics.macro_f1(np.eye(4)[label], label) == 1
    assert metrics.mean_average_precision(np.eye(4)[label], label) == 1


def test_calibration_error_is_the_weighted_distance_of_score_and_accuracy() -> None:
    # Four samples at score 0.9, three of them right: |3/4 − 0.9| = 0.15 for the whole.
    prob = np.array([[0.9, 0.1]] * 4)
    assert metrics.calibration_error(prob, np.array([0, 0, 0, 1])) == pytest.approx(0.15)
    assert metrics.calibration_error(np.array([[1.0, 0.0]]), np.array([0])) == 0


def test_the_confusion_matrix_has_true_classes_as_rows_and_keeps_absent_ones() -> None:
    prob = np.eye(3)[[0, 0, 1]]
    assert metrics.confusion(prob, np.array([0, 1, 1])) == [[1, 0, 0], [1, 1, 0], [0, 0, 0]]


def test_values_per_class_are_by_name() -> None:
    prob = np.eye(3)[[0, 0, 1]]
    values = metrics.per_class(prob, np.array([0, 1, 1]), ("a", "b", "c"))
    assert values["a"] == {
        "precision": 0.5,
        "recall": 1.0,
        "f1": pytest.approx(2 / 3),
        "support": 1,
    }
    assert values["c"] == {"precision": 0, "recall": 0, "f1": 0, "support": 0}


@pytest.mark.parametrize("name", list(metrics.METRICS))
def test_every_metric_is_a_fraction(name: str) -> None:
    assert 0 <= metrics.METRICS[name](PROB, LABEL) <= 1


def test_the_average_precision_of_equal_scores_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    for seed in range(5):
        prob = np.round(softmax(rng.normal(size=(80, 3)), axis=1), 1)
        label = np.random.default_rng(seed).integers(0, 3, 80)
        expected = [average_precision_score(label == c, prob[:, c]) for c in range(3)]
        assert metrics.mean_average_precision(prob, label) == pytest.approx(np.mean(expected))


def test_the_confusion_of_very_many_classes_is_its_largest_counts() -> None:
    size = metrics.LARGEST + 1
    label = np.concatenate([np.full(5, 7), np.full(3, 2), np.arange(size)])
    predicted = np.concatenate([np.full(5, 9), np.full(3, 2), np.arange(size)])
    prob = np.zeros((len(label), size))
    prob[np.arange(len(label)), predicted] = 1
    found = metrics.confusion(prob, label)
    assert found["largest"][:3] == [[7, 9, 5], [2, 2, 4], [0, 0, 1]]
    assert len(found["largest"]) == metrics.LARGEST
    # Counts above zero: (7, 9), and every class with itself; two of them find no room.
    assert found["others"] == 2
