"""Late fusion, or an ensemble: each modality trained by itself, their logits summed.

A control, which most published methods do not beat on splits without leaks (MCR, NeurIPS 2025). No
weight is shared but the head's bias, so that these are two networks in one loop, and the epoch is
chosen for both together.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch.nn.functional import cross_entropy

from avgap.methods import Batch, Loss, Method, StepContext
from avgap.models.audiovisual import AudioVisual


@dataclass(frozen=True)
class Late(Method):
    """L_a + L_v: Eq. 5 without its first line."""

    def step(self, model: AudioVisual, batch: Batch, context: StepContext) -> Loss:
        """The unimodal cross-entropies of one batch."""
        logits = model(batch.audio, batch.frames)
        audio = cross_entropy(logits.audio, batch.label)
        visual = cross_entropy(logits.visual, batch.label)
        return Loss(audio + visual, {"audio": audio, "visual": visual})
