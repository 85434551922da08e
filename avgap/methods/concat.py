"""The concatenation baseline: the fused cross-entropy L_MM alone. Eq. 5, first line."""

from __future__ import annotations

from dataclasses import dataclass

from torch.nn.functional import cross_entropy

from avgap.methods import Batch, Loss, Method, StepContext
from avgap.models.audiovisual import AudioVisual


@dataclass(frozen=True)
class Concat(Method):
    """L_MM, the loss of the paper's "Baseline (Concat)" (Table 1)."""

    def step(self, model: AudioVisual, batch: Batch, context: StepContext) -> Loss:
        """The fused cross-entropy of one batch."""
        loss = cross_entropy(model(batch.audio, batch.frames).fused, batch.label)
        return Loss(loss, {"fused": loss})
