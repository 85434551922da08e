"""Finding media files under a folder by their names, whatever its folders are called."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from avgap.data.clip import MediaError, check_file, check_name
from avgap.data.media.pictures import PICTURES
from avgap.errors import InputError

# Where a clip has several files, the first kind here that is more than a Git LFS pointer is taken.
VIDEOS = (".flv", ".mp4", ".mkv", ".webm", ".mov", ".avi", ".mpg", ".mpeg")
SOUNDS = (".wav", ".flac", ".mp3", ".ogg", ".m4a", ".aac")


class Media(NamedTuple):
    """Files by name: videos (a folder of pictures counts where there is no video) and sounds."""

    videos: dict[str, Path]
    sounds: dict[str, Path]


def find_media(root: Path, key: Callable[[str], str | None] = lambda stem: stem) -> Media:
    """Every media file under root by its key.

    key: from a name without its ending to what a clip is known by; None: no clip's file. A folder
    of pictures has the key of its own name and stands in for a video that is not there or cannot
    be used. Links to folders are followed, hidden folders passed over.
    Raises InputError: a folder that cannot be read.
    """
    found: dict[str, dict[str, list[Path]]] = {
        kind: defaultdict(list) for kind in ("videos", "sounds", "pictures")
    }
    for folder, names in _walk(root):
        pictures = False
        for name in sorted(names):
            stem, ending = os.path.splitext(name)  # noqa: PTH122 (a Path per file is slow)
            kind = _kind(ending.lower())
            pictures = pictures or kind == "pictures"
            if kind in ("videos", "sounds") and (known := key(stem)) is not None:
                found[kind][known].append(Path(folder, name))
        if pictures and (known := key(Path(folder).name)) is not None:
            found["pictures"][known].append(Path(folder))
    videos = {name: _best(paths, VIDEOS) for name, paths in found["videos"].items()}
    for name, folders in found["pictures"].items():
        if name not in videos or why_broken(videos[name]):
            videos[name] = folders[0]
    sounds = {name: _best(paths, SOUNDS) for name, paths in found["sounds"].items()}
    return Media(videos, sounds)


def _walk(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Every folder from root on, once, however many links lead there, with its files' names."""

    def refuse(error: OSError) -> None:
        raise InputError(f"{error.filename} cannot be read", [error.strerror or str(error)])

    seen: set[tuple[int, int]] = set()
    for folder, inner, names in os.walk(root, onerror=refuse, followlinks=True):
        about = os.stat(folder)  # noqa: PTH116 (a Path per folder is slow)
        if (about.st_dev, about.st_ino) in seen:
            inner.clear()
            continue
        seen.add((about.st_dev, about.st_ino))
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        yield folder, names


def why_broken(*paths: Path | None) -> str:
    """Why these files cannot be used, as far as can be told without decoding; "" if they can."""
    if paths and paths[0] is not None and paths[0].is_dir() and not any(paths[1:]):
        return f"{paths[0].name}: a folder of pictures has no sound, and there is no sound file"
    reasons = []
    for path in paths:
        try:
            if path is not None:
                (check_name if path.is_dir() else check_file)(path)
        except MediaError as error:
            reasons.append(f"{path.name}: {error}" if path else "")
    return "; ".join(reasons)


def within(path: Path | None, root: Path) -> str:
    """A file's path as a cache records it: relative to root, "" for none."""
    return "" if path is None else path.relative_to(root).as_posix()


def _kind(ending: str) -> str:
    if ending in VIDEOS:
        return "videos"
    return "sounds" if ending in SOUNDS else "pictures" if ending in PICTURES else ""


def _best(paths: list[Path], order: tuple[str, ...]) -> Path:
    ranked = sorted(paths, key=lambda path: (order.index(path.suffix.lower()), path.as_posix()))
    if len(ranked) == 1:
        return ranked[0]
    return next((path for path in ranked if not why_broken(path)), ranked[0])
