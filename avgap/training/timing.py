"""Where the time of a step goes, without waiting for the device."""

from __future__ import annotations

import sys
import time
from typing import Any

import torch

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

PARTS = ("data", "forward", "backward", "optimizer")


class Stopwatch:
    """Milliseconds of the parts of sampled steps, by events on a GPU, by the clock on a CPU."""

    def __init__(self, device: torch.device) -> None:
        self._gpu = device.type == "cuda"
        self._spans: list[tuple[str, Any, Any]] = []
        self.running = False

    def start(self) -> None:
        """Begin a sampled step."""
        self.running = True
        self._last = self._now()

    def mark(self, part: str) -> None:
        """A part of the step ends here; nothing outside a sampled step."""
        if self.running:
            here = self._now()
            self._spans.append((part, self._last, here))
            self._last = here

    def stop(self) -> None:
        """The step ends."""
        self.running = False

    def read(self) -> dict[str, float] | None:
        """The mean milliseconds of each part, then afresh; None without a sampled step.

        Waits for the device: for the end of an epoch.
        """
        if not self._spans:
            return None
        if self._gpu:
            self._spans[-1][2].synchronize()
        sums = dict.fromkeys(PARTS, 0.0)
        for part, begin, end in self._spans:
            sums[part] += begin.elapsed_time(end) if self._gpu else 1000 * (end - begin)
        steps = max(sum(part == "data" for part, *_ in self._spans), 1)
        self._spans.clear()
        return {part: round(value / steps, 4) for part, value in sums.items()}

    def _now(self) -> Any:
        if self._gpu:
            return torch.cuda.current_stream().record_event(torch.cuda.Event(enable_timing=True))
        return time.perf_counter()


def peak_memory(device: torch.device) -> int | None:
    """The most bytes held so far: on a GPU by torch, on a CPU by the process (None on Windows)."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if resource is None:
        return None
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes * (1 if sys.platform == "darwin" else 1024)
