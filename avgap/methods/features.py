"""The features of many samples, for methods that look at the data between epochs."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from avgap.methods import SplitView
from avgap.models.audiovisual import AudioVisual


class Features(NamedTuple):
    """Of N samples: φ^a (N, d_a), φ^v (N, d_v) in fp32, label (N,)."""

    audio: Tensor
    visual: Tensor
    label: Tensor


@torch.no_grad()
def features(model: AudioVisual, view: SplitView, rows: Tensor | None = None) -> Features:
    """The features of the given rows (all), whole frames, in evaluation mode; mode restored."""
    training = model.training
    model.eval()
    # A batch is good until the next is asked for: what is kept is copied.
    parts = [
        (*model.encode(batch.audio, batch.frames), batch.label.clone())
        for batch in view.batches(rows)
    ]
    model.train(training)
    audio, visual, label = (torch.cat(list(column)) for column in zip(*parts, strict=True))
    return Features(audio.float(), visual.float(), label)
