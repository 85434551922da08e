"""The dataset `csv`: any data described by a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from avgap.artifact.csv import expect_once, read_csv
from avgap.data.clip import Clip, Listing
from avgap.data.datasets.folder import why_broken
from avgap.data.media import crop
from avgap.errors import InputError
from avgap.text import natural_order, nearest, shorten

TABLE = "clips.csv"
_REQUIRED = ("id", "label", "split", "video")
_OPTIONAL = ("audio", "start", "end", *crop.Box._fields)


def csv_table(root: Path, *, augment: bool = True) -> Listing:
    """List the clips of a table, or of clips.csv in a folder.

    Columns: id, label, split, video; optionally audio (else the video's own sound track), start
    and end (s), and x, y, width and height (px of the picture as shown), the part of it that is
    kept; every other column is kept as it is. Paths are relative to the table's folder.
    Labels are names or integers; classes are sorted naturally, integers by value.
    Raises InputError: no table, one that cannot be read, a column missing, a start or an end that
    is no number, a box that is none or lacks a part.
    Files that are missing or empty make broken clips, each with its reason.
    """
    table = root / TABLE if root.is_dir() else root
    _, header, rows, lines = read_csv(table, f"a table with the columns {', '.join(_REQUIRED)}")
    names = [name.lower() for name in header]
    expect_once(names, table)
    _require_columns(header, table)
    problems: list[str] = []
    clips = []
    for number, cells in zip(lines, rows, strict=True):
        row = {name: cell for name, cell in zip(names, cells, strict=True) if name}
        try:
            clips.append(_clip(row, table.parent))
        except ValueError as error:
            problems.append(f"line {number}: {error}")
    if problems:
        raise InputError(f"{table}: {len(problems)} rows cannot be read", shorten(problems))
    classes = natural_order(clip.label for clip in clips if clip.label)
    return Listing(clips, classes, augment)


def _require_columns(header: list[str], table: Path) -> None:
    columns = {name.lower(): name for name in header if name}
    spare = [name for name in columns if name not in (*_REQUIRED, *_OPTIONAL)]
    lines = []
    for name in _REQUIRED:
        if name not in columns:
            like = nearest(name, spare)
            lines.append(f"no column {name!r}" + (f" (is it {columns[like]!r}?)" if like else ""))
    parts = [name for name in crop.Box._fields if name in columns]
    if 0 < len(parts) < len(crop.Box._fields):
        absent = [name for name in crop.Box._fields if name not in columns]
        lines.append(
            f"{_and(parts)} without {_and(absent)} are no box to crop: complete or rename them"
        )
    if lines:
        lines.append(f"it has: {', '.join(columns.values())}")
        raise InputError(f"{table} lacks columns", lines)


def _clip(row: dict[str, str], folder: Path) -> Clip:
    video, audio = (folder / row[c] if row.get(c) else None for c in ("video", "audio"))
    start, end = _seconds(row, "start"), _seconds(row, "end")
    if end is not None and end <= (start or 0.0):
        raise ValueError(f"{row['id']} ends at {end:g} s, not after its start at {start or 0:g} s")
    box = _box(row)
    return Clip(
        row["id"],
        row["label"],
        row["split"].lower(),
        video=video,
        audio=audio,
        start=start,
        end=end,
        crop=box,
        meta={name: value for name, value in row.items() if name not in ("id", "label", "split")},
        broken=why_broken(video, audio) if video else "no video is named",
    )


def _box(row: dict[str, str]) -> crop.Box | None:
    """The part of the picture that is kept; None where all four cells are empty."""
    cells = {name: row.get(name, "") for name in crop.Box._fields}
    if not any(cells.values()):
        return None
    if absent := [name for name, cell in cells.items() if not cell]:
        raise ValueError(f"{row['id']}: a box to crop without {_and(absent)}")
    box, problems = crop.read(cells)
    if problems:
        raise ValueError(f"{row['id']}: {'; '.join(problems)}")
    return box


def _and(names: Sequence[str]) -> str:
    """Names as one says them: x, y and width."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


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
