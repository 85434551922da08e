"""Adaptive gradient modulation (Li et al., ICCV 2023).

A modality's own part of the output is its Shapley value, f_a = ½ [f(a, v) − f(0, v) + f(a, 0)],
where 0 is the absent input. s_m is its mean −log p of the true class, τ the ratio that the running
means of s would have, and κ_m = exp(α · min(τ_m − r_m, bound)) scales what of the gradient flows
through f_m. f(0, v) and f(a, 0) are computed in evaluation mode with gradient, as in the published
code. Here the fused output is a sum over the modalities, so f(0, v) and f(a, 0) need one more pass
of either encoder, and one sample of silence and blank. The absent input is the mean one, zero
after standardisation; the code's zero spectrogram, not standardised, is a loud sound. Where the
code ends the modulation (`ends`) it keeps the last κ; here κ is 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from avgap.methods import Batch, Loss, Method, StepContext
from avgap.methods.bounds import EpochNumber, NotNegative, Within
from avgap.methods.modulation import Pair, scaled, within
from avgap.models.audiovisual import AudioVisual, Logits
from avgap.models.scores import true_class_prob

_LEAST = 1e-8  # a probability below counts as this; the code


def shapley(both: Logits, audio_alone: Logits, visual_alone: Logits) -> Pair:
    """f_a and f_v, (N, M): ½ [f(a, v) − f(0, v) + f(a, 0)] and its mirror."""
    difference = (audio_alone.fused - visual_alone.fused) / 2
    return Pair(both.fused / 2 + difference, both.fused / 2 - difference)


def kappa(score: Pair, mean: Pair, alpha: float, bound: float) -> Pair:
    """κ_a and κ_v. score: s of the batch, mean: its running mean, scalars.

    r_a = exp(s_v − s_a) and τ_a = exp(s̄_v − s̄_a): above one where the sound leads.
    """
    lead, usual = score.visual - score.audio, mean.visual - mean.audio
    return Pair(
        torch.exp(alpha * (usual.exp() - lead.exp()).clamp(max=bound)),
        torch.exp(alpha * ((-usual).exp() - (-lead).exp()).clamp(max=bound)),
    )


@dataclass(frozen=True)
class Agm(Method):
    """CE(f_a + f_v), its gradient through f_m scaled by κ_m."""

    alpha: NotNegative = 1.5  # the authors' answer on CREMA-D; the command line's default is 1
    starts: EpochNumber = 0  # first modulated epoch, from 0; the code
    ends: EpochNumber = 1500  # last; the authors' number of epochs (their command line: 20)
    bound: NotNegative = 10.0  # of τ − r; the code
    clip: Annotated[float, Within(1e-6)] = (
        1.0  # a gradient of the head beyond it clips all to this norm; the code
    )
    passes: ClassVar[int] = 2

    def initial(self, model: AudioVisual) -> dict[str, Tensor]:
        """The running means s̄_a, s̄_v and the number of steps in them."""
        device = model.head.weight.device
        return {
            "scores": torch.zeros(2, dtype=torch.float64, device=device),
            "steps": torch.zeros((), dtype=torch.float64, device=device),
        }

    def step(self, model: AudioVisual, batch: Batch, context: StepContext) -> Loss:
        """The loss of one batch; the running means take the batch in after κ is known."""
        both = model(batch.audio, batch.frames)
        parts = shapley(both, *self._alone(model, batch))
        score = self._score(parts, batch.label, context)
        mean = context.state["scores"]
        k = kappa(Pair(*score.unbind()), Pair(*mean.unbind()), self.alpha, self.bound)
        context.state["steps"].add_(1)
        mean.add_((score - mean) / context.state["steps"])
        on = within(context, self.starts, self.ends)
        k = Pair(*(torch.where(on, value, 1.0).to(both.audio.dtype) for value in k))
        loss = cross_entropy(
            scaled(parts.audio, k.audio) + scaled(parts.visual, k.visual), batch.label
        )
        return Loss(loss, {"fused": loss, "kappa_audio": k.audio, "kappa_visual": k.visual})

    def backward(self, model: AudioVisual, loss: Loss, context: StepContext) -> None:
        """The gradient, clipped to the norm `clip` where an element of the head's exceeds it."""
        loss.total.backward()
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        norm = torch.stack([g.norm() for g in gradients]).norm()
        head = model.head.weight.grad
        assert head is not None
        large = head.abs().max() > self.clip
        factor = torch.where(large, (self.clip / (norm + 1e-6)).clamp(max=1.0), 1.0)
        for gradient in gradients:
            gradient.mul_(factor)

    def _alone(self, model: AudioVisual, batch: Batch) -> tuple[Logits, Logits]:
        """f(a, 0) and f(0, v) in evaluation mode, with gradient."""
        silence = model.audio_mean.expand_as(batch.audio[:1])
        blank = model.visual_mean.expand_as(batch.frames[:1])
        training = model.training
        model.eval()
        present = model.encode(batch.audio, batch.frames)
        absent = model.encode(silence, blank)
        model.train(training)
        return (
            model.classify(present[0], absent[1].expand_as(present[1])),
            model.classify(absent[0].expand_as(present[0]), present[1]),
        )

    def _score(self, parts: Pair, label: Tensor, context: StepContext) -> Tensor:
        """s_a and s_v: the mean −log p of the true class over the whole batch, (2,)."""
        losses = [-true_class_prob(z.detach(), label).clamp_min(_LEAST).log().sum() for z in parts]
        count = torch.full_like(losses[0], len(label))
        sums: Tensor = context.over_ranks(torch.stack([*losses, count]).double())
        return sums[:2] / sums[2]
