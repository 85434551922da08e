"""Prototypical modal rebalance (Fan et al., CVPR 2023).

A class's prototype is the mean of its features. The slower modality, by the summed true-class
probability of q = softmax(−‖φ − c‖), gets a prototype cross-entropy beside L_MM. Both in use: the
authors' code switches it on and off (`variant=code`); BalanceBenchmark grades it by clip(ρ − 1, 0,
1), as the paper asks for (`variant=paper`). The paper's entropy of the faster modality's
prototypes (PER) is in no published code of the authors and not built. The code takes prototypes
from the first tenth of the shuffled training batches (of AVE: from validation, which is not done
here), where a class may be missing; here from a tenth of each class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy

from avgap.methods import Batch, Epoch, Loss, Method, StepContext
from avgap.methods.bounds import EpochNumber, NotNegative, Share
from avgap.methods.features import features
from avgap.methods.modulation import Pair, within
from avgap.models.audiovisual import AudioVisual


def class_means(phi: Tensor, label: Tensor, classes: int) -> Tensor:
    """The prototypes (M, d): the mean of each class's features. phi: (N, d).

    A class without samples has a row of zeros.
    """
    sums = phi.new_zeros(classes, phi.shape[1]).index_add_(0, label, phi)
    count = torch.bincount(label, minlength=classes)
    return sums / count.clamp_min(1)[:, None]


def similarities(phi: Tensor, prototypes: Tensor) -> Tensor:
    """−‖φ_i − c_k‖, (N, M): the logits of q. phi: (N, d), prototypes: (M, d)."""
    # Not torch.cdist: its gradient at a distance of zero is zero, but its squares lose digits.
    squares = (phi[:, None] - prototypes).square().sum(dim=2)
    return -squares.clamp_min(torch.finfo(phi.dtype).tiny).sqrt()


def share_of_each_class(label: Tensor, share: float, generator: Generator) -> Tensor:
    """Rows of a random share of each class's samples, at least one; label: (N,)."""
    order = torch.randperm(len(label), generator=generator, device=label.device)
    shuffled = label[order]
    kept = []
    for name in torch.unique(label):
        rows = order[shuffled == name]
        kept.append(rows[: max(1, round(share * len(rows)))])
    return torch.cat(kept)


def strengths(ratio: Tensor, variant: str) -> Pair:
    """β (audio's) and γ (visual's coefficient) of ρ = Σ q_a / Σ q_v, scalars."""
    audio, visual = 1 / ratio - 1, ratio - 1
    if variant == "paper":
        return Pair(audio.clamp(0, 1), visual.clamp(0, 1))
    return Pair((audio > 0).to(ratio.dtype), (visual > 0).to(ratio.dtype))


@dataclass(frozen=True)
class Pmr(Method):
    """L_MM + α (β L^a_PCE + γ L^v_PCE), β and γ by who is slower."""

    alpha: NotNegative = 2.0  # the code's script for CREMA-D and AVE, concatenation
    momentum: Share = 0.0  # μ, the old prototypes' share; the same script
    share: Share = 0.1  # of each class, for the prototypes; the code
    starts: EpochNumber = 0  # first epoch with prototypes, from 0; the code
    ends: EpochNumber = 70  # last; the same script
    variant: Literal["code", "paper"] = "code"

    def initial(self, model: AudioVisual) -> dict[str, Tensor]:
        """Prototypes of both modalities, (M, d) each; made before the first epoch."""
        classes, width = model.head.weight.shape
        d, device = model.audio_features, model.head.weight.device
        return {
            "audio_prototypes": torch.zeros(classes, d, device=device),
            "visual_prototypes": torch.zeros(classes, width - d, device=device),
        }

    def start_epoch(self, model: AudioVisual, epoch: Epoch, context: StepContext) -> None:
        """New prototypes, c = (1 − μ) new + μ old; in the first epoch new alone."""
        rows = share_of_each_class(epoch.train.label, self.share, context.generator)
        seen = features(model, epoch.train, rows)
        old = self.momentum if epoch.number > 0 else 0.0
        for name, phi in (("audio", seen.audio), ("visual", seen.visual)):
            held = context.state[f"{name}_prototypes"]
            fresh = class_means(phi, seen.label, len(held))
            held.copy_((1 - old) * fresh + old * held)

    def step(self, model: AudioVisual, batch: Batch, context: StepContext) -> Loss:
        """The loss of one batch."""
        phi = model.encode(batch.audio, batch.frames)
        fused = cross_entropy(model.classify(*phi).fused, batch.label)
        near = [
            similarities(p.float(), context.state[f"{name}_prototypes"])
            for name, p in zip(("audio", "visual"), phi, strict=True)
        ]
        right = [q.detach().softmax(dim=1).gather(1, batch.label[:, None]).sum() for q in near]
        sums = context.over_ranks(torch.stack(right))
        by = strengths(sums[0] / sums[1], self.variant)
        on = within(context, self.starts, self.ends)
        audio, visual = (cross_entropy(q, batch.label) for q in near)
        pull = torch.where(on, self.alpha * (by.audio * audio + by.visual * visual), 0.0)
        terms = {"fused": fused, "audio_prototype": audio, "visual_prototype": visual}
        return Loss(fused + pull, terms)
