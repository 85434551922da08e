"""Pieces of sound in their places, whatever the container's clock says of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from avgap.data.media.layout import Block, laid_out

RATE = 1000


def blocks(times: list[float | None], size: int = 20, rate: int = RATE) -> list[Block]:
    """Pieces of so many samples, the first of ones, the second of twos, …"""
    return [Block(t, rate, np.full(size, n + 1, np.float32)) for n, t in enumerate(times)]


def resample(wave, rate, target):
    return np.repeat(wave, target // rate) if target >= rate else wave[:: rate // target]


def numbers(pieces, begin=0.0, until=math.inf) -> list[int]:
    """Which piece is heard every 10 ms."""
    wave, _, _ = laid_out(pieces, begin, until, RATE, resample)
    return wave[::10].astype(int).tolist()


def test_pieces_follow_each_other():
    assert numbers(blocks([0, 0.02, 0.04])) == [1, 1, 2, 2, 3, 3]
    assert numbers(blocks([None, None, None])) == [1, 1, 2, 2, 3, 3]
    assert numbers(blocks([0, 0.02, 0.04]), 0.01, 0.05) == [1, 2, 2, 3]


def test_one_piece_that_was_lost_leaves_its_place_empty():
    assert numbers(blocks([0, 0.02, 0.06, 0.08])) == [1, 1, 2, 2, 0, 0, 3, 3, 4, 4]


def test_losses_do_not_add_up_until_they_are_noticed():
    # Every second piece of 20 ms is lost, five times.
    assert numbers(blocks([0, 0.04, 0.08, 0.12, 0.16]))[-2:] == [5, 5]
    assert laid_out(blocks([0, 0.04, 0.08, 0.12, 0.16]), 0, math.inf, RATE, resample).end == 0.18


@pytest.mark.parametrize("jitter", [0.001, 0.009])
def test_a_clock_that_rounds_or_jitters_moves_nothing(jitter):
    times = [0.02 * n + jitter * (n % 2) for n in range(20)]
    assert numbers(blocks(times)) == [1 + n // 2 for n in range(40)]


def test_a_jump_that_the_following_pieces_do_not_share_is_none():
    times = [0.02 * n for n in range(20)]
    times[7] += 5
    assert numbers(blocks(times)) == [1 + n // 2 for n in range(40)]


def test_a_clock_that_goes_back_is_not_followed():
    assert numbers(blocks([0, 0.02, 0, 0.02])) == [1, 1, 2, 2, 3, 3, 4, 4]


def test_a_rate_that_changes_is_heeded_from_there_on():
    slow = blocks([0, 0.02], size=20)
    fast = [Block(None, 2000, np.full(40, n, np.float32)) for n in (3, 4)]
    assert numbers([*slow, *fast]) == [1, 1, 2, 2, 3, 3, 4, 4]
    assert numbers([*fast, *slow]) == [3, 3, 4, 4, 1, 1, 2, 2]
    assert laid_out([*slow, *fast], 0, math.inf, RATE, resample).end == 0.08


def test_nothing_gives_nothing():
    assert laid_out([], 0, 1, RATE, resample).wave.size == 0
