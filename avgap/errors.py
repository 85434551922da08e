"""What can go wrong that is not a defect of avgap, each with its exit status."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from avgap.text import nearest

INTERRUPTED = 130  # the exit status of Ctrl-C, as shells give it
INTERRUPTION = "interrupted: nothing is half written; the same command goes on"


class AvgapError(Exception):
    """An error with a remedy: what happened, the particulars one per line, and what to try."""

    exit_code = 1

    def __init__(self, what: str, details: Sequence[str] = (), hint: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.details = tuple(details)
        self.hint = hint

    def __str__(self) -> str:
        # A newline in a file's name or in an id must not look like another problem.
        what, *details = (text.replace("\n", "\\n") for text in (self.what, *self.details))
        lines = [what, *(f"  {line}" for line in details)]
        if self.hint is not None:
            lines.append(f"  try: {self.hint}")
        return "\n".join(lines)


class InputError(AvgapError):
    """An input is missing, corrupt, or does not belong with another."""

    exit_code = 3


class ForeignError(InputError):
    """A file that avgap did not write."""


class OutputError(AvgapError):
    """The output exists and answers another question, or cannot be written."""

    exit_code = 4


class UsageError(AvgapError):
    """A command line that cannot be meant: an unknown name, options that exclude each other."""

    exit_code = 2


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for an unknown name, with the nearest known one."""
    names = list(known)
    details = [f"known: {', '.join(names)}"]
    return UsageError(f"unknown {kind} {name!r}", details, nearest(name, names))
