"""Multimodal learning with alternating unimodal adaptation (Zhang et al., CVPR 2024).

Each batch makes two updates, audio's and then visual's, of that encoder and of one head that both
share. So that an update of the head does not undo the other's, its gradient is multiplied by P,
which recursive least squares keeps (nearly) orthogonal to the features that the head was trained
on before: k = P h̄, P ← P − k kᵀ / (λ + h̄ᵀ k), λ = damping^(1 + t/T) in batch t of T. At test time
the logits are weighted by each modality's certainty about the sample.

`variant=paper`, the default, does what the paper argues for: an update's gradient is multiplied by
the P of the features before it. In the published code (`variant=code`) P takes in the update's own
features first, and so removes the direction along which it should learn. The code has further
slips, mended in either: the product is never applied, because the head's name is not the one that
is looked for; k h̄ᵀ is divided by, a matrix, in place of the number h̄ᵀ k; the certainty at test
time is taken over the batch and not over the classes, so that a prediction depends on its
neighbours; and where gradients are zeroed instead of absent, momentum moves the encoder whose turn
it is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from avgap.methods import Batch, Epoch, Loss, Method, StepContext
from avgap.methods.bounds import Within
from avgap.models.audiovisual import AudioVisual
from avgap.models.heads import in_full


def recursive_least_squares(projection: Tensor, mean: Tensor, damping: Tensor) -> Tensor:
    """P − k kᵀ / (λ + h̄ᵀ k) with k = P h̄. P: (d, d) symmetric, h̄: (d,), λ: scalar.

    The new P maps h̄ to λ / (λ + h̄ᵀ k) of what the old one did: almost to nothing.
    """
    k = projection @ mean
    return projection - torch.outer(k, k) / (damping + mean @ k)


@dataclass(frozen=True)
class Mla(Method):
    """CE(audio), then CE(visual), with one head whose gradient is projected."""

    fusion: Literal["dynamic", "mean"] = "dynamic"  # at test time; the code has both
    normalise: bool = True  # P /= ‖P‖_F after every update, as the code; else P only shrinks
    damping: Annotated[float, Within(1e-6, 1)] = 0.1  # λ at the beginning of an epoch; the code
    variant: Literal["paper", "code"] = "paper"
    updates_per_batch: ClassVar[int] = 2
    graph: ClassVar[bool] = False  # its two updates differ
    partial: ClassVar[bool] = True

    @property
    def network(self) -> str:
        """One head for both modalities, with the fusion asked for."""
        return "shared-head" if self.fusion == "dynamic" else "shared-head-mean"

    def initial(self, model: AudioVisual) -> dict[str, Tensor]:
        """P = 1, the last features' mean, and λ with how much of the epoch is seen."""
        d, device = model.head.in_features, model.head.weight.device
        return {
            "projection": torch.eye(d, device=device),
            "mean": torch.zeros(d, device=device),
            "updates": torch.zeros((), device=device),
            "damping": torch.full((), self.damping, device=device),
            "seen": torch.zeros((), device=device),
            "samples": torch.ones((), device=device),
        }

    def start_epoch(self, model: AudioVisual, epoch: Epoch, context: StepContext) -> None:
        """Begin to count the epoch's samples: t/T of λ."""
        context.state["seen"].zero_()
        context.state["samples"].fill_(len(epoch.train.label))

    def step(self, model: AudioVisual, batch: Batch, context: StepContext) -> Loss:
        """The update's cross-entropy."""
        audio = context.update == 0
        phi = model.encode_audio(batch.audio) if audio else model.encode_visual(batch.frames)
        count = context.over_ranks(torch.full((), len(phi), device=phi.device))
        context.state["mean"].copy_(context.over_ranks(phi.detach().float().sum(dim=0)) / count)
        if audio:  # both updates of a batch have the same λ
            seen = context.state["seen"]
            context.state["damping"].copy_(self.damping ** (1 + seen / context.state["samples"]))
            seen.add_(count)
        loss = cross_entropy(in_full(model.head, phi), batch.label)
        return Loss(loss, {"audio" if audio else "visual": loss})

    def backward(self, model: AudioVisual, loss: Loss, context: StepContext) -> None:
        """The gradient, of the head's weight projected."""
        loss.total.backward()
        weight = model.head.weight
        assert weight.grad is not None
        if self.variant == "code":
            self._take_in(context)
            weight.grad = weight.grad @ context.state["projection"]
        else:
            weight.grad = weight.grad @ context.state["projection"]
            self._take_in(context)

    def _take_in(self, context: StepContext) -> None:
        """Make P orthogonal to the mean of the update's features, too."""
        state = context.state
        fresh = recursive_least_squares(state["projection"], state["mean"], state["damping"])
        if self.normalise:
            fresh = fresh / fresh.norm()
        if self.variant == "code":  # whose very first update leaves P alone
            fresh = torch.where(state["updates"] > 0, fresh, state["projection"])
        state["projection"].copy_(fresh)
        state["updates"].add_(1)
