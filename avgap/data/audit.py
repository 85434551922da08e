"""What a dataset turned out to be: counts, lengths, what is missing, double or shared.

Computed from the cache's own columns, so that a merged cache is audited like any other.
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import combinations
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from avgap.data.clip import Listing
from avgap.data.media import fingerprint
from avgap.data.media.crop import Box
from avgap.settings import SPLITS

_SHOWN = 3
# Of the same media, what makes clips differ.
_PARTS = ("start", "end", "image", *Box._fields)


class Sample(NamedTuple):
    """What the audit looks at of one clip. meta: the columns of text."""

    id: str
    label: str
    split: str
    meta: Mapping[str, str]


@dataclass(frozen=True)
class Audit:
    """The audit, as plain values.

    counts: clips per split and class. seconds: per split min, median and max of the clips' lengths,
    s. duplicates: groups of clips of the same media, window and box, each as SPLIT/ID. shared: per
    kind (speaker, recording, video) and pair of splits the names in both. contradictions:
    recordings whose clips in one split have several labels. published: what the authors count
    beside what was found, where the two differ. notes: sentences. sources: clips per kind of file,
    for video and audio: the ending, "frames" for a folder of pictures, "own track" for the sound of
    a video.
    """

    counts: dict[str, dict[str, int]]
    seconds: dict[str, dict[str, float]]
    duplicates: list[list[str]]
    shared: dict[str, dict[str, list[str]]]
    contradictions: dict[str, list[str]]
    published: dict[str, dict[str, int]]
    notes: list[str]
    sources: dict[str, dict[str, int]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The audit as a record for JSON."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def lines(self) -> list[str]:
        """What is worth knowing, one line each; the counts are left to tables."""
        lines = list(self.notes)
        lines += [
            f"{what}: {count['published']:,} published, {count['found']:,} here"
            for what, count in self.published.items()
        ]
        lines += [
            f"{what} is of several kinds: "
            + ", ".join(f"{kind} for {count:,}" for kind, count in kinds.items())
            for what, kinds in self.sources.items()
            if len(kinds) > 1
        ]
        lines += [
            f"{split}: {of['min']:g} to {of['max']:g} s, median {of['median']:g} s"
            for split, of in self.seconds.items()
        ]
        lines += self._duplicates()
        for kind, pairs in self.shared.items():
            for pair, names in pairs.items():
                lines += _listed(kind, f"in both {pair}", names)
        for split, names in self.contradictions.items():
            lines += _listed("recording", f"of {split} with several labels", names)
        return lines

    def _duplicates(self) -> list[str]:
        across = [group for group in self.duplicates if len(_splits_of(group)) > 1]
        within = [group for group in self.duplicates if len(_splits_of(group)) == 1]
        return [
            *_listed("group", "of the same content within a split", [_equal(g) for g in within]),
            *_listed("group", "of the same content ACROSS splits", [_equal(g) for g in across]),
        ]


def audit(
    samples: Iterable[Sample],
    classes: Sequence[str],
    published: Mapping[str, Mapping[str, int]],
    notes: Sequence[str],
) -> Audit:
    """Look at N clips, as far as their columns tell; a clip without a column is passed over.

    Lengths are `seconds`, or else from `start` to `end`; media are told apart by the checksums in
    `files`; related are the clips of a `speaker`, a `recording` and, where no clip names one, of a
    `video`.
    """
    rows = list(samples)
    counts = {split: dict.fromkeys(classes, 0) for split in SPLITS}
    for row in rows:
        counts[row.split][row.label] += 1
    by_split = {split: [row for row in rows if row.split == split] for split in SPLITS}
    return Audit(
        counts,
        {split: of for split, own in by_split.items() if (of := _seconds(own))},
        _duplicates(rows),
        _shared(by_split),
        _contradictions(by_split),
        {what: dict(count) for what, count in published.items()},
        list(notes),
        _sources(rows),
    )


def compare_counts(listing: Listing) -> dict[str, dict[str, int]]:
    """Where a listing differs from what its authors published: kind → published and found."""
    found = {"clips": len(listing.clips), "classes": len({clip.label for clip in listing.clips})}
    for kind in ("speaker", "recording"):
        found[f"{kind}s"] = len({clip.meta.get(kind) for clip in listing.clips} - {None, ""})
    return {
        what: {"published": count, "found": found[what]}
        for what, count in listing.published.items()
        if count != found[what]
    }


def _seconds(rows: Sequence[Sample]) -> dict[str, float]:
    known = [length for row in rows if (length := _length(row.meta)) is not None]
    if not known:
        return {}
    middle = round(statistics.median(known), 3)
    return {"min": min(known), "median": middle, "max": max(known)}


def _length(meta: Mapping[str, str]) -> float | None:
    if meta.get("seconds"):
        return float(meta["seconds"])
    ends = meta.get("start"), meta.get("end")
    return float(ends[1]) - float(ends[0]) if ends[0] and ends[1] else None


def _sources(rows: Sequence[Sample]) -> dict[str, dict[str, int]]:
    """What the clips' video and audio are read from; only where there are media."""
    media = [row.meta for row in rows if row.meta.get("video")]
    kinds = {
        "video": Counter(PurePosixPath(meta["video"]).suffix.lower() or "frames" for meta in media),
        "audio": Counter(
            PurePosixPath(meta.get("audio", "")).suffix.lower() or "own track" for meta in media
        ),
    }
    return {what: dict(sorted(counts.items())) for what, counts in kinds.items() if counts}


def _duplicates(rows: Sequence[Sample]) -> list[list[str]]:
    same: dict[tuple[str | None, ...], list[str]] = defaultdict(list)
    for row in rows:
        if files := fingerprint.parse(row.meta.get(fingerprint.COLUMN, "")):
            rest = (row.meta.get(name) for name in _PARTS)
            same[(*(file.sha256 for file in files), *rest)].append(f"{row.split}/{row.id}")
    return [group for group in same.values() if len(group) > 1]


def _shared(by_split: Mapping[str, Sequence[Sample]]) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = {}
    for kind in ("speaker", "recording", "video"):
        if kind == "video" and any(r.meta.get("recording") for s in by_split.values() for r in s):
            continue  # the recording says the same, and for other cuts of it, too
        names = {split: set(_grouped(rows, kind)) for split, rows in by_split.items()}
        pairs = {f"{a} and {b}": sorted(names[a] & names[b]) for a, b in combinations(SPLITS, 2)}
        if any(pairs.values()):
            found[kind] = {pair: both for pair, both in pairs.items() if both}
    return found


def _contradictions(by_split: Mapping[str, Sequence[Sample]]) -> dict[str, list[str]]:
    found = {
        split: [
            f"{name}: {', '.join(sorted({row.label for row in own}))}"
            for name, own in _grouped(rows, "recording").items()
            if len({row.label for row in own}) > 1
        ]
        for split, rows in by_split.items()
    }
    return {split: lines for split, lines in found.items() if lines}


def _grouped(rows: Sequence[Sample], column: str) -> dict[str, list[Sample]]:
    groups: dict[str, list[Sample]] = defaultdict(list)
    for row in rows:
        if name := row.meta.get(column):
            groups[name].append(row)
    return groups


def _splits_of(group: Sequence[str]) -> set[str]:
    return {name.split("/", 1)[0] for name in group}


def _listed(kind: str, what: str, names: Sequence[str]) -> list[str]:
    """One line, such as "2 speakers in both train and val: 1001; 1002"; none without names."""
    if not names:
        return []
    ending = "" if len(names) == 1 else "s"
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return [f"{len(names):,} {kind}{ending} {what}: {'; '.join(names[:_SHOWN])}{more}"]


def _equal(group: Sequence[str]) -> str:
    more = f" = {len(group) - _SHOWN:,} more" if len(group) > _SHOWN else ""
    return " = ".join(group[:_SHOWN]) + more
