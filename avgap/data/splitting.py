"""Which clip is in which split: by lists, by chance, or by speaker; and what leaks between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from avgap.data.clip import Clip, Listing
from avgap.data.split_lists import Entry, read_splits, stem
from avgap.errors import InputError, UsageError
from avgap.settings import SPLITS
from avgap.text import shorten

TEST_SHARE = 0.1  # the paper, section 4.1: 6,698 of CREMA-D's 7,442 clips are not test
_HOW = {
    "random": "divided at random, a tenth for test",
    "speaker": "divided by speaker, about a tenth for test",
}
_PREFIX = 3  # letters; ANG is Anger
_K = TypeVar("_K", bound=Hashable)


class Divided(NamedTuple):
    """Clips in their splits, and what is worth telling about how they got there."""

    clips: list[Clip]
    notes: list[str]


def into_splits(
    listing: Listing,
    splits: Path | None,
    split_by: str | None,
    leaks: str,
    val_fraction: float,
    seed: int,
) -> tuple[Divided, str | None]:
    """A dataset's clips in the splits asked for, else in its own, else at random.

    Returns the clips and the way (random, speaker) by which they were divided; None for lists and
    for the source's own. Raises UsageError: splits and split_by together; InputError: as `by_lists`
    and `by_speaker`.
    """
    if splits is not None and split_by is not None:
        raise UsageError("--splits and --split-by exclude each other: choose one")
    lists = splits or listing.lists
    unsaid = lists is None and not any(clip.split for clip in listing.clips)
    way = split_by or ("random" if unsaid else None)
    if way is not None:
        clips = (
            at_random(listing.clips, seed)
            if way == "random"
            else by_speaker(listing.clips, val_fraction, seed)
        )
        divided = Divided(clips, [_HOW[way] + (f", seed {seed}" if seed else "")])
    elif lists is not None:
        divided = by_lists(listing, lists, leaks=leaks)
    else:
        named = [replace(clip, split=clip.split or "train") for clip in listing.clips]
        divided = Divided(named, [])
    if leaks == "drop":
        kept = without_leaks(divided.clips)
        divided = Divided(kept.clips, divided.notes + kept.notes)
    return divided, way


# ---------------------------------------------------------------- by lists


def by_lists(listing: Listing, path: Path, *, leaks: str = "keep") -> Divided:
    """The clips that the lists name, each in its split; the others are left out.

    A line means the clip of its id, or all clips cut from the video of that name, of the line's
    label where it has one. leaks: "drop" puts a clip of several splits into the last of them.
    Raises InputError with everything that does not fit: unknown clips, clips in two splits or
    listed twice, labels other than the dataset's.
    """
    entries, names = read_splits(path)
    by_name = _Names(listing)
    listed: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    unknown, contradicted = [], []
    labelled = any(by_name.classes_of(entry.label) for entry in entries)
    for entry in entries:
        label = entry.label if labelled else ""
        meant = by_name.meant(entry, label)
        if not meant:
            unknown.append(f"{entry.id} ({entry.place})")
        elif label and (
            odd := [clip for clip in meant if clip.label not in by_name.classes_of(label)]
        ):
            contradicted.append(f"{entry.place}: {odd[0].id} is {odd[0].label}, not {label}")
        for clip in meant:
            listed[clip.id][entry.split].append(entry.place)
    twice = [
        f"{id}: {', '.join(lines)}"
        for id, by_split in listed.items()
        for lines in by_split.values()
        if len(lines) > 1
    ]
    several = {id: list(by_split) for id, by_split in listed.items() if len(by_split) > 1}
    problems = [
        *_problem("clip", "not in the dataset", unknown),
        *_problem("clip", "listed twice", twice),
        *_problem("label", "other than the dataset's", contradicted),
    ]
    if leaks == "keep":
        problems += _problem(
            "clip", "in two splits", [f"{id}: {' and '.join(s)}" for id, s in several.items()]
        )
    if problems:
        hint = "--leaks drop keeps such a clip in the last of its splits" if several else None
        raise InputError(f"{path} does not fit the dataset", problems, hint)
    kept = [
        replace(clip, split=max(listed[clip.id], key=SPLITS.index))
        for clip in listing.clips
        if clip.id in listed
    ]
    notes = [f"splits from {', '.join(names)}"]
    if several:
        notes.append(f"{len(several):,} clips of several lists stay in the last of them alone")
    if left := len(listing.clips) - len(kept):
        notes.append(f"{left:,} clips that no list names are left out")
    return Divided(kept, notes)


class _Names:
    """A dataset's clips by everything that a list may call them."""

    def __init__(self, listing: Listing) -> None:
        self._clips, self._classes = listing.clips, listing.classes
        self._by_id = {clip.id: clip for clip in listing.clips}
        self._by_recording: dict[str, list[Clip]] = defaultdict(list)
        for clip in listing.clips:
            if recording := clip.meta.get("recording"):
                self._by_recording[recording].append(clip)
        self._meanings: dict[str, frozenset[str]] = {}

    def meant(self, entry: Entry, label: str) -> list[Clip]:
        """The clips that a line means; none where there are none of its name."""
        if entry.row is not None:
            return [self._clips[entry.row]] if 0 <= entry.row < len(self._clips) else []
        for name in (entry.id, stem(entry.id)):
            if name in self._by_id:
                return [self._by_id[name]]
        cut = self._by_recording.get(stem(entry.id)) or self._by_recording.get(entry.id[:11], [])
        of_label = [clip for clip in cut if clip.label in self.classes_of(label)]
        return of_label or cut

    def classes_of(self, label: str) -> frozenset[str]:
        """The classes that a label may mean: by name, by its first letters, or by number."""
        if label not in self._meanings:
            self._meanings[label] = frozenset(self._mean(label.casefold()))
        return self._meanings[label]

    def _mean(self, label: str) -> list[str]:
        exact = [name for name in self._classes if name.casefold() == label]
        if exact or not label:
            return exact
        if label.isdigit():
            return [self._classes[int(label)]] if int(label) < len(self._classes) else []
        return [
            name
            for name in self._classes
            if len(name) >= _PREFIX and label.startswith(name.casefold())
        ]


def _problem(kind: str, what: str, lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    kinds = kind if len(lines) == 1 else f"{kind}s"
    return [f"{len(lines):,} {kinds} {what}:", *(f"  {line}" for line in shorten(lines, 10))]


# ---------------------------------------------------------------- by chance, by speaker


def at_random(clips: Sequence[Clip], seed: int) -> list[Clip]:
    """A tenth of the clips as test, stratified by class; the rest is training."""
    test = stratified({clip.id: clip.label for clip in clips}, TEST_SHARE, seed, "test")
    return [replace(clip, split="test" if clip.id in test else "train") for clip in clips]


def by_speaker(clips: Sequence[Clip], val_fraction: float, seed: int) -> list[Clip]:
    """Whole speakers as test, then as val, for shares near a tenth and val_fraction of the rest.

    Speakers are drawn in an order that depends on their names and the seed, and taken while that
    brings the share nearer. Raises InputError: clips without a speaker, too few speakers.
    """
    nameless = [clip.id for clip in clips if not clip.meta.get("speaker")]
    if nameless:
        raise InputError(f"{len(nameless):,} clips name no speaker", shorten(nameless))
    size: dict[str, int] = defaultdict(int)
    for clip in clips:
        size[clip.meta["speaker"]] += 1
    wanted = {"test": TEST_SHARE, **({"val": val_fraction} if val_fraction else {})}
    if len(size) <= len(wanted):
        raise InputError(
            f"{len(size)} speakers cannot be divided among {len(wanted) + 1} splits", sorted(size)
        )
    order = sorted(size)
    order = [order[i] for i in np.random.default_rng([seed, *b"speaker"]).permutation(len(order))]
    split = dict.fromkeys(order, "train")
    for name, share in wanted.items():
        pool = [speaker for speaker in order if split[speaker] == "train"]
        target = share * sum(size[speaker] for speaker in pool)
        chosen = _speakers_near(pool, size, target)
        split.update(dict.fromkeys(chosen, name))
    return [replace(clip, split=split[clip.meta["speaker"]]) for clip in clips]


def _speakers_near(pool: Sequence[str], size: Mapping[str, int], target: float) -> list[str]:
    """Speakers of the pool, at least one, whose clips add up to about the target."""
    chosen: list[str] = []
    total = 0
    for speaker in pool[:-1]:
        if not chosen or abs(total + size[speaker] - target) < abs(total - target):
            chosen.append(speaker)
            total += size[speaker]
    return chosen


# ---------------------------------------------------------------- leaks


def leaking(clips: Sequence[Clip]) -> dict[str, list[Clip]]:
    """The recordings (else videos) whose clips are in more than one split: name → clips."""
    cut: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        if name := clip.meta.get("recording") or clip.meta.get("video"):
            cut[name].append(clip)
    return {name: own for name, own in cut.items() if len({clip.split for clip in own}) > 1}


def without_leaks(clips: Sequence[Clip]) -> Divided:
    """Clips whose recording is also in a later split (train, val, test) left out; test stays."""
    dropped: dict[str, str] = {}
    for cut in leaking(clips).values():
        last = max((clip.split for clip in cut), key=SPLITS.index)
        dropped |= {clip.id: clip.split for clip in cut if clip.split != last}
    notes = []
    if dropped:
        counts = [(name, list(dropped.values()).count(name)) for name in SPLITS]
        parts = " and ".join(f"{count:,} of {name}" for name, count in counts if count)
        notes = [f"dropped {parts}: cut from recordings that are in a later split, too"]
    return Divided([clip for clip in clips if clip.id not in dropped], notes)


def hold_out_val(clips: Sequence[Clip], fraction: float, seed: int) -> tuple[list[Clip], bool]:
    """Give every clip a split: the source's, and where it has no val a stratified share of train.

    Returns the clips in their order and whether they were divided. The choice depends on the ids
    and the seed alone, not on the table's order.
    """
    named = [replace(clip, split=clip.split or "train") for clip in clips]
    if fraction == 0 or any(clip.split == "val" for clip in named):
        return named, False
    pool = {clip.id: clip.label for clip in named if clip.split == "train"}
    chosen = stratified(pool, fraction, seed, "val")
    return [replace(c, split="val") if c.id in chosen else c for c in named], True


def stratified(strata: Mapping[str, _K], share: float, seed: int, purpose: str) -> set[str]:
    """Choose round(share · N) of N ids, as evenly over their strata as whole numbers allow.

    Which ones depends on the ids, the seed and the purpose, not on the order given.
    """
    members: dict[str, list[str]] = defaultdict(list)
    for id, stratum in strata.items():
        members[repr(stratum)].append(id)
    names = sorted(members)
    exact = {name: share * len(members[name]) for name in names}
    quota = {name: int(exact[name]) for name in names}
    left = round(share * len(strata)) - sum(quota.values())
    for name in sorted(names, key=lambda name: (quota[name] - exact[name], name))[: max(left, 0)]:
        quota[name] += 1
    chosen: set[str] = set()
    for number, name in enumerate(names):
        generator = np.random.default_rng([seed, number, *purpose.encode()])
        order = generator.permutation(len(members[name]))
        ordered = sorted(members[name])
        chosen.update(ordered[i] for i in order[: quota[name]].tolist())
    return chosen


def limited(clips: Sequence[Clip], limit: int) -> list[Clip]:
    """At most limit clips of each split, in their order: the first of every class, the second…

    So a small trial of a table sorted by class still holds every class.
    """
    queues: dict[tuple[str, str], list[str]] = defaultdict(list)
    for clip in clips:
        queues[clip.split, clip.label].append(clip.id)
    kept: set[str] = set()
    for split in SPLITS:
        ranked = sorted(
            (rank, number, id)
            for number, (key, ids) in enumerate(queues.items())
            if key[0] == split
            for rank, id in enumerate(ids)
        )
        kept.update(id for _, _, id in ranked[:limit])
    return [clip for clip in clips if clip.id in kept]
