"""The dip statistic against its definition, known values, and shapes of one and of two peaks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

from avgap.mixture.dip import MAX_SAMPLES, P_FLOOR, dip, dip_test, null_quantiles


def dip_by_linear_programming(values):
    """The definition: over every mode u_m, the least d such that a function that is convex before
    u_m, may jump there, and is concave after it, stays within d of both staircases."""
    u, counts = np.unique(values, return_counts=True)
    upper = np.cumsum(counts) / counts.sum()
    lower = upper - counts / counts.sum()
    k = len(u)
    return min(_least_distance(u, lower, upper, mode, k) for mode in range(k))


def _least_distance(u, lower, upper, mode, k):
    jump, d = k, k + 1  # unknowns: the value left of each u_i, the value right of the mode, d
    rows, bounds = [], []

    def at_most(bound, **coefficients):
        row = np.zeros(k + 2)
        for name, value in coefficients.items():
            row[int(name[1:])] = value
        rows.append(row)
        bounds.append(bound)

    def right_of(i):
        return jump if i == mode else i

    for i in range(k):
        for column, level in ((i, lower[i]), (right_of(i), upper[i])):
            at_most(level, **{f"v{column}": 1, f"v{d}": -1})
            at_most(-level, **{f"v{column}": -1, f"v{d}": -1})
    at_most(0, **{f"v{mode}": 1, f"v{jump}": -1})
    for i in range(1, k - 1):
        if i == mode:
            continue
        a, b = 1 / (u[i] - u[i - 1]), 1 / (u[i + 1] - u[i])
        sign = 1 if i < mode else -1
        names = {f"v{i}": sign * (a + b), f"v{right_of(i - 1)}": -sign * a, f"v{i + 1}": -sign * b}
        at_most(0, **names)
    for i in range(k - 1):
        at_most(0, **{f"v{right_of(i)}": 1, f"v{i + 1}": -1})
    cost = np.zeros(k + 2)
    cost[d] = 1
    return linprog(cost, A_ub=np.array(rows), b_ub=bounds, bounds=[(0, 1)] * (k + 2)).fun


@pytest.mark.parametrize("seed", range(12))
def test_dip_is_the_least_distance_to_a_unimodal_distribution(seed):
    rng = np.random.default_rng(seed)
    ties = rng.integers(0, 5, 9) / 5
    two_groups = np.concatenate([rng.random(5), 3 + 0.2 * rng.random(4)])
    for values in (rng.random(8), ties, two_groups):
        assert dip(values) == pytest.approx(dip_by_linear_programming(values), abs=1e-7)


def test_evenly_spaced_values_have_the_least_dip():
    assert dip(np.arange(10)) == pytest.approx(1 / 20)


def test_two_equal_far_atoms_have_the_greatest_dip():
    assert dip([0] * 50 + [1] * 50) == pytest.approx(1 / 4)


def test_dip_does_not_depend_on_place_scale_or_order():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(0, 1, 40), rng.normal(4, 1, 20)])
    assert dip(5 - 2 * values[::-1]) == pytest.approx(dip(values))


@pytest.mark.parametrize("draw", ["normal", "laplace", "uniform", "standard_cauchy"])
def test_one_peak_of_any_shape_is_not_called_two(draw):
    rng = np.random.default_rng(1)
    assert dip_test(getattr(rng, draw)(size=2000)).p > 0.05


def test_two_peaks_are_found():
    rng = np.random.default_rng(2)
    values = np.concatenate([rng.normal(0, 0.11, 857), rng.normal(0.7, 0.12, 143)])
    assert P_FLOOR <= dip_test(values).p < 0.01


def test_p_values_of_uniform_samples_are_uniform():
    rng = np.random.default_rng(3)
    p = np.array([dip_test(rng.random(100)).p for _ in range(600)])
    for level in (0.05, 0.2, 0.5):
        assert (p < level).mean() == pytest.approx(level, abs=0.05)


def test_the_stored_table_is_what_the_simulation_gives():
    simulated = null_quantiles(16, 2000, seed=1)[:8]  # up to the 5 % tail
    stored = np.array([2115, 2470, 2910, 3247, 3617, 3887, 4267, 4619]) / 1e4
    np.testing.assert_allclose(simulated, stored, atol=0.012)


def test_many_values_are_thinned_to_order_statistics():
    rng = np.random.default_rng(4)
    values = rng.normal(size=20_000)
    test = dip_test(values)
    ranks = np.linspace(0, 19_999, MAX_SAMPLES).round().astype(int)
    assert test.dip == dip(np.sort(values)[ranks])
    assert test.dip == pytest.approx(dip(values), abs=1 / MAX_SAMPLES)
    assert test.p > 0.5
