"""One modality trained alone: the rows "Audio-only" and "Visual-only" of the paper's Table 1.

Their point: joint training may end below the better of the two (Wang et al., CVPR 2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch.nn.functional import cross_entropy

from avgap.methods import Batch, Loss, Method, StepContext
from avgap.models.audiovisual import AudioVisual


@dataclass(frozen=True)
class AudioOnly(Method):
    """The cross-entropy of the sound's encoder and head."""

    network: ClassVar[str] = "audio-only"

    def step(self, model: AudioVisual, batch: Batch, context: StepContext) -> Loss:
        """L_a of one batch."""
        loss = cross_entropy(model(batch.audio, batch.frames).audio, batch.label)
        return Loss(loss, {"audio": loss})


@dataclass(frozen=True)
class VisualOnly(Method):
    """The cross-entropy of the frames' encoder and head."""

    network: ClassVar[str] = "visual-only"

    def step(self, model: AudioVisual, batch: Batch, context: StepContext) -> Loss:
        """L_v of one batch."""
        loss = cross_entropy(model(batch.audio, batch.frames).visual, batch.label)
        return Loss(loss, {"visual": loss})
