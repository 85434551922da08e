"""The dataset `csv`: any data described by a table."""

from __future__ import annotations

import csv
import math
from pathlib import Path

from avgap.data.clip import Clip, Listing
from avgap.data.datasets.folder import why_broken
from avgap.errors import InputError
from avgap.text import natural_order, nearest, shorten

TABLE = "clips.csv"
_REQUIRED = ("id", "label", "split", "video")
_OPTIONAL = ("audio", "start", "end")
_SPARE = "\0"  # where a row's cells beyond the header go; no column has such a name


def csv_table(root: Path, *, augment: bool = True) -> Listing:
    """List the clips of a table, or of clips.csv in a folder.

    Columns: id, label, split, video; optionally audio (else the video's own sound track), start
    and end (s); every other column is kept as it is. Paths are relative to the table's folder.
    Labels are names or integers; classes are sorted naturally, integers by value.
    Raises InputError: no table, no rows, a column missing or twice, a row of too many cells, a
    start or an end that is no number.
    Files that are missing or empty make broken clips, each with its reason.
    """
    table = root / TABLE if root.is_dir() else root
    header, rows = _read(table)
    columns = {name.strip().lower(): name for name in header if name}
    _require_columns(header, columns, table)
    if not rows:
        raise InputError(f"{table} is empty", [f"columns: {', '.join(header)}"])
    problems: list[str] = []
    clips = []
    for number, raw in enumerate(rows, start=2):
        if spare := [cell for cell in raw.get(_SPARE) or () if cell]:
            problems.append(f"line {number}: more cells than columns: {', '.join(spare)}")
            continue
        row = {name: (raw.get(column) or "").strip() for name, column in columns.items()}
        try:
            clips.append(_clip(row, table.parent))
        except ValueError as error:
            problems.append(f"line {number}: {error}")
    if problems:
        raise InputError(f"{table}: {len(problems)} rows cannot be read", shorten(problems))
    classes = natural_order(clip.label for clip in clips if clip.label)
    return Listing(clips, classes, augment)


def _read(table: Path) -> tuple[list[str], list[dict[str, str]]]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restkey=_SPARE)
            rows = [row for row in reader if any(row.values())]
            return list(reader.fieldnames or []), rows
    except FileNotFoundError as error:
        hint = f"a table with the columns {', '.join(_REQUIRED)}"
        raise InputError(f"{table} does not exist", hint=hint) from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        remedy = "save it as UTF-8" if isinstance(error, UnicodeDecodeError) else None
        raise InputError(f"{table} cannot be read as CSV", [str(error)], remedy) from error


def _require_columns(header: list[str], columns: dict[str, str], table: Path) -> None:
    if len(header) == 1 and (mark := next((m for m in ";\t|" if m in header[0]), None)):
        raise InputError(
            f"{table} has {mark!r} between its columns",
            [f"its first line: {header[0]}"],
            "commas between them",
        )
    if twice := [name for name in columns if sum(h.strip().lower() == name for h in header) > 1]:
        raise InputError(f"{table} has columns of one name", twice)
    spare = [name for name in columns if name not in (*_REQUIRED, *_OPTIONAL)]
    lines = []
    for name in _REQUIRED:
        if name not in columns:
            like = nearest(name, spare)
            lines.append(f"no column {name!r}" + (f" (is it {columns[like]!r}?)" if like else ""))
    if lines:
        lines.append(f"it has: {', '.join(columns.values()) or 'nothing'}")
        raise InputError(f"{table} lacks columns", lines)


def _clip(row: dict[str, str], folder: Path) -> Clip:
    video, audio = (folder / row[c] if row.get(c) else None for c in ("video", "audio"))
    start, end = _seconds(row, "start"), _seconds(row, "end")
    if end is not None and end <= (start or 0.0):
        raise ValueError(f"{row['id']} ends at {end:g} s, not after its start at {start or 0:g} s")
    return Clip(
        row["id"],
        row["label"],
        row["split"].lower(),
        video=video,
        audio=audio,
        start=start,
        end=end,
        meta={name: value for name, value in row.items() if name not in ("id", "label", "split")},
        broken=why_broken(video, audio) if video else "no video is named",
    )


def _seconds(row: dict[str, str], column: str) -> float | None:
    text = row.get(column, "")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise ValueError(f"{row['id']}: {column} is {text!r}, not a time in seconds")
    return value
