"""Where EM starts: partitions, and one component more."""

from __future__ import annotations

import numpy as np
import pytest

from avgap.mixture.histogram import Bins
from avgap.mixture.initial import moments, split_components, starts
from avgap.mixture.model import Component, Mixture


def test_starts_part_the_samples_in_two_and_are_as_many_as_asked():
    gap = np.random.default_rng(0).normal(0, 0.2, 200).clip(-1, 1)
    partitions = list(starts(Bins.of(gap), 2, 7))
    assert len(partitions) == 7
    assert all(set(np.unique(groups)) == {0, 1} for groups in partitions)


def test_a_group_starts_with_its_moments():
    bins = Bins.of(np.array([0.0, 0.2, 0.6, 0.8]))
    parts = moments(bins, [np.array([0, 0, 1, 1])], 2, 1e-6)
    np.testing.assert_allclose(parts.weight, [[0.5, 0.5]])
    np.testing.assert_allclose(parts.mean, [[0.1, 0.7]])
    np.testing.assert_allclose(parts.variance, [[0.010001, 0.010001]])


def test_a_component_split_in_two_keeps_its_weight_mean_and_variance():
    mixture = Mixture(Component(0.75, 0.1, 0.04), Component(0.25, 0.6, 0.01))
    parts = split_components(mixture)
    assert parts.weight.shape == (6, 3)  # either component in three ways
    for row in range(3):  # the other stays as it is, and comes first
        assert parts.mean[row, 0] == 0.6
        weight, mean, variance = (v[row, 1:] for v in (parts.weight, parts.mean, parts.variance))
        assert weight.sum() == pytest.approx(0.75)
        centre = (weight * mean).sum() / 0.75
        assert centre == pytest.approx(0.1)
        spread = (weight * (variance + (mean - centre) ** 2)).sum() / 0.75
        assert spread == pytest.approx(0.04)
