"""The one place that prints: results on stdout; notices, warnings, errors and progress on stderr.

Whatever a file name or a label contains is printed as text: markup is never interpreted and
control characters are shown, not sent.
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from avgap.errors import AvgapError, OutputError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_quiet = False


def setup(*, quiet: bool) -> None:
    """Set for this process whether notices and progress are shown."""
    global _quiet
    _quiet = quiet


def never_fail_on_a_letter() -> None:
    """Let a terminal that cannot show σ show an escape instead; what is piped in is UTF-8."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def safe(text: str) -> str:
    """The text with every unprintable character but the newline and tab shown as an escape."""
    return "".join(
        c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text
    )


# ---------------------------------------------------------------- results


def result(text: str, data: Any, *, as_json: bool) -> None:
    """Print a command's result on stdout: for people, or as one JSON object."""
    if as_json:
        _out(json.dumps(data, allow_nan=False) + "\n")
    elif text:
        _out(safe(text) + "\n")


def artifact(text: str) -> None:
    """Print an artifact itself on stdout (`-o -`): the bytes that a file would hold, UTF-8."""
    _out(text, encoding="utf-8")


def _out(text: str, encoding: str | None = None) -> None:
    """Write to stdout, all of it and now. Raises OutputError, and BrokenPipeError to the reader."""
    if sys.stdout is None:  # closed by the caller (>&-)
        raise OutputError("cannot write to standard output", ["it is closed"])
    try:
        if encoding is not None and isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.flush()
            sys.stdout.buffer.write(text.encode(encoding))
        else:
            sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError("cannot write to standard output", [str(error.strerror)]) from error


def table(columns: list[str], rows: list[list[str]], title: str | None = None) -> str:
    """A table as plain text for the terminal, first column left, the others right."""
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]

    def line(cells: list[str]) -> str:
        first, *rest = cells
        padded = [
            first.ljust(widths[0]),
            *(c.rjust(w) for c, w in zip(rest, widths[1:], strict=True)),
        ]
        return "  ".join(padded).rstrip()

    ruler = "  ".join("─" * width for width in widths)
    return "\n".join([*([title] if title else []), line(columns), ruler, *map(line, rows)])


# ---------------------------------------------------------------- notices


def _say(text: str) -> None:
    print(safe(text), file=sys.stderr, flush=True)


def notice(text: str) -> None:
    """Tell something worth knowing, unless --quiet."""
    if not _quiet:
        _say(text)


def command(line: str) -> None:
    """Show a command line as it runs, or the one to run next, unless --quiet."""
    notice(f"$ {line}")


def wrote(path: object, what: str = "") -> None:
    """Tell that a file was written."""
    notice(f"wrote {path}" + (f" ({what})" if what else ""))


def up_to_date(path: object) -> None:
    """Tell that the output answers this question already."""
    notice(f"up to date: {path}")


def suggest(line: str) -> None:
    """Suggest the next command."""
    notice(f"next: {line}")


def warn(text: str) -> None:
    """Tell something that may make a result wrong; shown under --quiet, too."""
    _say(f"warning: {text}")


def error(failure: AvgapError) -> None:
    """Print an error with its particulars and what to try."""
    _say(f"error: {failure}")


# ---------------------------------------------------------------- progress


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
        elif lines and not _quiet and self._done * 10 // max(self._total, 1) > self._lines:
            self._lines = self._done * 10 // max(self._total, 1)
            notice(f"{self._label}: {self._done}/{self._total} {self._unit}{self._left()}")

    def say(self, text: str) -> None:
        """Show a line of news: above the bar on a terminal, as a plain line elsewhere."""
        if _quiet:
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


@contextmanager
def progress(label: str, total: int, unit: str) -> Iterator[Bar]:
    """Show the progress of total units of work on stderr, with the time left."""
    if _quiet or not sys.stderr.isatty():
        yield Bar(label, total, unit, None)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    if console.is_dumb_terminal:
        yield Bar(label, total, unit, None)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}", markup=False),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as live:
        yield Bar(label, total, unit, live)
