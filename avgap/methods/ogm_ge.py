"""On-the-fly gradient modulation with generalisation enhancement (Peng et al., CVPR 2022).

The leading modality's encoder learns more slowly, by k = 1 − tanh(α ρ) with ρ its summed
true-class score over the other's; noise as large as the gradient itself is added to both encoders'
gradients. Where ρ crosses 1, k jumps: ρ itself stands in the tanh. The paper modulates an
encoder's parameters, the published code its convolutions alone; others run either, hence
`variant`. The noise has the deviation of each tensor, as in the code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy

from avgap.errors import UsageError
from avgap.methods import Batch, Loss, Method, StepContext
from avgap.methods.bounds import EpochNumber, NotNegative
from avgap.methods.modulation import Pair, true_class_scores, within
from avgap.models.audiovisual import AudioVisual

_CONVOLUTION = 4  # dimensions of its weight
_NOISE_FLOOR = 1e-8  # the code adds it to every deviation


def coefficients(scores: Pair, alpha: float) -> Pair:
    """k_a, k_v: 1 − tanh(α ρ) of the modality with ρ > 1, else 1 (visual's ρ = 1 counts).

    scores: the summed true-class scores, scalars.
    """
    ratio = scores.audio / scores.visual
    slow = 1 - torch.tanh(alpha * torch.maximum(ratio, 1 / ratio))
    one = torch.ones_like(ratio)
    return Pair(torch.where(ratio > 1, slow, one), torch.where(ratio > 1, one, slow))


def modulated(gradient: Tensor, k: Tensor, generator: Generator | None) -> Tensor:
    """k g + ε with ε ~ N(0, std(g)²), element by element; without generator k g."""
    if generator is None:
        return k * gradient
    noise = torch.randn(gradient.shape, generator=generator, device=gradient.device)
    return k * gradient + noise * (gradient.std() + _NOISE_FLOOR)


def modulate(
    model: AudioVisual, k: Pair, on: Tensor, context: StepContext, *, every: bool, noise: bool
) -> None:
    """Modulate the gradients of both encoders where `on`, of their convolutions.

    every: of all their parameters instead; one of a single element has no deviation and is left.
    """
    for encoder, factor in ((model.audio_encoder, k.audio), (model.visual_encoder, k.visual)):
        for parameter in encoder.parameters():
            gradient = parameter.grad
            if gradient is None or parameter.numel() == 1:
                continue
            if every or parameter.dim() == _CONVOLUTION:
                changed = modulated(gradient, factor, context.generator if noise else None)
                parameter.grad = torch.where(on, changed, gradient)


def check_convolutions(model: AudioVisual) -> None:
    """Raise UsageError for encoders without convolutions, on which nothing would be modulated."""
    encoders = (model.audio_encoder, model.visual_encoder)
    if not all(any(p.dim() == _CONVOLUTION for p in e.parameters()) for e in encoders):
        raise UsageError(
            "variant=code modulates convolutions, and an encoder has none",
            hint="--set variant=paper",
        )


@dataclass(frozen=True)
class OgmGe(Method):
    """L_MM; after backward the encoders' gradients become k g + ε."""

    alpha: NotNegative = 0.8  # the code's README for CREMA-D; other sets were never published
    starts: EpochNumber = 0  # first modulated epoch, from 0; the code
    ends: EpochNumber = 50  # last modulated epoch; the code
    noise: bool = True  # GE; without it the method is OGM
    variant: Literal["code", "paper"] = "code"  # convolutions alone, or all parameters

    def initial(self, model: AudioVisual) -> dict[str, Tensor]:
        """Nothing to keep. Raises UsageError where nothing would be modulated."""
        if self.variant == "code":
            check_convolutions(model)
        return {}

    def step(self, model: AudioVisual, batch: Batch, context: StepContext) -> Loss:
        """L_MM of one batch, and the batch's k."""
        logits = model(batch.audio, batch.frames)
        loss = cross_entropy(logits.fused, batch.label)
        k = coefficients(true_class_scores(logits, batch.label, context), self.alpha)
        return Loss(loss, {"fused": loss, "k_audio": k.audio, "k_visual": k.visual})

    def backward(self, model: AudioVisual, loss: Loss, context: StepContext) -> None:
        """The gradient of L_MM, modulated."""
        loss.total.backward()
        on = within(context, self.starts, self.ends)
        k = Pair(loss.terms["k_audio"], loss.terms["k_visual"])
        modulate(model, k, on, context, every=self.variant == "paper", noise=self.noise)
