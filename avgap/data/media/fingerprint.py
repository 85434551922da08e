"""Whether media files are still those that a cache was made from: size, time, content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from avgap.data.clip import Clip

COLUMN = "files"  # of a cache's meta


class State(NamedTuple):
    """A file's size in bytes and the time of its last change in ns; −1 and 0 without a file."""

    size: int
    modified: int


class Stored(NamedTuple):
    """What a cache remembers of a file. sha256: of its content, hex."""

    state: State
    sha256: str


def paths(clip: Clip) -> list[Path]:
    """The media files of a clip: what is seen, then what is heard where that is another file."""
    return [path for path in (clip.video, clip.audio) if path is not None]


def state(path: Path) -> State:
    """The state of a file, or of a folder's files together."""
    try:
        found = [member.stat() for member in _members(path)]
    except OSError:
        return State(-1, 0)
    return State(sum(s.st_size for s in found), max((s.st_mtime_ns for s in found), default=0))


def states(clip: Clip) -> list[State]:
    """The states of a clip's files, in the order of `paths`."""
    return [state(path) for path in paths(clip)]


@lru_cache(maxsize=64)
def content(path: Path, _state: State) -> str:
    """SHA-256 of a file's bytes, or of a folder's files by name; read once for many windows."""
    sha = hashlib.sha256()
    for member in _members(path):
        with member.open("rb") as file:
            while block := file.read(1 << 20):
                sha.update(block)
    return sha.hexdigest()


def describe(clip: Clip, before: Sequence[State]) -> str:
    """The column `files` of a clip: SIZE TIME SHA256 per file, joined by "; ".

    before: the states from before decoding, so that a file changed meanwhile shows later.
    """
    pairs = zip(paths(clip), before, strict=True)
    return "; ".join(f"{s.size} {s.modified} {content(path, s)}" for path, s in pairs)


def parse(text: str) -> list[Stored]:
    """Read what `describe` wrote."""
    entries = [entry.split() for entry in text.split("; ") if entry]
    return [Stored(State(int(size), int(time)), sha) for size, time, sha in entries]


def changes(clips: Iterable[Clip], stored: Mapping[str, str]) -> list[str]:
    """How the clips' files differ from what is stored (id → column `files`), a line each.

    A file of the same size and time is taken to be the same; one of the same size and another
    time is read, and is the same where its bytes are.
    """
    lines = []
    for clip in clips:
        for path, then in zip(paths(clip), parse(stored.get(clip.id, "")), strict=False):
            now = state(path)
            if now == then.state:
                continue
            if now.size < 0:
                lines.append(f"{clip.id}: {path.name} is gone")
            elif now.size != then.state.size:
                sizes = f"{then.state.size:,} → {now.size:,} bytes"
                lines.append(f"{clip.id}: {path.name} changed, {sizes}")
            elif content(path, now) != then.sha256:
                lines.append(f"{clip.id}: {path.name} changed, {now.size:,} bytes as before")
    return lines


def _members(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(member for member in path.iterdir() if member.is_file())
