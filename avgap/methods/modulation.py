"""What the methods that modulate one modality share: who leads, in which epochs, how much."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from avgap.methods import StepContext
from avgap.models.audiovisual import Logits
from avgap.models.scores import true_class_prob


class Pair(NamedTuple):
    """One number (or tensor) of each modality."""

    audio: Tensor
    visual: Tensor


def scaled(tensor: Tensor, factor: Tensor) -> Tensor:
    """The tensor, whose gradient is multiplied by the factor."""
    part = tensor * factor
    return tensor.detach() + (part - part.detach())  # to the last bit, however large the factor


def true_class_scores(logits: Logits, label: Tensor, context: StepContext) -> Pair:
    """s_m = Σ_i softmax(z_m)_{y_i} over the batch (of all processes), scalars without gradient."""
    scores = [true_class_prob(z.detach(), label).sum() for z in (logits.audio, logits.visual)]
    return Pair(*context.over_ranks(torch.stack(scores)).unbind())


def within(context: StepContext, first: int, last: int) -> Tensor:
    """Whether the epoch lies in first…last, 0-based and both included: a boolean scalar."""
    return (context.epoch >= first) & (context.epoch <= last)
