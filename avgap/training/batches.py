"""The data of a run as a method sees it between epochs: `methods.SplitView`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from avgap.data.loading.augment import Crops, cropped_frames, draw_crops, whole_frames
from avgap.data.loading.resident import RawBatch, Resident, batches
from avgap.methods import Batch


def augmented(raw: RawBatch, size: int, crops: Crops | None) -> Batch:
    """A raw batch as methods take it, each frame's own crop or (None) whole frames; S = size px."""
    if crops is None:
        return Batch(raw.audio, whole_frames(raw.visual, size), raw.label, raw.rows)
    mine = Crops(crops.boxes[raw.rows], crops.flip[raw.rows])
    return Batch(raw.audio, cropped_frames(raw.visual, size, mine), raw.label, raw.rows)


@dataclass(frozen=True)
class ResidentView:
    """A split, its frames at image_size px, augmented when asked if the run augments."""

    data: Resident
    image_size: int
    batch_size: int
    augment: bool

    @property
    def label(self) -> Tensor:
        """Class indices, (N,) on the device."""
        return self.data.label

    def batches(
        self, rows: Tensor | None = None, *, augment: Generator | None = None
    ) -> Iterator[Batch]:
        """As `methods.SplitView`; a batch is good until the next is asked for."""
        rows = torch.arange(len(self.data)) if rows is None else rows.cpu()
        crops = None
        if self.augment and augment is not None:
            crops = self.draw(augment)
        for raw in batches(self.data, rows.split(self.batch_size)):
            yield augmented(raw, self.image_size, crops)

    def draw(self, generator: Generator) -> Crops:
        """Crops for every clip of the split; the generator is a CPU's."""
        shape = len(self.data), *self.data.source.like[1].shape[1:]
        return draw_crops(shape, generator, self.data.device)
