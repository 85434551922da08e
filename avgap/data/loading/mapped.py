"""A split left in its cache file: clips copied out of a memory map, for data larger than memory.

A cache keeps each clip of an array in one uncompressed chunk, so that a clip is one stretch of
bytes of the file. Where the bytes lie is asked of HDF5 once; reading them needs no HDF5, and so no
lock that threads would wait for.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from avgap import artifact
from avgap.data.cache.reader import Cache, Split
from avgap.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Mapped:
    """N clips in a file: where audio and visual of each begin, (N,) bytes, shapes and types."""

    bytes: Any  # the map
    offsets: tuple[NDArray[np.int64], NDArray[np.int64]]
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    types: tuple[str, str]

    @property
    def like(self) -> tuple[Tensor, Tensor]:
        """Two empty tensors with the shape of one clip and the type: of audio, of visual."""
        one, other = (
            torch.from_numpy(np.empty((0, *shape), kind))
            for shape, kind in zip(self.shapes, self.types, strict=True)
        )
        return one, other

    def gather(self, rows: Tensor, audio: Tensor, visual: Tensor) -> None:
        """Fill audio (B, …) and visual (B, …), on the CPU, with the rows (B,)."""
        parts = zip(self.offsets, self.shapes, self.types, (audio, visual), strict=True)
        for offsets, shape, kind, room in parts:
            target, count = room.numpy(), int(np.prod(shape))
            for place, row in enumerate(rows.tolist()):
                clip = np.frombuffer(self.bytes, kind, count, int(offsets[row]))
                target[place] = clip.reshape(shape)


def map_split(cache: Cache, name: str, rows: range) -> tuple[Split, Mapped]:
    """Ids and labels of some rows of a split (its arrays unread), and the map of their clips.

    Raises InputError as Cache.split, and for a file whose clips are no single stretches of bytes.
    """
    split = cache.split(name, range(0))  # the checks, and shapes and types
    with artifact.open_hdf5(cache.path) as file:
        group = file[name]
        ids = group["id"].asstr()[rows.start : rows.stop].tolist()
        label = group["label"][rows.start : rows.stop]
        offsets = [_offsets(group[part], rows, cache) for part in ("audio", "visual")]
    cache.check_labels(name, label)
    with cache.path.open("rb") as opened:
        bytes_ = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    arrays = split.audio, split.visual
    mapped = Mapped(
        bytes_,
        (offsets[0], offsets[1]),
        (arrays[0].shape[1:], arrays[1].shape[1:]),
        (arrays[0].dtype.str, arrays[1].dtype.str),
    )
    return Split(name, ids, label, *arrays, split.meta), mapped


def _offsets(dataset: Any, rows: range, cache: Cache) -> NDArray[np.int64]:
    """Where the clip of each row begins in the file, in bytes."""
    rest = (0,) * (dataset.ndim - 1)
    places = [dataset.id.get_chunk_info_by_coord((row, *rest)).byte_offset for row in rows]
    whole = (
        dataset.chunks == (1, *dataset.shape[1:])
        and dataset.id.get_create_plist().get_nfilters() == 0
    )
    if not whole or any(place is None for place in places):
        raise InputError(
            f"{cache.path} cannot be read from where it lies",
            [f"{dataset.name} is compressed, or its clips are not kept one by one"],
            "more memory, or a cache made by avgap prepare",
        )
    return np.array(places, np.int64)
