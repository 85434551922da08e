"""Where EM starts: partitions of the gaps, and mixtures of one component fewer. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from avgap.mixture.em import Parameters
from avgap.mixture.histogram import Bins
from avgap.mixture.model import Component, Mixture

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LLOYD = 100  # iterations of k-means, at most


def starts(bins: Bins, k: int, n_init: int) -> Iterator[NDArray[np.int64]]:
    """Partitions of the bins into k groups, (K,) each, from which EM starts: at most n_init.

    k-means first; then, in turn, thresholds of |g| (narrow and wide; of three groups the wide one
    by its sides) and of g, at quantiles that fill (0, 1) evenly: golden-ratio sequences.
    """
    yield _k_means(bins, k)
    # The golden ratio's multiples fill (0, 1) evenly however many are drawn, and never repeat; no
    # random numbers, so the starts of n_init = 10 are among those of 20.
    for i in range(n_init - 1):
        level = (0.5 + (i // 2) * (math.sqrt(5) - 1) / 2) % 1
        if i % 2 == 0:
            wide = np.abs(bins.value) > _quantile(np.abs(bins.value), bins.count, level)
            sides = 1 + (bins.value > 0) if k == 3 else 1
            group = np.where(wide, sides, 0)
        else:
            levels = [level] if k == 2 else sorted((level / 2, (1 + level) / 2))
            bounds = [_quantile(bins.value, bins.count, one) for one in levels]
            group = np.searchsorted(bounds, bins.value, side="left")
        yield group


def _k_means(bins: Bins, k: int) -> NDArray[np.int64]:
    """Lloyd's k-means from evenly spaced quantiles: on a line its groups are intervals."""
    levels = (np.arange(k) + 0.5) / k
    centres = np.array([_quantile(bins.value, bins.count, level) for level in levels])
    for _ in range(_LLOYD):
        group = np.searchsorted((centres[1:] + centres[:-1]) / 2, bins.value, side="right")
        weight = np.bincount(group, bins.count, k)
        moved = np.bincount(group, bins.count * bins.value, k) / np.maximum(weight, 1)
        moved = np.where(weight > 0, moved, centres)
        if np.array_equal(moved, centres):
            break
        centres = moved
    return np.asarray(group, dtype=np.int64)


def _quantile(values: NDArray[np.float64], count: NDArray[np.float64], level: float) -> float:
    order = np.argsort(values, kind="stable")
    ranks = np.cumsum(count[order])
    return float(values[order[np.searchsorted(ranks, level * ranks[-1])]])


def moments(
    bins: Bins, partitions: list[NDArray[np.int64]], k: int, reg_covar: float
) -> Parameters:
    """The groups' weights, means and variances: where EM starts."""
    rows = []
    for group in partitions:
        weight = np.bincount(group, bins.count, k)
        mean = np.bincount(group, bins.count * bins.value, k) / weight
        apart = (bins.value - mean[group]) ** 2 + bins.spread
        rows.append((weight / bins.n, mean, np.bincount(group, bins.count * apart, k) / weight))
    weight, mean, variance = np.array(rows).transpose(1, 0, 2)
    return Parameters(weight, mean, variance + reg_covar)


def split_components(mixture: Mixture) -> Parameters:
    """Starts with one component more: each component in turn split into two of half its weight.

    Together they keep its mean and variance. Side by side, one narrow in one wide, and all but
    equal: from the last, EM ends no lower than the mixture was.
    """
    parts = list(mixture.components.values())
    rows = []
    for i, c in enumerate(parts):
        others = [*parts[:i], *parts[i + 1 :]]
        half = c.weight / 2
        # Shifts in σ, tilts in σ²: together σ² (1 − shift²) + (shift σ)² = σ².
        for shift, tilt in ((0.6, 0.0), (0.0, 0.6), (1e-3, 0.0)):
            left, right = (
                Component(half, c.mean + s * shift * c.std, c.variance * (1 - shift**2 + s * tilt))
                for s in (-1, 1)
            )
            rows.append(Parameters.of(*others, left, right))
    return Parameters.concatenated(rows)
