"""Training methods: each owns one step of the loop and nothing else.

A new method: a frozen dataclass of settings with `step`, in a file of its own, one line in METHODS,
and a test of its loss on numbers computed by hand.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from torch import Tensor

from avgap.models.audiovisual import AudioVisual


class Batch(NamedTuple):
    """B samples, augmented: audio (B, F, T), frames (B, K, 3, H, W) in 0…255, label (B,)."""

    audio: Tensor
    frames: Tensor
    label: Tensor


class Loss(NamedTuple):
    """What a step returns: the scalar to differentiate, and its named parts for the log."""

    total: Tensor
    terms: dict[str, Tensor]


class Method(Protocol):
    """A training method."""

    def step(self, model: AudioVisual, batch: Batch, epoch: int) -> Loss:
        """The loss of one batch. epoch: 0-based within the phase. Never waits for the device."""
        ...
