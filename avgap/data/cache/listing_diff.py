"""How a list of clips differs from the one that a cache was made from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from avgap.data.cache.reader import Cache
from avgap.data.clip import Clip
from avgap.data.media.crop import Box
from avgap.settings import SPLITS

_COLUMNS = ("start", "end", "corrupt", *Box._fields)


class _Facts(NamedTuple):
    """What a list says of a clip, as far as a cache remembers it."""

    split: str
    label: str
    start: str
    end: str
    corrupt: str
    x: str
    y: str
    width: str
    height: str


def differences(cache: Cache, clips: Sequence[Clip]) -> list[str]:
    """What is new, gone or said differently of the clips now, a line each, by id.

    Of clips that could not be used then a cache knows the reason alone; they are told where nothing
    else is.
    """
    before = _remembered(cache)
    now = {
        clip.id: _Facts(clip.split, clip.label, *(clip.meta.get(name, "") for name in _COLUMNS))
        for clip in clips
    }
    lines = []
    for id in sorted({*before, *cache.missing, *now}):
        if id not in now:
            lines.append(f"{id}: not listed any more")
        elif id not in before and id not in cache.missing:
            lines.append(f"{id}: not listed then")
        elif id in before:
            pairs = zip(_Facts._fields, before[id], now[id], strict=True)
            lines += [
                f"{id}: {name} {old or 'none'} there, {new or 'none'} now"
                for name, old, new in pairs
                if old != new
            ]
    unusable = [f"{id}: could not be used then ({why})" for id, why in cache.missing.items()]
    return lines or unusable


def _remembered(cache: Cache) -> dict[str, _Facts]:
    columns = [cache.column(name) for name in _COLUMNS]
    return {
        id: _Facts(split, label, *(column.get(id, "") for column in columns))
        for split, id, label in _labelled(cache)
    }


def _labelled(cache: Cache) -> Iterator[tuple[str, str, str]]:
    for split in SPLITS:
        for id, label in cache.labels(split).items():
            yield split, id, cache.classes[label]
