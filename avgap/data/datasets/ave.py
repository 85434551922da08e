"""The dataset `ave`: Audio-Visual Events (Tian et al. 2018), one sample per annotation.

4,143 annotations of 4,097 videos: where a video has several they name the same seconds and other
classes, so that an id holds the class, too.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from avgap.artifact.csv import read_list
from avgap.data.clip import Clip, Listing
from avgap.data.datasets.folder import find_media, why_broken, within
from avgap.data.split_lists import has_lists
from avgap.errors import InputError
from avgap.text import shorten

PUBLISHED = {"clips": 4143, "recordings": 4097, "classes": 28}
_TABLE = "Annotations.txt"


class _Event(NamedTuple):
    label: str
    video: str
    start: float  # s
    end: float  # s


def ave(root: Path) -> Listing:
    """List the annotations of root/Annotations.txt (or root/data/), in the table's order.

    A line is Class&VideoID&Quality&Start&End, after a header or not; videos lie anywhere under
    root as VideoID.mp4. Ids are VideoID:Class; classes stand in the table's order. The lists beside
    the table are the splits. meta: recording (the video's id). An event without length is taken as
    the whole clip, and noted.
    Raises InputError: no table, lines that are no annotations.
    """
    table = next((p for p in (root / _TABLE, root / "data" / _TABLE) if p.exists()), root / _TABLE)
    events = _events(table)
    media = find_media(root)
    clips, notes = [], []
    for event in events:
        video = media.videos.get(event.video)
        start: float | None = event.start
        end: float | None = event.end
        id = f"{event.video}:{event.label}"
        if event.end <= event.start:
            span = f"{event.start:g}–{event.end:g} s"
            notes.append(f"{id}: an event without length ({span}), taken as the whole clip")
            start = end = None
        meta = {"video": within(video, root), "recording": event.video}
        broken = why_broken(video) if video else f"no video {event.video}.mp4"
        clips.append(
            Clip(id, event.label, "", video, start=start, end=end, meta=meta, broken=broken)
        )
    classes = tuple(dict.fromkeys(event.label for event in events))
    lists = table.parent if has_lists(table.parent) else None
    return Listing(clips, classes, True, None, lists, PUBLISHED, notes)


def _events(table: Path) -> list[_Event]:
    hint = "the folder of AVE.zip, which holds it beside AVE/"
    events, problems = [], []
    for number, cells in read_list(table, lambda line: line.split("&"), hint):
        try:
            label, video, _, start, end = cells
            events.append(_Event(label, video, float(start), float(end)))
        except ValueError:
            if not (number == 1 and "VideoID" in cells):
                problems.append(f"line {number}: {'&'.join(cells)}")
    if problems:
        what = f"{table} has {len(problems):,} lines that are not Class&VideoID&Quality&Start&End"
        raise InputError(what, shorten(problems))
    return events
