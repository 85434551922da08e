"""Splits from a file or a folder of lists, for `--splits`."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from avgap.data.cache import SPLITS
from avgap.data.clip import Clip, shorten
from avgap.errors import InputError


def read_splits(path: Path) -> dict[str, str]:
    """Which split each id is in.

    path: a CSV with the columns id and split, or a folder with one list of ids per split (files
    whose names hold train, val or test; the id is the first cell of a line).
    Raises InputError: missing, no such columns or lists, an id in two splits.
    """
    if path.is_dir():
        pairs = _from_folder(path)
    elif path.exists():
        pairs = _from_table(path)
    else:
        raise InputError(f"{path} does not exist")
    found: dict[str, str] = {}
    twice = []
    for id, split in pairs:
        if found.setdefault(id, split) != split:
            twice.append(f"{id}: {found[id]} and {split}")
    if twice:
        raise InputError(f"{path} puts {len(twice)} ids into two splits", shorten(twice))
    return found


def apply_splits(clips: Sequence[Clip], path: Path) -> tuple[list[Clip], int]:
    """The clips that the splits name, each in its split, and how many are left out.

    Raises InputError for ids that the dataset does not have (a header line is passed over).
    """
    named = read_splits(path)
    known = {clip.id for clip in clips}
    unknown = [id for id in named if id not in known and id.lower() not in _HEADERS]
    if unknown:
        raise InputError(
            f"{path} names {len(unknown):,} clips that the dataset does not have", shorten(unknown)
        )
    kept = [replace(clip, split=named[clip.id]) for clip in clips if clip.id in named]
    return kept, len(clips) - len(kept)


_HEADERS = {"id", "clip", "clip_id", "video", "filename", "name"}


def _from_folder(folder: Path) -> list[tuple[str, str]]:
    files = [file for file in sorted(folder.iterdir()) if file.suffix in (".csv", ".txt", "")]
    pairs = []
    missing = []
    for split in SPLITS:
        lists = [file for file in files if split in file.stem.lower()]
        if len(lists) > 1:
            raise InputError(f"{folder} has several lists for {split}", [f.name for f in lists])
        if not lists and split != "val":
            missing.append(split)
        for file in lists:
            pairs += [(row[0].strip(), split) for row in _rows(file) if row and row[0].strip()]
    if missing:
        names = [file.name for file in files]
        raise InputError(f"{folder} has no list for {' and '.join(missing)}", names)
    return pairs


def _from_table(path: Path) -> list[tuple[str, str]]:
    header, *rows = _rows(path) or [[]]
    names = [name.strip().lower() for name in header]
    if "id" not in names or "split" not in names:
        raise InputError(f"{path} needs the columns id and split", [f"it has: {', '.join(header)}"])
    id, split = names.index("id"), names.index("split")
    pairs = [
        (row[id].strip(), row[split].strip().lower()) for row in rows if len(row) == len(header)
    ]
    bad = [f"{clip}: {name!r}" for clip, name in pairs if name not in SPLITS]
    if bad:
        raise InputError(f"{path} names splits other than {', '.join(SPLITS)}", shorten(bad))
    return pairs


def _rows(path: Path) -> list[list[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.reader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as CSV", [str(error)]) from error
