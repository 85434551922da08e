"""Balanced multi-modal learning (Wu et al., ICML 2022, "the greedy nature of learning").

A network with gates between the modalities (MMTM) learns fast along one modality and neglects the
other's bypass. How fast, is the conditional learning speed: the sum over steps of ‖∇θ‖²/‖θ‖² of
the gates' parameters over that of the encoder's and head's; its logarithms differ by d = log BDR_a
− log BDR_v. When |d| > ε, the gates of the modality with the higher one stand still at their
running means for Q steps. The loss is L_a + L_v of two heads.

The published code is for two views of 3-D models and updates the second branch's running mean by
the first's gates, also in evaluation; here each by its own, in training. It evaluates with the
gates that stand still when the epoch ends; here no gate does in evaluation. Its rates (SGD 0.1, no
momentum, batches of 8) are for that data: here the loop's hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from avgap.methods import Batch, Loss, Method, StepContext
from avgap.methods.bounds import Count, EpochNumber, NotNegative
from avgap.models.audiovisual import AudioVisual
from avgap.models.gated import Gated

_TINY = 1e-30


def squares(groups: Sequence[Sequence[nn.Parameter]]) -> tuple[Tensor, Tensor]:
    """‖∇θ‖² and ‖θ‖² of each group of parameters, (G,) float64 twice, all norms at once."""
    held = [[p for p in group if p.grad is not None] for group in groups]
    sizes = [len(group) for group in held]
    every = [p for group in held for p in group]

    def sums(tensors: list[Tensor]) -> Tensor:
        squared = torch.stack(torch._foreach_norm(tensors)).double().square()
        return torch.stack([part.sum() for part in squared.split(sizes)])

    return sums([p.grad for p in every if p.grad is not None]), sums([p.detach() for p in every])


def speed_gap(sums: Tensor) -> Tensor:
    """d = log₁₀(bypass_a / main_a) − log₁₀(bypass_v / main_v) of the sums of speeds.

    sums: (4,), of audio's and visual's bypass, of audio's and visual's main parameters.
    """
    logs = sums.clamp_min(_TINY).log10()
    return (logs[0] - logs[2]) - (logs[1] - logs[3])


@dataclass(frozen=True)
class Greedy(Method):
    """L_a + L_v of the gated network, the faster modality's gates frozen for a while."""

    epsilon: NotNegative = 0.01  # ε of |d|; the code
    window: Count = 5  # Q, steps of standing still; the code
    starts: EpochNumber = 1  # first epoch that may freeze, from 0; the code's second
    network: ClassVar[str] = "gated"
    distributed: ClassVar[bool] = False  # running means of each process's own batches

    def initial(self, model: AudioVisual) -> dict[str, Tensor]:
        """Sums of speeds, steps left to stand still, and which modality does."""
        device = next(model.parameters()).device
        return {
            "sums": torch.zeros(4, dtype=torch.float64, device=device),
            "left": torch.zeros((), device=device),
            "frozen": torch.zeros(2, device=device),
        }

    def step(self, model: AudioVisual, batch: Batch, context: StepContext) -> Loss:
        """L_a + L_v of one batch; how much of it stood still, in the log."""
        assert isinstance(model, Gated)
        # The state changes in the backward pass: what the graph reads is a copy.
        frozen = context.state["frozen"].clone()
        logits = model(batch.audio, batch.frames, frozen)
        audio, visual = (cross_entropy(z, batch.label) for z in (logits.audio, logits.visual))
        terms = {"audio": audio, "visual": visual}
        still = dict(zip(("frozen_audio", "frozen_visual"), frozen, strict=True))
        return Loss(audio + visual, {**terms, **still})

    def backward(self, model: AudioVisual, loss: Loss, context: StepContext) -> None:
        """The gradient; then whether the next steps shall stand still."""
        loss.total.backward()
        assert isinstance(model, Gated)
        sums, left, frozen = (context.state[name] for name in ("sums", "left", "frozen"))
        moving = left == 0
        sums.add_(torch.where(moving, self._speeds(model), 0.0))
        gap = speed_gap(sums)
        begin = moving & (gap.abs() > self.epsilon) & (context.epoch >= self.starts)
        faster = torch.stack([gap > 0, gap < 0]).to(frozen.dtype)
        left.copy_(torch.where(begin, float(self.window), (left - 1).clamp_min(0)))
        frozen.copy_(torch.where(begin, faster, torch.where(left > 0, frozen, 0.0)))

    def _speeds(self, model: Gated) -> Tensor:
        """The step's speeds of bypass and main parameters, (4,). A squeeze counts for both."""
        gates: list[Any] = list(model.gates)
        groups = [
            [gate.audio for gate in gates],
            [gate.visual for gate in gates],
            [gate.squeeze for gate in gates],
            [model.audio_encoder, model.audio_head],
            [model.visual_encoder, model.visual_head],
        ]
        of = squares([[p for module in group for p in module.parameters()] for group in groups])
        gradients, weights = (torch.cat([each[:2] + each[2], each[3:]]) for each in of)
        return gradients / weights
