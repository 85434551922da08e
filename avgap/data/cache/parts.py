"""Clips that are done, in closed HDF5 files beside a cache in the making.

Whatever ends the work, also a SIGKILL, costs at most the clips of the part being written; the same
command goes on from the others. A clip is known by the digest of everything that decides about its
arrays, so a part serves any cache that asks for the same of a clip, and no other.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from avgap import artifact, console
from avgap.data.cache.writer import ClipArray
from avgap.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from avgap.data.media.decode import Decoded

_BYTES = 64 << 20  # of arrays in a part
_SECONDS = 20.0  # after which a part is closed; what a kill can cost
_GROWTH = 64  # clips that a part grows by
_ENDING = ".h5"
_NAME = r"[0-9a-f]{12}\.h5"  # of a part
_ARRAYS = ("audio", "visual", "sound")


def folder_of(cache: Path) -> Path:
    """Where the parts of a cache in the making lie."""
    return cache.with_name(cache.name + ".parts")


class Parts:
    """Writes finished clips into parts, and finds those of an earlier run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open = ExitStack()
        self._file: Any = None
        self._check_disk: Any = None
        self._written: dict[str, ClipArray] = {}
        self._keys: list[str] = []
        self._texts: list[str] = []
        self._bytes, self._since = 0, 0.0

    def __enter__(self) -> Parts:
        # Nobody else writes here: the cache in the making is locked.
        for path in self._named(".part"):
            path.unlink()
        return self

    def __exit__(self, *failure: object) -> None:
        try:
            self.close()
        finally:
            if failure[0] is not None and (kept := len(self._named())):
                plural = "part" if kept == 1 else "parts"
                console.notice(f"finished clips are kept in {self._folder} ({kept} {plural})")
            with contextlib.suppress(OSError):
                self._folder.rmdir()  # where it is empty

    def found(self, wanted: Mapping[str, int]) -> Iterator[tuple[int, Decoded]]:
        """The clips that are done, of those wanted (key → number), each once.

        What cannot be read (a disk that failed, another file) is passed over.
        """
        from avgap.data.media.decode import Decoded

        left = dict(wanted)
        for path in self._named():
            with contextlib.suppress(InputError), artifact.open_hdf5(path) as file:
                keys, texts = (file[name].asstr()[:].tolist() for name in ("key", "meta"))
                for row, key in enumerate(keys):
                    if key in left:
                        arrays = {name: file[name][row] for name in _ARRAYS if name in file}
                        yield left.pop(key), Decoded(**arrays, meta=json.loads(texts[row]))

    def put(self, key: str, clip: Decoded) -> None:
        """Write one clip. Raises OutputError where the disk refuses."""
        if self._file is None:
            self._begin(clip)
        row = len(self._keys)
        for name, array in _arrays(clip).items():
            if row % _GROWTH == 0:
                self._written[name].resize(row + _GROWTH)
            self._written[name].put(row, array)
            self._bytes += array.nbytes
        self._check_disk()
        self._keys.append(key)
        self._texts.append(json.dumps(dict(clip.meta)))
        if self._bytes > _BYTES or time.monotonic() - self._since > _SECONDS:
            self.close()

    def close(self) -> None:
        """Close the part being written, so that it counts."""
        if self._file is None:
            return
        file, self._file = self._file, None
        with self._open:
            import h5py

            for array in self._written.values():
                array.resize(len(self._keys))
            for name, values in (("key", self._keys), ("meta", self._texts)):
                text = np.array(values, dtype=object)
                file.create_dataset(name, data=text, dtype=h5py.string_dtype())
        self._keys, self._texts = [], []

    def remove(self) -> None:
        """Remove every part: the cache is made. What else somebody keeps in the folder stays."""
        with contextlib.suppress(OSError):
            for path in (*self._named(".part"), *filter(_is_part, self._named())):
                path.unlink()
            self._folder.rmdir()  # where it is empty

    def _named(self, besides: str = "") -> list[Path]:
        """The plain files in the folder with a name such as parts have, and besides its end."""
        ending = re.compile(_NAME + re.escape(besides))
        there = sorted(self._folder.glob("*")) if self._folder.is_dir() else []
        return [path for path in there if ending.fullmatch(path.name) and _is_plain(path)]

    def _begin(self, clip: Decoded) -> None:
        path = self._folder / f"{secrets.token_hex(6)}{_ENDING}"
        self._open = ExitStack()
        part = self._open.enter_context(artifact.atomic(path))
        self._file, self._check_disk = self._open.enter_context(artifact.create_hdf5(part))
        self._written = {
            name: ClipArray(self._file, name, 0, array.shape, array.dtype)
            for name, array in _arrays(clip).items()
        }
        self._bytes, self._since = 0, time.monotonic()


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _is_part(path: Path) -> bool:
    """Whether a file is a finished part: HDF5 with the keys and the texts of clips."""
    try:
        with artifact.open_hdf5(path) as file:
            return {"key", "meta"} <= set(file)
    except InputError:
        return False


def _arrays(clip: Decoded) -> dict[str, NDArray[Any]]:
    """What there is of a clip, by name; the same for all clips of a run."""
    arrays = {name: getattr(clip, name) for name in _ARRAYS}
    return {name: array for name, array in arrays.items() if array is not None}
