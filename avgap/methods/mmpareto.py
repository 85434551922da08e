"""MMPareto (Wei and Hu, ICML 2024): an innocent direction where two losses disagree.

L_MM and the modality's own L_m both pull at an encoder. Where their gradients point the same way
(cosine above 0) they are added; where not, the point of least norm between them is taken (the
analytic solution for two vectors). The result is brought up to the norm of the plain sum if it is
shorter, and multiplied by γ = 1.5. As in the published code, every tensor of parameters is
rescaled on its own, not the gradient as a whole. Heads of their own for fused, audio and visual,
whose gradients are not touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.autograd import grad

from avgap.methods import Batch, Loss, Method, StepContext
from avgap.methods.bounds import NotNegative
from avgap.methods.joint import cross_entropies
from avgap.models.audiovisual import AudioVisual

_TINY = 1e-12


def dot(one: Sequence[Tensor], other: Sequence[Tensor]) -> Tensor:
    """The inner product of two gradients, given as lists of tensors of like shapes."""
    products: list[Tensor] = [(a * b).sum() for a, b in zip(one, other, strict=True)]
    return torch.stack(products).sum()


def share(fused: Sequence[Tensor], own: Sequence[Tensor]) -> Tensor:
    """The weight of the fused gradient, in [0, 1]; own's is the rest.

    ½ where the cosine is above 0, else the share of least norm:
    (‖own‖² − fused·own) / ‖fused − own‖².
    """
    both, ff, oo = dot(fused, own), dot(fused, fused), dot(own, own)
    least: Tensor = ((oo - both) / (ff + oo - 2 * both).clamp_min(_TINY)).clamp(0, 1)
    return torch.where(both > 0, torch.full_like(least, 0.5), least)


def blended(fused: Tensor, own: Tensor, weight: Tensor, boost: float) -> Tensor:
    """2 (w g_fused + (1 − w) g_own), at least as long as g_fused + g_own, times boost."""
    mixed = 2 * (weight * fused + (1 - weight) * own)
    longer: Tensor = (fused + own).norm() / mixed.norm().clamp_min(_TINY)
    return mixed * (boost * longer.clamp_min(1.0))


@dataclass(frozen=True)
class MMPareto(Method):
    """L_MM + L_a + L_v; each encoder's two gradients are blended."""

    gamma: NotNegative = 1.5  # the code
    network: ClassVar[str] = "separate-heads"
    distributed: ClassVar[bool] = False  # its gradients are not those of one backward pass

    def step(self, model: AudioVisual, batch: Batch, context: StepContext) -> Loss:
        """The three losses of one batch."""
        terms = cross_entropies(model(batch.audio, batch.frames), batch.label)
        return Loss(terms.fused + terms.audio + terms.visual, terms._asdict())

    def backward(self, model: AudioVisual, loss: Loss, context: StepContext) -> None:
        """Blended gradients of the encoders, plain ones of the heads."""
        sides = {n: list(getattr(model, f"{n}_encoder").parameters()) for n in ("audio", "visual")}
        encoding = {id(p) for side in sides.values() for p in side}
        heads = [p for p in model.parameters() if id(p) not in encoding]
        for name, parameters in sides.items():
            if not parameters:  # features that come as they are
                continue
            fused = grad(loss.terms["fused"], parameters, retain_graph=True)
            own = grad(loss.terms[name], parameters, retain_graph=True)
            weight = share(fused, own)
            for parameter, f, o in zip(parameters, fused, own, strict=True):
                parameter.grad = blended(f, o, weight, self.gamma)
        for parameter, gradient in zip(heads, grad(loss.total, heads), strict=True):
            parameter.grad = gradient
