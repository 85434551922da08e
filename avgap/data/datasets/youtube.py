"""The datasets `kinetics-sounds` and `vggsound`: ten seconds each of videos of YouTube.

A segment is known by the video's id and the second it starts at, however a list or a file writes
the two: X_000058_000068, X_58 and X_000058 are the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from avgap.data.clip import Clip, Listing
from avgap.data.datasets.folder import Media, find_media, why_broken, within
from avgap.data.split_lists import find_lists, lines_of
from avgap.errors import InputError
from avgap.text import natural_order, shorten

SECONDS = 10
PUBLISHED_KINETICS = {"clips": 17396, "classes": 31}  # OGM-GE's lists: 14,799 and 2,597
PUBLISHED_VGGSOUND = {"clips": 199467, "classes": 309}  # rows of vggsound.csv
_SEGMENT = re.compile(r"([\w-]{11})_(\d+)(?:_\d+)?")
_NAMES = ("stat.txt", "stat.csv", "classes.txt")


def kinetics_sounds(root: Path) -> Listing:
    """List Kinetics-Sounds by OGM-GE's lists (my_train.txt, my_test.txt) in root.

    A row is YTID_START_END,SECONDS,CLASS; test rows lack the end. The id is the cell that looks
    like one and the class the last other cell, so that CLASS,YTID rows are read right, too. Ids are
    written as Kinetics does: YTID_000058_000068. Media lie anywhere under root. Classes are
    numbers, or names where stat.txt, stat.csv or classes.txt has a line for each.
    Raises InputError: no lists, rows without an id.
    """
    rows = []
    for split, path in find_lists(root).items():
        for number, cells in lines_of(path, may_be_empty=True):
            rows.append((split, f"{path.name}:{number}", cells))
    media = find_media(root, _segment)
    found: list[tuple[str, str, str]] = []
    problems = []
    for split, place, cells in rows:
        key = next((key for cell in cells if (key := _segment(cell))), None)
        others = [cell for cell in cells if _segment(cell) is None]
        if key is None or not others:
            problems.append(f"{place}: {','.join(cells)}")
        else:
            found.append((key, others[-1], split))
    _refuse(root, "rows without an id (YTID_START_END) and a class", problems)
    names = _names(root)
    numbers = {label for _, label, _ in found}
    if names and all(label.isdigit() and int(label) < len(names) for label in numbers):
        found = [(key, names[int(label)], split) for key, label, split in found]
        classes = tuple(names)
    else:
        classes = natural_order(numbers)
    clips = [_clip(*row, media, root, f"{row[0]}_{_end(row[0])}") for row in found]
    return Listing(clips, classes, augment=True, published=PUBLISHED_KINETICS)


def vggsound(root: Path) -> Listing:
    """List VGGSound by root/vggsound.csv (or root/data/): YouTube id, start (s), label, split.

    Media lie anywhere under root as YTID_000030.mp4; ids are written the same. Classes are sorted.
    Raises InputError: no table, rows that are not of this form.
    """
    places = [folder / "vggsound.csv" for folder in (root, root / "data")]
    table = next((place for place in places if place.exists()), None)
    if table is None:
        raise InputError(f"{places[0]} does not exist", hint="the folder that holds vggsound.csv")
    media = find_media(root, _segment)
    found, problems = [], []
    for number, cells in lines_of(table):
        key = _segment(f"{cells[0]}_{cells[1]}") if len(cells) == 4 else None
        if key is not None:
            found.append((key, cells[2], cells[3].lower()))
        elif number > 1:
            problems.append(f"line {number}: {','.join(cells)}")
    _refuse(table, "rows that are not id,start,label,split", problems)
    clips = [_clip(*row, media, root, row[0]) for row in found]
    classes = tuple(sorted({label for _, label, _ in found}))
    return Listing(clips, classes, augment=True, published=PUBLISHED_VGGSOUND)


def _clip(key: str, label: str, split: str, media: Media, root: Path, id: str) -> Clip:
    video, audio = media.videos.get(key), media.sounds.get(key)
    meta = {"video": within(video, root), "audio": within(audio, root), "recording": key[:11]}
    broken = why_broken(video, audio) if video else f"no video {id}.mp4"
    return Clip(id, label, split, video, audio=audio, meta=meta, broken=broken)


def _segment(name: str) -> str | None:
    """The key YTID_000058 of a segment, however it is written; None for another name."""
    match = _SEGMENT.fullmatch(name.strip())
    return None if match is None else f"{match[1]}_{int(match[2]):06}"


def _end(key: str) -> str:
    return f"{int(key[12:]) + SECONDS:06}"


def _names(root: Path) -> list[str]:
    place = next((root / name for name in _NAMES if (root / name).exists()), None)
    return [] if place is None else [line.cells[0] for line in lines_of(place)]


def _refuse(path: Path, what: str, problems: Sequence[str]) -> None:
    if problems:
        raise InputError(f"{path} has {len(problems):,} {what}", shorten(problems))
