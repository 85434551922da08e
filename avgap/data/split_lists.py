"""Splits from a file or a folder of lists, as the peers publish them, for `--splits`.

Read are: CSV with or without header, byte order mark and carriage returns (OGM-GE, MMCosine, D&R);
`NAME.flv Label` (MLA, AMST); `Class&VideoID&Quality&Start&End` (AVE) with or without header; HDF5
`order` of row numbers (AVE); one table with a column of splits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import combinations, product
from pathlib import Path
from typing import NamedTuple

from avgap import artifact
from avgap.artifact.csv import (
    Line,
    at_commas,
    expect_commas,
    expect_once,
    headed,
    read_csv,
    read_list,
)
from avgap.errors import InputError
from avgap.settings import SPLITS
from avgap.text import shorten

_ENDINGS = (".csv", ".txt", ".h5", "")
_HEADERS = {"id", "clip", "clip_id", "video", "videoid", "filename", "name", "youtube_id", "# id"}
_SPLIT_HEADERS = {"split", "set", "subset"}
_NAMED = re.compile(r"(\S+\.(?:flv|mp4|mkv|webm|mov|avi|wav|mp3|flac))\s+(.+)")
_ENDING = re.compile(r"\.(?:flv|mp4|mkv|webm|mov|avi|wav|mp3|flac)$")


class Entry(NamedTuple):
    """What one line of a list says: a clip's id, or its row in the dataset's own table.

    label: "" where the list has none. place: file and line, for errors.
    """

    id: str
    label: str
    split: str
    place: str
    row: int | None = None


def read_splits(path: Path) -> tuple[list[Entry], list[str]]:
    """Every entry of a file or a folder, and the names of the lists that were read.

    Raises InputError: missing, unreadable, no list for train or test, no column of splits.
    """
    if path.is_dir():
        lists = find_lists(path)
        entries = [entry for split, file in lists.items() for entry in _entries(file, split)]
        names = [file.name for file in lists.values()]
        if not entries:
            raise InputError(f"the lists of {path} name no clips", names)
        return entries, names
    if not path.exists():
        raise InputError(f"{path} does not exist")
    return _from_table(path), [path.name]


def find_lists(folder: Path) -> dict[str, Path]:
    """The list of each split: files whose names hold train, val or test; val may be absent.

    Where there are several, those are taken that share the fewest entries (D&R's train.csv holds
    its val.csv, my_train.csv does not), then those of the shortest names.
    Raises InputError: no folder, no list for train or test.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder")
    found = _candidates(folder)
    missing = [split for split in ("train", "test") if not found[split]]
    if missing:
        names = [file.name for file in _tables(folder)] or ["it holds no .csv, .txt or .h5"]
        raise InputError(f"{folder} has no list for {' and '.join(missing)}", names)
    named = {split: lists for split, lists in found.items() if lists}
    choices = list(product(*named.values()))
    if len(choices) > 1:
        held = {file: _keys(file) for lists in named.values() for file in lists}

        def rank(choice: tuple[Path, ...]) -> tuple[int, int, list[str]]:
            shared = sum(len(held[a] & held[b]) for a, b in combinations(choice, 2))
            names = [file.name for file in choice]
            return shared, sum(map(len, names)), names

        choices.sort(key=rank)
    return dict(zip(named, choices[0], strict=True))


def has_lists(folder: Path) -> bool:
    """Whether a folder has lists for train and test."""
    found = _candidates(folder)
    return bool(found["train"] and found["test"])


def _candidates(folder: Path) -> dict[str, list[Path]]:
    files = _tables(folder)
    return {split: [file for file in files if split in file.stem.lower()] for split in SPLITS}


def _tables(folder: Path) -> list[Path]:
    files = (file for file in sorted(folder.iterdir()) if file.suffix.lower() in _ENDINGS)
    return [file for file in files if file.is_file()]


def lines_of(path: Path, *, may_be_empty: bool = False) -> list[Line]:
    """The number and the cells of every line that is not empty. Raises InputError as read_list."""
    lines = list(read_list(path, _cells, may_be_empty=may_be_empty))
    for line in lines[:1]:
        expect_commas(line.cells, path)
    return lines


def stem(name: str) -> str:
    """A clip's name without its folder and its ending."""
    return _ENDING.sub("", name.replace("\\", "/").rsplit("/", 1)[-1])


def _cells(line: str) -> list[str]:
    """The cells of a line: the id first, the label last."""
    if line.count("&") == 4:
        label, video, *_ = line.split("&")
        return [video, label]
    match = _NAMED.fullmatch(line.strip())
    return list(match.groups()) if match else at_commas(line)


def _entries(path: Path, split: str) -> Iterator[Entry]:
    if path.suffix.lower() == ".h5":
        yield from _order(path, split)
        return
    lines = lines_of(path, may_be_empty=True)
    named = bool(lines) and lines[0].cells[0].lower() in _HEADERS
    for number, cells in headed(iter(lines), path)[1] if named else lines:
        label = cells[-1] if len(cells) > 1 else ""
        yield Entry(cells[0], label, split, f"{path.name}:{number}")


def _order(path: Path, split: str) -> Iterator[Entry]:
    """AVE's {train,val,test}_order.h5: row numbers, from zero, into its annotations."""
    with artifact.open_hdf5(path) as file:
        if "order" not in file:
            raise InputError(f"{path} has no dataset 'order' of row numbers")
        for number, row in enumerate(file["order"][:].tolist()):
            yield Entry(f"row {row}", "", split, f"{path.name}[{number}]", int(row))


def _keys(path: Path) -> set[tuple[str, str]]:
    return {(entry.id, entry.label) for entry in _entries(path, "")}


def _from_table(path: Path) -> list[Entry]:
    """A table with the columns id and split, or without header and a column of splits alone."""
    header = [name.lower() for name in next(read_list(path, _cells)).cells]
    id = next((place for place, name in enumerate(header) if name in _HEADERS), None)
    split = next((place for place, name in enumerate(header) if name in _SPLIT_HEADERS), None)
    label = header.index("label") if "label" in header else None
    if id is not None and split is not None:
        table = read_csv(path)
        expect_once([name.lower() for name in table.header], path)
        lines = [Line(*line) for line in zip(table.lines, table.rows, strict=True)]
    else:
        lines = lines_of(path)
        id, label, split = 0, None, _column_of_splits([cells for _, cells in lines])
    if split is None:
        raise InputError(
            f"{path} needs the columns id and split",
            [f"it has: {', '.join(lines[0].cells)}"],
            "the folder of the lists, one per split",
        )
    entries = [
        Entry(
            cells[id],
            "" if label is None else cells[label],
            cells[split].lower(),
            f"{path.name}:{number}",
        )
        for number, cells in lines
    ]
    bad = [f"{entry.place}: {entry.split!r}" for entry in entries if entry.split not in SPLITS]
    if bad:
        raise InputError(f"{path} names splits other than {', '.join(SPLITS)}", shorten(bad))
    return entries


def _column_of_splits(rows: Sequence[Sequence[str]]) -> int | None:
    width = min(map(len, rows), default=0)
    columns = (place for place in range(1, width) if {row[place] for row in rows} <= {*SPLITS})
    return next(columns, None)
