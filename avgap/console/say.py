"""Results on stdout; notices, warnings and errors on stderr.

Whatever a file name or a label contains is printed as text: markup is never interpreted and
control characters are shown, not sent.
"""

from __future__ import annotations

import io
import json
import os
import sys
from importlib import import_module
from typing import Any, TextIO

from avgap.console.streams import cannot_write
from avgap.errors import AvgapError, OutputError

_quiet = False
_stderr: TextIO | None = None  # of a process that is not the first, until its command is understood


def setup(*, quiet: bool) -> None:
    """Set for this process whether notices and progress are shown."""
    global _quiet, _stderr
    _quiet = quiet or is_another()
    if _stderr is not None:
        sys.stderr, _stderr = _stderr, None


def quiet() -> bool:
    """Whether notices and progress are not shown."""
    return _quiet


def is_another() -> bool:
    """Whether torchrun started this process beside a first one, which prints for all."""
    return "TORCHELASTIC_RUN_ID" in os.environ and os.environ.get("RANK", "0") != "0"


def silence_another() -> None:
    """Leave it to the first process to say what is wrong with the command line."""
    global _stderr
    if is_another():
        _stderr, sys.stderr = sys.stderr, open(os.devnull, "w")  # noqa: PTH123, SIM115


def never_fail_on_a_letter() -> None:
    """Let a terminal that cannot show σ show an escape instead; what is piped in is UTF-8.

    Newlines come in as they are: one within a name is a part of it.
    """
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="replace", newline="")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def safe(text: str) -> str:
    """The text with every unprintable character but the newline and tab shown as an escape."""
    return "".join(
        c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text
    )


def one_line(text: str) -> str:
    """The text as `safe` shows it, its newlines and tabs as escapes, too: a name within a line."""
    return safe(text).replace("\n", "\\n").replace("\t", "\\t")


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
    """Write to stdout, all of it and now. Raises OutputError; a reader that went away is none."""
    if is_another():
        return
    if sys.stdout is None:  # closed by the caller (>&-)
        raise OutputError("cannot write to standard output", ["it is closed"])
    try:
        if encoding is not None and isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.flush()
            sys.stdout.buffer.write(text.encode(encoding, "backslashreplace"))
        else:
            sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        return
    except OSError as error:
        raise cannot_write(error) from error


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
    if sys.stderr is not None:  # closed by the caller (2>&-)
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
    if not is_another():
        _say(f"warning: {text}")


def error(failure: AvgapError) -> None:
    """Print an error with its particulars and what to try; once, if several processes meet it."""
    name = "avgap.training.distributed"
    distributed = sys.modules.get(name)
    if distributed is None and "TORCHELASTIC_RUN_ID" in os.environ:
        distributed = import_module(name)  # an error from before torch was needed
    if distributed is None or distributed.should_print(str(failure)):
        _say(f"error: {failure}")
