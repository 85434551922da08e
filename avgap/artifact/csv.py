"""A CSV as anybody writes it: the stamp if it is ours, the header, and rows as long as it."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path
from typing import Any, NamedTuple

from avgap import artifact
from avgap.errors import InputError
from avgap.text import shorten

_SHOWN = 10


class CsvTable(NamedTuple):
    """The keys of a stamp (none: of unknown origin), names without spaces around, cells as text."""

    keys: dict[str, Any]
    header: list[str]
    rows: list[list[str]]


def read_csv(path: Path) -> CsvTable:
    """Read a file, UTF-8. Raises InputError: unreadable, or as parse_csv."""
    try:
        # Newlines as they are: one within a name is a part of it.
        with path.open(encoding="utf-8-sig", newline="") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as CSV", [str(error)]) from error
    return parse_csv(text, str(path))


def read_csv_of_stdin() -> CsvTable:
    """Read standard input. Raises InputError: closed, unreadable, or as parse_csv."""
    name = "standard input"
    if sys.stdin is None:  # closed by the caller (<&-)
        raise InputError(f"{name} is closed")
    try:
        text = sys.stdin.read()
    except UnicodeDecodeError as error:
        raise InputError(f"{name} cannot be read as CSV", [str(error)]) from error
    return parse_csv(text.removeprefix("\ufeff"), name)


def parse_csv(text: str, name: str) -> CsvTable:
    """Take a text apart. Raises InputError: columns of one name, rows unlike the header."""
    first, _, rest = text.partition("\n")
    keys = artifact.stamp_keys_of_comment(first)
    lines = csv.reader(io.StringIO(rest if keys else text, newline=""))
    try:
        header, *rows = [row for row in lines if row] or [[]]
    except csv.Error as error:
        raise InputError(f"{name} cannot be read as CSV", [str(error)]) from error
    header = [column.strip() for column in header]
    expect_once(header, name)
    ragged = [
        f"row {number}: {len(row)} of {len(header)} columns"
        for number, row in enumerate(rows, 1)
        if len(row) != len(header)
    ]
    if ragged:
        what = f"{name}: {len(ragged)} rows do not fit the header"
        raise InputError(what, shorten(ragged, _SHOWN), meant(header))
    return CsvTable(keys, header, rows)


def meant(header: list[str]) -> str | None:
    """What to try where a header shows that another sign is between the columns."""
    semicolons = ";" in "".join(header)
    return "commas between the columns, points in the numbers" if semicolons else None


def expect_once(names: list[str], where: str | Path) -> None:
    """Raise InputError where two columns have one name."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{where} has columns of one name", [repr(name) for name in twice])
