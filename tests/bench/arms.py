"""What the benchmarks share: arms run in turn, medians, and a line about the machine."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import resource
import statistics
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


class Cost(NamedTuple):
    """What one run took: wall and processor seconds, those of its finished children included."""

    wall: float
    cpu: float


def measure(work: Callable[[], object]) -> Cost:
    """Run once and measure."""
    _adopt_orphans()
    begin, cpu = time.perf_counter(), _cpu()
    work()
    wall = time.perf_counter() - begin
    _wait_for_orphans()
    return Cost(wall, _cpu() - cpu)


def interleaved(arms: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[Cost]]:
    """Every arm once per round, in turn, so that a noisy machine disturbs all alike."""
    costs: dict[str, list[Cost]] = {name: [] for name in arms}
    for number in range(rounds):
        for name, work in arms.items():
            costs[name].append(measure(work))
            last = costs[name][-1]
            print(f"round {number + 1}  {name:10} {last.wall:7.2f} s, {last.cpu:7.2f} s CPU")
    return costs


def medians(costs: list[Cost]) -> Cost:
    """The median of each column."""
    return Cost(*(statistics.median(column) for column in zip(*costs, strict=True)))


def machine() -> str:
    """Processor, cores, load and Python, for the record."""
    model = next(
        (
            line.split(":")[1].strip()
            for line in open("/proc/cpuinfo", encoding="ascii", errors="replace")  # noqa: PTH123, SIM115
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"{model}, {os.cpu_count()} cores, load {load}, Python {platform.python_version()}"


def _adopt_orphans() -> None:
    """Let what outlives its parent, as the server that workers are forked from, become ours."""
    ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _wait_for_orphans() -> None:
    """Only what has been waited for counts in the processor time of children."""
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)
