"""Encoders by name, and the audio-visual network built from a plain description."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from avgap.errors import unknown
from avgap.models.audiovisual import AudioVisual
from avgap.models.resnet import resnet18
from avgap.models.small import small

# A new encoder: a function from the shape (C, H, W) to a module giving (N, d), `.features` = d.
ENCODERS: dict[str, Callable[[tuple[int, int, int]], nn.Module]] = {
    "resnet18": resnet18,
    "small": small,
}


@dataclass(frozen=True)
class Description:
    """All that is needed to build the network again; plain values, stored in every checkpoint.

    audio_shape: (F, T). visual_shape: (K, S, S) with S px the input size of the visual encoder.
    """

    audio_encoder: str
    visual_encoder: str
    audio_shape: tuple[int, int]
    visual_shape: tuple[int, int, int]
    classes: tuple[str, ...]
    audio_mean: float
    audio_std: float

    def as_dict(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        return asdict(self)

    @staticmethod
    def from_dict(values: dict[str, Any]) -> Description:
        """The description from a checkpoint's plain values."""
        tuples = {name: tuple(values[name]) for name in ("audio_shape", "visual_shape", "classes")}
        return Description(**{**values, **tuples})


def build(description: Description, seed: int = 0) -> AudioVisual:
    """The network of a description, randomly initialised from the seed (global state untouched).

    Raises UsageError for an encoder that this avgap does not have.
    """
    for name in (description.audio_encoder, description.visual_encoder):
        if name not in ENCODERS:
            raise unknown("encoder", name, ENCODERS)
    _, height, width = description.visual_shape
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return AudioVisual(
            ENCODERS[description.audio_encoder]((1, *description.audio_shape)),
            ENCODERS[description.visual_encoder]((3, height, width)),
            len(description.classes),
            description.audio_mean,
            description.audio_std,
        )
