"""Progress of long work on stderr: live on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from avgap.console.say import notice, quiet, safe

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.progress import Progress, TaskID

_ROWS = 8  # epochs in the live table


class Bar:
    """Progress of one long piece of work: a live bar on a terminal, plain lines elsewhere."""

    def __init__(self, label: str, total: int, unit: str, live: Progress | None) -> None:
        self._label, self._total, self._unit, self._live = label, total, unit, live
        self._done, self._started, self._lines = 0, time.monotonic(), 0
        self._start_done = 0
        self._task: TaskID | None = None
        if live is not None:
            self._task = live.add_task(label, total=total, unit=unit)

    def resume(self, done: int) -> None:
        """Count work done by an earlier run, which tells nothing about this run's speed."""
        self._done = self._start_done = done
        if self._live is not None and self._task is not None:
            self._live.update(self._task, completed=done)

    def advance(self, n: int = 1, *, lines: bool = False) -> None:
        """Count n units as done. With lines, tell about every tenth of the work where no bar is."""
        self._done += n
        if self._live is not None and self._task is not None:
            self._live.update(self._task, advance=n)
        elif lines and not quiet() and self._done * 10 // max(self._total, 1) > self._lines:
            self._lines = self._done * 10 // max(self._total, 1)
            notice(f"{self._label}: {self._done}/{self._total} {self._unit}{self._left()}")

    def say(self, text: str) -> None:
        """Show a line of news: above the bar on a terminal, as a plain line elsewhere."""
        if quiet():
            return
        if self._live is not None:
            self._live.console.print(safe(text), markup=False, highlight=False)
        else:
            notice(text + self._left())

    def _left(self) -> str:
        fresh = self._done - self._start_done
        if fresh <= 0 or self._done >= self._total:
            return ""
        left = (time.monotonic() - self._started) / fresh * (self._total - self._done)
        return f", {_duration(left)} left"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _terminal() -> Console | None:
    """The terminal on stderr, if there is one that can redraw, and it is wanted."""
    if quiet() or not sys.stderr.isatty():
        return None
    from rich.console import Console

    console = Console(stderr=True)
    return None if console.is_dumb_terminal else console


def _bars(console: Console) -> Progress:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}", markup=False),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
    )


@contextmanager
def progress(label: str, total: int, unit: str) -> Iterator[Bar]:
    """Show the progress of total units of work on stderr, with the time left."""
    console = _terminal()
    if console is None:
        yield Bar(label, total, unit, None)
        return
    with _bars(console) as live:
        yield Bar(label, total, unit, live)


class Epochs:
    """Progress of training: a live table of the last epochs over a bar; elsewhere a line each."""

    def __init__(self, bar: Bar, live: Live | None, bars: Progress | None) -> None:
        self._bar, self._live, self._bars = bar, live, bars
        self._rows: deque[list[str]] = deque(maxlen=_ROWS)

    def resume(self, done: int) -> None:
        """Count steps done by an earlier run."""
        self._bar.resume(done)

    def advance(self) -> None:
        """Count a step as done."""
        self._bar.advance()

    def row(self, record: Mapping[str, Any]) -> None:
        """Show a finished epoch: a line of log.jsonl."""
        if self._live is None:
            self._bar.say(_sentence(record))
            return
        self._rows.append(list(_cells(record).values()))
        self._live.update(self._picture(_cells(record)))

    def _picture(self, names: Mapping[str, str]) -> Any:
        from rich.console import Group
        from rich.table import Table

        table: Table = Table(box=None, pad_edge=False, header_style="bold")
        for name in names:
            table.add_column(name, justify="left" if name == "phase" else "right")
        for row in self._rows:
            table.add_row(*row)
        return Group(table, self._bars) if self._bars is not None else table


def _cells(record: Mapping[str, Any]) -> dict[str, str]:
    """An epoch as a row: accuracies on the validation split, in percent."""
    step = f" {record['step']}" if record["step"] else ""
    accuracies = record["val"] or dict.fromkeys(("fused", "audio", "visual"))
    return {
        "phase": record["phase"] + step,
        "epoch": str(record["epoch"]),
        "loss": f"{record['loss']:.4f}",
        **{f"{m} %": "–" if v is None else f"{100 * v:.1f}" for m, v in accuracies.items()},
        "samples/s": f"{record['samples_per_second']:,.0f}",
    }


def _sentence(record: Mapping[str, Any]) -> str:
    round_ = f" round {record['step']}" if record["step"] else ""
    accuracies = record["val"] or {}
    shown = " ".join(f"{m} {100 * v:.1f}" for m, v in accuracies.items()) or "none"
    return (
        f"{record['phase']}{round_} epoch {record['epoch']}: loss {record['loss']:.4f}, "
        f"validation % {shown}, {record['samples_per_second']:,.0f} samples/s"
    )


@contextmanager
def training(label: str, steps: int) -> Iterator[Epochs]:
    """Show the progress of so many steps of training on stderr, epoch by epoch."""
    console = _terminal()
    if console is None:
        yield Epochs(Bar(label, steps, "steps", None), None, None)
        return
    from rich.live import Live

    bars = _bars(console)
    with Live(bars, console=console, refresh_per_second=4) as live:
        yield Epochs(Bar(label, steps, "steps", bars), live, bars)
