"""Decoded pieces of sound, laid out by when they are heard.

A piece follows the one before it; the container's clock is heeded only where pieces are missing
between two. It rounds, it jitters from piece to piece, and it may count at a rate that is not the
sound's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Waveform = NDArray[np.float32]

_SHARE = 0.75  # of a piece; where less is missing, nothing is: lost pieces are lost whole
_ROUNDING = 2e-3  # s; containers round to 1 ms
_GAP = 0.1  # s; where so much is missing, however long the pieces are
AHEAD = 16  # pieces behind a jump of the clock that must share it


class Block(NamedTuple):
    """time: when it is heard, s, None where nobody says. rate: Hz. wave: (samples,)."""

    time: float | None
    rate: int
    wave: Waveform


class _Placed(NamedTuple):
    """A wave and the sample of the clock that it begins at."""

    start: int
    wave: Waveform

    @property
    def end(self) -> int:
        """The sample of the clock behind its last."""
        return self.start + self.wave.size


class LaidOut(NamedTuple):
    """wave: (samples,) from begin on. rate: Hz. end: s, where the last piece ends."""

    wave: Waveform
    rate: int
    end: float


def laid_out(
    blocks: Sequence[Block],
    begin: float,
    until: float,
    sample_rate: int,
    resample: Callable[[Waveform, int, int], Waveform],
) -> LaidOut:
    """The pieces from begin to until (s), silence where none is, as far as there are any.

    At their own rate; where it changes on the way, at sample_rate.
    """
    if not blocks:
        return LaidOut(np.zeros(0, np.float32), sample_rate, 0.0)
    starts = _starts(blocks)
    rate = blocks[0].rate
    end = (starts[-1] + blocks[-1].wave.size) / blocks[-1].rate
    pieces = [_Placed(s, block.wave) for s, block in zip(starts, blocks, strict=True)]
    if any(block.rate != rate for block in blocks):
        rates = [block.rate for block in blocks]
        pieces = [
            _Placed(
                round(run[0].start / had * sample_rate), resample(_joined(run), had, sample_rate)
            )
            for had, run in _runs(rates, pieces)
        ]
        rate = sample_rate
    first, last = round(begin * rate), pieces[-1].end
    if until < math.inf:
        last = min(last, first + round((until - begin) * rate))
    return LaidOut(_joined(pieces, first, last), rate, end)


def _starts(blocks: Sequence[Block]) -> list[int]:
    """The sample, counted at its own rate from time 0, that each piece begins at."""
    starts: list[int] = []
    position, rate = 0, blocks[0].rate
    for index, block in enumerate(blocks):
        if block.rate != rate:
            position, rate = round(position / rate * block.rate), block.rate
        at = None if block.time is None else round(block.time * rate)
        if at is not None and not starts:
            position = at
        elif at is not None:
            slack = min(_GAP * rate, _SHARE * block.wave.size + _ROUNDING * rate)
            if at > position + slack and (due := _due(blocks, index)) > position + slack:
                position = min(at, due) if at > due + slack else at
        starts.append(position)
        position += block.wave.size
    return starts


def _due(blocks: Sequence[Block], index: int) -> int:
    """The earliest sample for this piece that the clock of it and the following ones allows."""
    rate, before, allowed = blocks[index].rate, 0, []
    for block in blocks[index : index + AHEAD]:
        if block.rate != rate:
            break
        if block.time is not None:
            allowed.append(round(block.time * rate) - before)
        before += block.wave.size
    return min(allowed)


def _runs(rates: Sequence[int], pieces: Sequence[_Placed]) -> list[tuple[int, list[_Placed]]]:
    """Pieces in a row of the same rate."""
    pairs = groupby(zip(rates, pieces, strict=True), key=lambda pair: pair[0])
    return [(rate, [piece for _, piece in run]) for rate, run in pairs]


def _joined(
    pieces: Sequence[_Placed], first: int | None = None, last: int | None = None
) -> Waveform:
    """The samples from first to last, silence between the pieces."""
    first = pieces[0].start if first is None else first
    last = pieces[-1].end if last is None else last
    wave = np.zeros(max(0, last - first), np.float32)
    for piece in pieces:
        skipped = max(0, first - piece.start)
        part = piece.wave[skipped : max(0, last - piece.start)]
        at = piece.start + skipped - first
        wave[at : at + part.size] = part
    return wave
