"""What a clip is, and what a dataset's list of clips must satisfy."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from avgap.errors import InputError
from avgap.settings import SPLITS
from avgap.text import nearest, shorten

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from avgap.data.media.crop import Box


class MediaError(Exception):
    """Why one clip cannot be used, in words for a list of broken clips."""


@dataclass(frozen=True, eq=False)
class Clip:
    """One sample before decoding.

    label: the class's name. split: train, val or test; "" is training of a source without splits.
    video or image (h, w) uint8: what is seen. audio: a sound file; None: the video's own sound.
    features: instead of media, the embeddings of audio (d,) and visual (d,), float32.
    start, end: s within the video (and the audio file); None: all of it.
    crop: the part of the picture that is kept; None: all of it.
    meta: further columns of text. broken: why it cannot be used, where that is known already.
    """

    id: str
    label: str
    split: str
    video: Path | None = None
    image: NDArray[np.uint8] | None = None
    audio: Path | None = None
    features: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
    start: float | None = None
    end: float | None = None
    crop: Box | None = None
    meta: Mapping[str, str] = field(default_factory=dict)
    broken: str = ""


@dataclass(frozen=True, eq=False)
class Listing:
    """A dataset's clips; classes: names, index = label; augment: mirroring keeps the meaning.

    complete: what is still to be done to the clips once their splits are final. lists: the folder
    of the dataset's own split lists. published: how many clips, classes, speakers or recordings its
    authors count. notes: what is worth telling, for the audit.
    """

    clips: Sequence[Clip]
    classes: tuple[str, ...]
    augment: bool
    complete: Callable[[Sequence[Clip]], list[Clip]] | None = None
    lists: Path | None = None
    published: Mapping[str, int] = field(default_factory=dict)
    notes: Sequence[str] = ()


def check_file(path: Path) -> None:
    """Raise MediaError for what can be told without decoding: missing, empty, a Git LFS pointer."""
    check_name(path)
    if not path.exists():
        raise MediaError("no such file")
    if not path.is_file():
        raise MediaError("not a file")
    try:
        with path.open("rb") as file:
            head = file.read(40)
    except OSError as error:
        raise MediaError(f"cannot be opened ({error.strerror})") from error
    if not head:
        raise MediaError("the file is empty (zero bytes)")
    if head.startswith(b"version https://git-lfs"):
        raise MediaError("a Git LFS pointer, not the media itself (git lfs pull fetches it)")


def check_name(path: Path) -> None:
    """Raise MediaError for a path that is no text: neither decoders nor a cache can hold it."""
    try:
        os.fspath(path.absolute()).encode()
    except UnicodeEncodeError as error:
        raise MediaError("its path is not UTF-8: rename it") from error


def check(listing: Listing, source: str) -> None:
    """Raise InputError with every problem of a listing: none, twice, no label, unknown split."""
    if not listing.clips:
        raise InputError(f"{source} lists no clips")
    problems = []
    repeated = [id for id, n in Counter(clip.id for clip in listing.clips).items() if n > 1]
    problems += [f"the id {id!r} stands more than once" for id in repeated]
    known = set(listing.classes)
    for clip in listing.clips:
        if not clip.id:
            problems.append(f"a clip of {clip.label!r} has no id")
        if not clip.label:
            problems.append(f"{clip.id}: no label")
        elif clip.label not in known:
            problems.append(f"{clip.id}: unknown label {clip.label!r}{_meant(clip.label, known)}")
        if not clip.broken and (odd := [t for t in _texts(clip) if not _can_be_stored(t)]):
            problems.append(f"{clip.id!r}: {odd[0]!r} holds what is no text (a NUL, half a letter)")
        if clip.split not in (*SPLITS, ""):
            problems.append(f"{clip.id}: unknown split {clip.split!r}{_meant(clip.split, SPLITS)}")
    trained = {clip.label for clip in listing.clips if clip.split in ("train", "")}
    problems += [
        f"the class {name!r} has no clip in train"
        for name in listing.classes
        if name not in trained
    ]
    if problems:
        plural = "s" if len(problems) > 1 else ""
        raise InputError(f"{source} has {len(problems):,} problem{plural}", shorten(problems))


def _texts(clip: Clip) -> list[str]:
    return [clip.id, clip.label, *clip.meta.values()]


def _can_be_stored(text: str) -> bool:
    """Whether HDF5 holds it: UTF-8 without NUL."""
    return "\0" not in text and text.encode(errors="replace").decode() == text


def _meant(name: str, known: Iterable[str]) -> str:
    like = nearest(name, known)
    return "" if like is None else f" (did you mean {like!r}?)"
