"""The one reader of CSV: tables with a header, as anybody writes them, and lists without one.

Everywhere the same: UTF-8, with a byte order mark or without; lines end in LF, CR LF or CR; names
and cells have no spaces around them, except in a table of ours, which holds what was written; lines
without a filled cell are none, and empty cells at the end of a line belong to no column, as
spreadsheets write both. What cannot be meant is refused: another encoding, NUL, a quote that does
not end, another sign than the comma between the columns, columns of one name, rows that do not fit
the header, a file without rows.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from avgap.artifact.reading import open_stdin, stamp_keys_of_comment
from avgap.errors import InputError
from avgap.text import shorten

_SHOWN = 10
_REPORT = "# avgap "  # how the first line of a report's table begins
_OTHER_MARKS = ";\t|"
_UTF8 = "save it as UTF-8"


class Line(NamedTuple):
    """Where a row begins in its file, counted from 1, and its cells."""

    number: int
    cells: list[str]


class CsvTable(NamedTuple):
    """The keys of a stamp (none: of unknown origin), the columns' names, cells as text.

    lines: where each row begins in the file, counted from 1.
    """

    keys: dict[str, Any]
    header: list[str]
    rows: list[list[str]]
    lines: list[int]

    def records(self) -> list[dict[str, str]]:
        """The cells of each row by their columns' names."""
        return [dict(zip(self.header, row, strict=True)) for row in self.rows]


class OpenCsv(NamedTuple):
    """A table whose rows are read as they are asked for."""

    keys: dict[str, Any]
    header: list[str]
    rows: Iterator[Line]


# ---------------------------------------------------------------- tables


def read_csv(path: Path, missing: str | None = None) -> CsvTable:
    """Read a table, plain or as .gz. Raises InputError: no such file, or as above.

    missing: what to try where there is no such file.
    """
    with open_csv(path, missing) as table:
        return _whole(table)


def read_csv_of_stdin() -> CsvTable:
    """Read a table from standard input. Raises InputError: closed, or as above."""
    name = "standard input"
    return _whole(_parse(_lines(open_stdin(), name), name))


@contextmanager
def open_csv(path: Path, missing: str | None = None) -> Iterator[OpenCsv]:
    """Open a table of any size. Raises InputError as read_csv, of rows when they are reached."""
    with _open(path, missing) as lines:
        yield _parse(lines, str(path))


def _whole(table: OpenCsv) -> CsvTable:
    whole = CsvTable(table.keys, table.header, [], [])
    for number, cells in table.rows:
        whole.rows.append(cells)
        whole.lines.append(number)
    return whole


def _parse(lines: Iterator[str], name: str) -> OpenCsv:
    first = next(lines, "")
    keys = stamp_keys_of_comment(first, name)
    if keys or first.startswith(_REPORT):
        rows = _rows(lines, name, 2, ours=True)
    else:
        rows = _rows(chain([first], lines), name, 1, ours=False)
    return OpenCsv(keys, *headed(rows, name))


def _rows(lines: Iterable[str], name: str, start: int, *, ours: bool) -> Iterator[Line]:
    reader = csv.reader(lines, strict=True, skipinitialspace=not ours)
    number = start
    try:
        for cells in reader:
            row = cells if ours else list(map(str.strip, cells))
            if any(row):
                yield Line(number, row)
            number = start + reader.line_num
    except csv.Error as error:
        raise _unreadable(name, str(error)) from error


def headed(rows: Iterator[Line], name: str | Path) -> tuple[list[str], Iterator[Line]]:
    """The names in the first row, and the others, which fit it. Raises InputError as above."""
    header = [column.strip() for column in next(rows, Line(0, [])).cells]
    while header and not header[-1]:
        header.pop()
    if not header:
        raise InputError(f"{name} is empty")
    expect_commas(header, name)
    expect_once(header, name)
    return header, _fitting(rows, header, name)


def _fitting(rows: Iterator[Line], header: list[str], name: str | Path) -> Iterator[Line]:
    """The rows, as long as the header. Raises InputError, at the end, with all that are not."""
    width, count, ragged = len(header), 0, []
    for count, row in enumerate(rows, start=1):
        if len(row.cells) != width:
            if len(row.cells) < width or any(row.cells[width:]):
                ragged.append(f"row {count}: {len(row.cells)} of {width} columns")
            del row.cells[width:]
        if not ragged:
            yield row
    if ragged:
        raise InputError(
            f"{name}: {len(ragged):,} rows do not fit the header", shorten(ragged, _SHOWN)
        )
    if not count:
        raise InputError(f"{name} is empty", [f"columns: {', '.join(header)}"])


def expect_once(names: list[str], where: str | Path) -> None:
    """Raise InputError where two columns have one name."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{where} has columns of one name", [repr(name) for name in twice])


def expect_commas(first: list[str], where: str | Path) -> None:
    """Raise InputError where the cells of a first line show another sign between the columns."""
    mark = next((mark for mark in _OTHER_MARKS if mark in first[0]), None)
    if len(first) == 1 and mark is not None:
        raise InputError(
            f"{where} has {mark!r} between its columns",
            [f"its first line: {first[0]}"],
            "commas between the columns, points in the numbers",
        )


# ---------------------------------------------------------------- lists


def read_list(
    path: Path,
    cells: Callable[[str], list[str]],
    missing: str | None = None,
    *,
    may_be_empty: bool = False,
) -> Iterator[Line]:
    """Read a list without header, or with rows of any length, one a line; cells takes it apart.

    may_be_empty: as the list of a split without clips. Raises InputError: no such file, or as
    above.
    """
    found = False
    with _open(path, missing) as lines:
        for number, line in enumerate(lines, start=1):
            try:
                row = [cell.strip() for cell in cells(line.rstrip("\r\n"))]
            except csv.Error as error:
                raise _unreadable(str(path), f"line {number}: {error}") from error
            if any(row):
                found = True
                yield Line(number, row)
    if not found and not may_be_empty:
        raise InputError(f"{path} is empty")


def at_commas(line: str) -> list[str]:
    """The cells of one line of CSV. Raises csv.Error."""
    return next(csv.reader([line], strict=True, skipinitialspace=True), [])


# ---------------------------------------------------------------- text


@contextmanager
def _open(path: Path, missing: str | None) -> Iterator[Iterator[str]]:
    opener: Callable[..., TextIO] = gzip.open if path.suffix == ".gz" else open
    try:
        # Newlines as they are: one within a name is a part of it.
        file = opener(path, "rt", encoding="utf-8", newline="")
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist", hint=missing) from error
    except OSError as error:
        raise _unreadable(str(path), str(error)) from error
    with file:
        yield _lines(file, str(path))


def _lines(file: TextIO, name: str) -> Iterator[str]:
    """The lines with their ends. Raises InputError where they are no text."""
    try:
        for number, line in enumerate(file, start=1):
            if "\0" in line:
                raise _unreadable(name, f"line {number} holds NUL", _UTF8)
            yield line.removeprefix("\ufeff") if number == 1 else line
    except UnicodeDecodeError as error:
        raise _unreadable(name, str(error), _UTF8) from error
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(name, str(error)) from error


def _unreadable(name: str, why: str, hint: str | None = None) -> InputError:
    return InputError(f"{name} cannot be read as CSV", [why], hint)
