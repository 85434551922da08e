"""Softmax scores of the true class and their difference, the modality gap. Eq. 4 and 6."""

from __future__ import annotations

from torch import Tensor


def true_class_prob(logits: Tensor, label: Tensor) -> Tensor:
    """The softmax score s_{y_i} of the true class, (N,) in [0, 1]. Eq. 4.

    logits: one modality's, (N, M). label: class index, (N,).
    """
    return logits.log_softmax(dim=1).gather(1, label[:, None])[:, 0].exp()


def modality_gap(audio: Tensor, visual: Tensor, label: Tensor) -> Tensor:
    """Audio's minus visual's score of the true class, (N,) in [−1, 1]; > 0: audio-dominant. Eq. 6.

    audio, visual: unimodal logits, (N, M). label: class index, (N,). Differentiable in both logits.
    """
    return true_class_prob(audio, label) - true_class_prob(visual, label)
