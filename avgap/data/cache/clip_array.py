"""An array of clips in an HDF5 file, one chunk each, written past HDF5's own machinery."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


class ClipArray:
    """A dataset (N, *shape) of one kind whose every chunk is a clip.

    A clip is handed to HDF5 as the bytes of its chunk: a third of the time that an assignment
    takes, which looks up a selection for each.
    """

    def __init__(self, group: Any, name: str, size: int, shape: Sequence[int], kind: Any) -> None:
        self._shape, self._kind = tuple(shape), np.dtype(kind)
        self._dataset = group.create_dataset(
            name,
            (size, *shape),
            kind,
            maxshape=(None, *shape),
            chunks=(1, *shape),
        )

    def put(self, row: int, values: Any) -> None:
        """Write the clip at a row. Raises ValueError for another shape."""
        array = np.ascontiguousarray(values, self._kind)
        if array.shape != self._shape:
            raise ValueError(f"a clip of shape {array.shape}, where {self._shape} is expected")
        self._dataset.id.write_direct_chunk((row, *(0,) * array.ndim), array)

    def resize(self, size: int) -> None:
        """Make room for this many clips, or cut what is after them."""
        self._dataset.resize(size, axis=0)
