"""Eq. 7 with another emphasis on the weaker modality of imbalanced samples.

Not the paper's. Each member names weights a, b and d of a sample; the loss of a sample is

    CE(l_s + l_w) + CE(l_s) + (1 − a + b) CE(l_w) + a KL(uniform ‖ p_w) + d KL(p_s ‖ p_w)

with l_s, p_s the logits and softmax of its stronger modality and l_w, p_w of its weaker one. In the
first term the gradient of l_w is multiplied by 1 − a; in the last p_s has none. With a = b = d = 0
it is Eq. 7. w₁ is the posterior of Eq. 9.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from avgap.methods import Batch, Loss, Method, StepContext
from avgap.methods.imbalance import Imbalance, imbalance_now
from avgap.methods.modulation import scaled
from avgap.mixture.model import Mixture
from avgap.models.audiovisual import AudioVisual, Logits


class Emphasis(NamedTuple):
    """The weights a, b and d of N samples, each (N,)."""

    abstain: Tensor
    push: Tensor
    distill: Tensor


def abstain(w: Imbalance) -> Emphasis:
    """a = w₁: the weaker modality is to be undecided, taught neither alone nor by the fusion.

    So it does not learn by heart what it cannot tell.
    """
    nothing = torch.zeros_like(w.posterior)
    return Emphasis(w.posterior, nothing, nothing)


def push(w: Imbalance) -> Emphasis:
    """b = w₁: the weaker modality is taught up to twice as much."""
    nothing = torch.zeros_like(w.posterior)
    return Emphasis(nothing, w.posterior, nothing)


def spare(w: Imbalance) -> Emphasis:
    """b = −w₁: the weaker modality is taught less by itself, through the fused loss as ever."""
    nothing = torch.zeros_like(w.posterior)
    return Emphasis(nothing, -w.posterior, nothing)


def distill(w: Imbalance) -> Emphasis:
    """d = w₁: the weaker modality learns the stronger's distribution over the classes."""
    nothing = torch.zeros_like(w.posterior)
    return Emphasis(nothing, nothing, w.posterior)


def mend(w: Imbalance) -> Emphasis:
    """As `abstain` where held-out scores say that this serves the sample; Eq. 7 elsewhere."""
    if w.abstains is None:
        raise ValueError("mend needs to know whose weaker modality had better abstain")
    return abstain(w._replace(posterior=torch.where(w.abstains, w.posterior, 0)))


MEMBERS: dict[str, Callable[[Imbalance], Emphasis]] = {
    "abstain": abstain,
    "push": push,
    "spare": spare,
    "distill": distill,
    "mend": mend,
}
# Those that keep the fused loss from the weaker modality: only where logits are fused by their sum.
ABSTAINING = ("abstain", "mend")


def emphasised(logits: Logits, label: Tensor, audio_weaker: Tensor, weights: Emphasis) -> Loss:
    """The loss above as a batch mean, on logits (B, M); label, audio_weaker: (B,)."""
    sides = audio_weaker[:, None]
    share = 1 - weights.abstain[:, None]
    held = Logits(
        scaled(logits.audio, torch.where(sides, share, 1)),
        scaled(logits.visual, torch.where(sides, 1, share)),
        logits.joint,
    )
    stronger = torch.where(sides, logits.visual, logits.audio)
    weaker = torch.where(sides, logits.audio, logits.visual)
    taught = (1 - weights.abstain + weights.push) * cross_entropy(weaker, label, reduction="none")
    log_weaker = weaker.log_softmax(dim=1)
    undecided = -log_weaker.mean(dim=1) - math.log(weaker.shape[1])
    log_stronger = stronger.detach().log_softmax(dim=1)
    apart = (log_stronger.exp() * (log_stronger - log_weaker)).sum(dim=1)
    terms = {
        "fused": cross_entropy(held.fused, label),
        "stronger": cross_entropy(stronger, label),
        "weaker": taught.mean(),
        "undecided": (weights.abstain * undecided).mean(),
        "distilled": (weights.distill * apart).mean(),
    }
    return Loss(torch.stack(list(terms.values())).sum(), terms)


@dataclass(frozen=True)
class Member(Method):
    """One of MEMBERS, with one mixture.

    weights: posterior, or balanced (w₁ = 0 for all). known: the imbalance of the whole training
    split, on the device; None: that of each batch, by its own scores.
    """

    name: str
    mixture: Mixture
    weights: str = "posterior"
    known: Imbalance | None = None

    def loss(self, logits: Logits, label: Tensor, w: Imbalance) -> Loss:
        """The member's loss on logits (B, M); label and all of w: (B,)."""
        weaker = w.audio_weaker
        if weaker is None:
            raise ValueError("a member needs to know the weaker modality")
        if self.weights == "balanced":
            w = w._replace(posterior=torch.zeros_like(w.posterior))
        loss = emphasised(logits, label, weaker, MEMBERS[self.name](w))
        return loss._replace(terms={**loss.terms, "imbalanced": w.posterior.mean()})

    def step(self, model: AudioVisual, batch: Batch, context: StepContext) -> Loss:
        """The member's loss on one batch."""
        logits = model(batch.audio, batch.frames)
        if self.known is None:
            w = imbalance_now(logits, batch.label, self.mixture)
        else:
            w = self.known.of(batch.rows)
        return self.loss(logits, batch.label, w)
