"""On-the-fly prediction modulation (Wei et al., TPAMI 2024): the leading modality is dropped.

After a warm-up, with probability p, each sample loses the leading modality's features with
probability q = q_base (1 + λ tanh(ρ − 1)), ρ its summed true-class score over the other's; what is
left is divided by 1 − θ, θ the mean of q over all features. The other modality is never dropped,
so no sample is left without any. The published code does not run (a syntax error in its model); it
is followed where it can be read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from avgap.methods import Batch, Loss, Method, StepContext
from avgap.methods.bounds import EpochNumber, NotNegative, Share
from avgap.methods.modulation import Pair, true_class_scores
from avgap.models.audiovisual import AudioVisual


def drop_rates(scores: Pair, base: float, strength: float) -> Pair:
    """q_a and q_v, scalars in [0, 1]: of the modality with ρ > 1, and 0 of the other.

    scores: summed true-class scores.
    """
    ratio = scores.audio / scores.visual
    rates = []
    for lead in (ratio - 1, 1 / ratio - 1):
        rate = (base * (1 + strength * torch.tanh(lead))).clamp(0, 1)
        rates.append(torch.where(lead > 0, rate, 0.0))
    return Pair(*rates)


def dropped(phi: Pair, rates: Pair, draw: Tensor) -> Pair:
    """The features, of each sample kept where its draw is not below q, over 1 − θ.

    phi: (N, d_a) and (N, d_v). draw: uniform in [0, 1), (N, 2): audio's and visual's.
    """
    sizes = [p.shape[1] for p in phi]
    theta = (sizes[0] * rates.audio + sizes[1] * rates.visual) / sum(sizes)
    kept = [
        (draw[:, i : i + 1] >= rate).to(p.dtype)
        for i, (p, rate) in enumerate(zip(phi, rates, strict=True))
    ]
    return Pair(*(p * keep / (1 - theta) for p, keep in zip(phi, kept, strict=True)))


def in_force(rates: Pair, context: StepContext, chance: float, warmup: int) -> Pair:
    """The rates after the warm-up and with this probability, else zeros: then nothing changes."""
    draw = torch.rand((), generator=context.generator, device=rates.audio.device)
    on = (draw < chance) & (context.epoch >= warmup)
    return Pair(*(torch.where(on, rate, 0.0) for rate in rates))


def draws(phi: Pair, context: StepContext) -> Tensor:
    """Uniform numbers (N, 2), one of each sample's modality."""
    n, device = len(phi.audio), phi.audio.device
    return torch.rand(n, 2, generator=context.generator, device=device)


@dataclass(frozen=True)
class Opm(Method):
    """L_MM with the leading modality's features dropped at random."""

    q_base: Share = 0.5  # the code's command line; its configuration has 0.4
    strength: NotNegative = 0.5  # λ; the code
    p: Share = 0.7  # probability that a batch drops at all; the code
    warmup: EpochNumber = 6  # epochs without; the code
    distributed: ClassVar[bool] = False  # each process would draw the same drops

    def step(self, model: AudioVisual, batch: Batch, context: StepContext) -> Loss:
        """L_MM of one batch."""
        return self.with_drops(model, batch, context)[0]

    def with_drops(
        self, model: AudioVisual, batch: Batch, context: StepContext
    ) -> tuple[Loss, Pair]:
        """L_MM of one batch with the batch's q, and the scores that q follows."""
        phi = Pair(*model.encode(batch.audio, batch.frames))
        scores = true_class_scores(model.classify(*phi), batch.label, context)
        rates = in_force(
            drop_rates(scores, self.q_base, self.strength), context, self.p, self.warmup
        )
        fused = model.classify(*dropped(phi, rates, draws(phi, context))).fused
        loss = cross_entropy(fused, batch.label)
        terms = {"fused": loss, "q_audio": rates.audio, "q_visual": rates.visual}
        return Loss(loss, terms), scores
