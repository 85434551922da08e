"""The warm-up loss: fused, audio and visual cross-entropy with equal weight. Eq. 5 and 7."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor
from torch.nn.functional import cross_entropy

from avgap.methods import Batch, Loss, Method, StepContext
from avgap.models.audiovisual import AudioVisual, Logits


class CrossEntropies(NamedTuple):
    """L_MM, L_a and L_v, batch means. Eq. 5."""

    fused: Tensor
    audio: Tensor
    visual: Tensor


def cross_entropies(logits: Logits, label: Tensor) -> CrossEntropies:
    """The three cross-entropies of Eq. 5, scalars. label: class index, (N,)."""
    return CrossEntropies(
        cross_entropy(logits.fused, label),
        cross_entropy(logits.audio, label),
        cross_entropy(logits.visual, label),
    )


@dataclass(frozen=True)
class Joint(Method):
    """L_warmup = L_MM + L_a + L_v. Eq. 7."""

    def step(self, model: AudioVisual, batch: Batch, context: StepContext) -> Loss:
        """Eq. 7 on one batch."""
        terms = cross_entropies(model(batch.audio, batch.frames), batch.label)
        return Loss(terms.fused + terms.audio + terms.visual, terms._asdict())
