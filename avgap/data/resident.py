"""A split held on the device for a whole run: nothing is decoded, read or copied twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor

from avgap.data.cache import Split


@dataclass(frozen=True)
class Resident:
    """N samples: audio (N, F, T) float16, visual (N, K, H, W, 3) uint8, label (N,) int64, ids."""

    id: list[str]
    audio: Tensor
    visual: Tensor
    label: Tensor

    def __len__(self) -> int:
        return len(self.id)

    @property
    def device(self) -> torch.device:
        """Where the samples lie."""
        return self.label.device


class Part(NamedTuple):
    """B samples of a split, as they are stored."""

    audio: Tensor
    visual: Tensor
    label: Tensor


def resident(split: Split, device: torch.device) -> Resident:
    """Copy a split to the device."""
    arrays = (
        torch.from_numpy(array).to(device) for array in (split.audio, split.visual, split.label)
    )
    return Resident(split.id, *arrays)


def batches(data: Resident, order: Tensor, size: int) -> Iterator[Part]:
    """Parts of at most size samples in the given order, (N,) indices on the data's device.

    All lie in the same memory: a part is good until the next is asked for. Fresh memory for each
    costs a CPU sixteen times as much as the copying.
    """
    arrays = data.audio, data.visual, data.label
    room = [array.new_empty((min(size, len(order)), *array.shape[1:])) for array in arrays]
    for start in range(0, len(order), size):
        index = order[start : start + size]
        places = [array[: len(index)] for array in room]
        for array, place in zip(arrays, places, strict=True):
            torch.index_select(array, 0, index, out=place)
        yield Part(*places)


def generator(device: torch.device | str, *key: int) -> Generator:
    """A generator whose state is a function of the key, such as (seed, epoch, purpose)."""
    seed = int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0])
    return Generator(device).manual_seed(seed & (2**63 - 1))
