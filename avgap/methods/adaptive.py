"""The adaptive loss: classification where balanced, gap penalties where not. Eq. 9 and 10.

The paper's loss is one member of a family; docs/method.md says what the others are for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from avgap.methods import Batch, Loss, Method, StepContext
from avgap.methods.imbalance import Imbalance
from avgap.methods.joint import cross_entropies
from avgap.mixture.model import Mixture
from avgap.models.audiovisual import AudioVisual, Logits
from avgap.models.scores import true_class_prob

WEIGHTS = ("posterior", "uniform", "balanced")
PULLS = ("both", "weaker")


class Weights(NamedTuple):
    """The posteriors w_{i,0} and w_{i,1} of N samples, each (N,). Eq. 9."""

    balanced: Tensor
    imbalanced: Tensor


def posterior_weights(gap: Tensor, mixture: Mixture) -> Weights:
    """w_{i,0} and w_{i,1} of the gaps (N,), without gradient (docs/method.md says why). Eq. 9."""
    log_odds = mixture.log_odds(gap.detach())
    return Weights(torch.sigmoid(-log_odds), torch.sigmoid(log_odds))


def uniform_weights(gap: Tensor) -> Weights:
    """w = 1 for both, the ablation "w/o w" of the paper's Table 2."""
    ones = torch.ones_like(gap)
    return Weights(ones, ones)


def balanced_weights(gap: Tensor) -> Weights:
    """w_{i,0} = 1 and w_{i,1} = 0 for all: what a round without two groups amounts to."""
    return Weights(torch.ones_like(gap), torch.zeros_like(gap))


def gap_at_weaker(audio: Tensor, visual: Tensor, audio_weaker: Tensor | None = None) -> Tensor:
    """s^a − s^v, (N,), whose gradient stops at the larger of the two scores, each (N,). Eq. 6.

    A penalty on it can only move the weaker modality; where both are equal, either. audio_weaker:
    which it is, (N,), where not by these scores.
    """
    stopped = (audio > visual, visual > audio)
    if audio_weaker is not None:
        stopped = (~audio_weaker, audio_weaker)
    return torch.where(stopped[0], audio.detach(), audio) - torch.where(
        stopped[1], visual.detach(), visual
    )


def annealing(anneal: float, epoch: Tensor | int) -> Tensor:
    """λ_t = anneal ** epoch, a scalar; epoch 0-based, over the whole adaptive phase. Eq. 10."""
    return torch.pow(anneal, torch.as_tensor(epoch, dtype=torch.float64))


@dataclass(frozen=True)
class Adaptive(Method):
    """Eq. 10 with one mixture: (1/B) Σ α w_{i,0} CE_i + λ (β g_i² + γ w_{i,1} (g_i − μ₀)²).

    weights: one of WEIGHTS. pull: one of PULLS, whom g_i's gradient reaches. keep_unimodal: add
    L_a + L_v of Eq. 5, unweighted. known: the imbalance of the whole training split, on the
    device; None: that of each batch, by its own scores, as in Algorithm 1.
    """

    mixture: Mixture
    alpha: float
    beta: float
    gamma: float
    anneal: float
    weights: str
    pull: str = "both"
    keep_unimodal: bool = False
    known: Imbalance | None = None

    def loss(
        self, logits: Logits, label: Tensor, epoch: Tensor | int, known: Imbalance | None = None
    ) -> Loss:
        """Eq. 10 on logits (B, M), labels (B,); w and μ₀ are constants, g_i has gradients.

        known: the imbalance of these samples, (B,), where it is not by these logits.
        """
        audio, visual = (true_class_prob(z, label) for z in (logits.audio, logits.visual))
        weaker = None if known is None else known.audio_weaker
        gap = gap_at_weaker(audio, visual, weaker) if self.pull == "weaker" else audio - visual
        w = self._weights(gap, known)
        classification = w.balanced * cross_entropy(logits.fused, label, reduction="none")
        pull = w.imbalanced * (gap - self.mixture.balanced.mean) ** 2
        terms = {
            "classification": classification.mean(),
            "gap": (gap**2).mean(),
            "shift": pull.mean(),
            "imbalanced": w.imbalanced.mean(),
        }
        penalty = self.beta * terms["gap"] + self.gamma * terms["shift"]
        total = self.alpha * terms["classification"] + annealing(self.anneal, epoch) * penalty
        if self.keep_unimodal:
            unimodal = cross_entropies(logits, label)
            terms |= {"audio": unimodal.audio, "visual": unimodal.visual}
            total = total + unimodal.audio + unimodal.visual
        return Loss(total, terms)

    def _weights(self, gap: Tensor, known: Imbalance | None) -> Weights:
        if self.weights == "uniform":
            return uniform_weights(gap)
        if self.weights == "balanced":
            return balanced_weights(gap)
        if known is None:
            return posterior_weights(gap, self.mixture)
        return Weights(1 - known.posterior, known.posterior)

    def step(self, model: AudioVisual, batch: Batch, context: StepContext) -> Loss:
        """Eq. 10 on one batch."""
        known = None if self.known is None else self.known.of(batch.rows)
        return self.loss(model(batch.audio, batch.frames), batch.label, context.epoch, known)
