"""The datasets `kinetics-sounds` and `vggsound`: ten seconds each of videos of YouTube.

A segment is known by the video's id and the second it starts at, however a list or a file writes
the two: X_000058_000068, X_58, X_58.0_68.0, X_58000_68000 (milliseconds) and YX_58 (AudioSet's
letter) are the same.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from pathlib import Path

from avgap.data.clip import Clip, Listing
from avgap.data.datasets.folder import Media, find_media, why_broken, within
from avgap.data.split_lists import find_lists, lines_of
from avgap.errors import InputError
from avgap.text import natural_order, shorten

SECONDS = 10
PUBLISHED_KINETICS = {"clips": 17396, "classes": 31}  # OGM-GE's lists: 14,799 and 2,597
PUBLISHED_VGGSOUND = {"clips": 199467, "classes": 309}  # rows of vggsound.csv
_NUMBER = r"(\d+(?:\.\d+)?)"
_SEGMENT = re.compile(rf"(?:Y|v_)?([\w-]{{11}})[_-]{_NUMBER}(?:[_-]{_NUMBER})?")
_VIDEO = re.compile(r"(?:Y|v_)?([\w-]{11})")
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
    media = _find(root, {key for key, _, _ in found})
    clips = [_clip(*row, media, root, f"{row[0]}_{_end(row[0])}") for row in found]
    return Listing(clips, classes, augment=True, published=PUBLISHED_KINETICS)


def vggsound(root: Path) -> Listing:
    """List VGGSound by root/vggsound.csv (or root/data/): YouTube id, start (s), label, split.

    Media lie anywhere under root as YTID_000030.mp4, or as other downloaders write that; ids are
    written so. Classes are sorted.
    Raises InputError: no table, rows that are not of this form.
    """
    places = [folder / "vggsound.csv" for folder in (root, root / "data")]
    table = next((place for place in places if place.exists()), None)
    if table is None:
        raise InputError(f"{places[0]} does not exist", hint="the folder that holds vggsound.csv")
    found, problems = [], []
    for number, cells in lines_of(table):
        key = _segment(f"{cells[0]}_{cells[1]}") if len(cells) == 4 else None
        if key is not None:
            found.append((key, cells[2], cells[3].lower()))
        elif number > 1:
            problems.append(f"line {number}: {','.join(cells)}")
    _refuse(table, "rows that are not id,start,label,split", problems)
    media = _find(root, {key for key, _, _ in found})
    clips = [_clip(*row, media, root, row[0]) for row in found]
    classes = tuple(sorted({label for _, label, _ in found}))
    return Listing(clips, classes, augment=True, published=PUBLISHED_VGGSOUND)


def _clip(key: str, label: str, split: str, media: Media, root: Path, id: str) -> Clip:
    video, audio = media.videos.get(key), media.sounds.get(key)
    meta = {"video": within(video, root), "audio": within(audio, root), "recording": key[:11]}
    broken = why_broken(video, audio) if video else f"no video {id}.mp4"
    if video is None and (whole := media.videos.get(key[:11])) is not None:
        broken += f" ({whole.name} does not say where in the video it begins)"
    return Clip(id, label, split, video, audio=audio, meta=meta, broken=broken)


def _find(root: Path, wanted: Collection[str]) -> Media:
    """The media under root by segment; a file that names none by its video's id alone."""

    def key(name: str) -> str | None:
        keys = _segments(name)
        video = _VIDEO.fullmatch(name)
        known = next((key for key in keys if key in wanted), None)
        return known or next(iter(keys), video[1] if video else None)

    return find_media(root, key)


def _segment(name: str) -> str | None:
    """The key YTID_000058 of a segment, however it is written; None for another name."""
    return next(iter(_segments(name)), None)


def _segments(name: str) -> list[str]:
    """What a name may mean, the likelier first: a start in seconds, or in milliseconds.

    Which of the two an end tells, that is ten seconds later.
    """
    match = _SEGMENT.fullmatch(name.strip())
    if match is None:
        return []
    start, end = float(match[2]), float(match[3] or math.nan)
    units = [1000] if end - start == 1000 * SECONDS else [1] if end == end else [1, 1000]
    return [f"{match[1]}_{int(start) // unit:06}" for unit in units if start % unit == 0]


def _end(key: str) -> str:
    return f"{int(key[12:]) + SECONDS:06}"


def _names(root: Path) -> list[str]:
    place = next((root / name for name in _NAMES if (root / name).exists()), None)
    return [] if place is None else [line.cells[0] for line in lines_of(place)]


def _refuse(path: Path, what: str, problems: Sequence[str]) -> None:
    if problems:
        raise InputError(f"{path} has {len(problems):,} {what}", shorten(problems))
