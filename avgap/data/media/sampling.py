"""Which frames of a clip are kept: by when they are on display, never by number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from avgap.errors import UsageError, unknown

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAMPLINGS = ("uniform", "first", "middle", "fps:RATE")
SAME_TIME = 2e-3  # s; containers round to 1 ms


def choose(
    times: NDArray[np.float64], begin: float, stop: float, count: int, sampling: str
) -> list[int]:
    """The indices of K = count frames of the window [begin, stop) s, ascending.

    times: when each frame comes on display, ascending, s.
    uniform   those on display in the middle of K equal parts
    first     the first K, from the one on display at begin
    middle    K in a row around the middle of the window
    fps:RATE  those on display at begin, begin + 1/RATE, …: the first K of them
    A window with fewer frames repeats them: uniform as they stay on display, the others the last.
    """
    rate = frame_rate(sampling)
    if sampling == "uniform":
        parts = np.arange(count) + 0.5
        return _on_display(times, begin + parts * (stop - begin) / count)
    if rate is not None:
        most = max(1, math.ceil((stop - begin - SAME_TIME) * rate))
        found = _on_display(times, begin + np.arange(min(count, most)) / rate)
    else:
        first = _on_display(times, np.array([begin]))[0]
        after = max(int(np.searchsorted(times, stop - SAME_TIME)), first + 1)
        skipped = max(0, (after - first - count) // 2) if sampling == "middle" else 0
        found = list(range(first + skipped, min(first + skipped + count, after)))
    return found + found[-1:] * (count - len(found))


def frame_rate(sampling: str) -> float | None:
    """RATE (1/s) of fps:RATE, None for the other samplings. Raises UsageError: no such sampling."""
    kind, _, text = sampling.partition(":")
    if kind != "fps":
        if sampling not in SAMPLINGS:
            raise unknown("sampling", sampling, SAMPLINGS)
        return None
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < math.inf:
        raise UsageError(
            f"{sampling!r} names no frame rate", ["frames per second, above 0"], "fps:3"
        )
    return rate


def _on_display(times: NDArray[np.float64], wanted: NDArray[np.float64]) -> list[int]:
    """The frames shown at these times; before the first, the first."""
    indices = np.searchsorted(times, wanted + SAME_TIME, side="right") - 1
    shown: list[int] = np.maximum(indices, 0).tolist()
    return shown
