"""HDF5 on a disk that may be full: what was not written is remembered, and told at the end."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_KEPT = 1 << 20  # bytes of one write; HDF5's own records are smaller, larger ones are data


class Disk(io.FileIO):
    """A file for HDF5 that remembers that the disk is full: told of it, HDF5 crashes on closing.

    From then on it reads back what it could not write: HDF5 looks up its records again, and takes
    whatever lies in memory where a read falls short.
    """

    refused: OSError | None = None

    def __init__(self, path: Path, mode: str) -> None:
        super().__init__(path, mode)
        self._unwritten: list[tuple[int, bytes]] = []  # place in the file, and what belongs there

    def write(self, data: Any) -> int:
        """Write data, or remember what of it the disk refuses; returns its length in bytes."""
        view = memoryview(data).cast("B")
        place, done = self.tell(), 0
        try:
            while done < len(view) and self.refused is None:
                done += super().write(view[done:]) or 0
        except OSError as error:
            self.refused = error
        if done < len(view):
            if len(view) <= _KEPT:
                self._unwritten.append((place, bytes(view)))
            self.seek(place + len(view))
        return len(view)

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer with what was to be written there, zeros beyond; returns its length."""
        view = memoryview(buffer).cast("B")
        place, done = self.tell(), 0
        while done < len(view) and (count := super().readinto(view[done:])):
            done += count
        view[done:] = bytes(len(view) - done)
        for start, data in self._unwritten:
            first, last = max(start, place), min(start + len(data), place + len(view))
            if first < last:
                view[first - place : last - place] = data[first - start : last - start]
        self.seek(place + len(view))
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """As FileIO, a refusal remembered."""
        try:
            return super().truncate(size)
        except OSError as error:
            self.refused = self.refused or error
            return size or 0

    def check(self) -> None:
        """Raise the OSError that was remembered, if any."""
        if self.refused is not None:
            raise self.refused


@contextmanager
def create_hdf5(path: Path) -> Iterator[tuple[Any, Callable[[], None]]]:
    """A new h5py file, and a function that raises OSError once the disk has refused a byte.

    The same OSError is raised at the end of the context, so that long work alone needs to ask.
    """
    import h5py

    with Disk(path, "w+") as disk:
        with h5py.File(disk, "w", rdcc_nbytes=0) as file:
            yield file, disk.check
        disk.check()
