"""Whether imbalance can be mended: does the weaker modality know what the stronger does not?

Two kinds of imbalance have opposite cures. Irreducible: the weaker modality tells nothing of these
samples, and what it adds to the fused output hurts. Reducible: it tells something already and could
tell more. On scores of samples that the network has trained on, neither shows.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LEAST = 1e-8  # a probability below counts as this, so that no single sample makes the mean


class Mendable(NamedTuple):
    """Of the samples more likely imbalanced than not, w_{i,1} > ½. NaN where there are none.

    share: of all samples, in [0, 1]. helps: mean of log p_fused(y) − log p_stronger(y), nats;
    below zero the weaker modality hurts. above_chance: mean of log p_weaker(y) − log 1/M, nats.
    """

    share: float
    helps: float
    above_chance: float


def mendable(
    audio_prob: NDArray[np.floating],
    visual_prob: NDArray[np.floating],
    fused_prob: NDArray[np.floating],
    imbalanced: NDArray[np.floating],
    n_classes: int,
) -> Mendable:
    """The two numbers that say whether imbalance can be mended, from held-out scores.

    audio_prob, visual_prob, fused_prob: scores of the true class, (N,) in [0, 1], Eq. 4.
    imbalanced: w_{i,1}, (N,), Eq. 9. n_classes: M.
    """
    chosen = imbalanced > 0.5
    if not chosen.any():
        return Mendable(0.0, math.nan, math.nan)
    audio, visual, fused = (
        log_prob(prob[chosen]) for prob in (audio_prob, visual_prob, fused_prob)
    )
    return Mendable(
        float(chosen.mean()),
        float((fused - np.maximum(audio, visual)).mean()),
        float(above_chance(np.minimum(audio, visual), n_classes).mean()),
    )


def above_chance(log_score: NDArray[np.float64], n_classes: int) -> NDArray[np.float64]:
    """log p(y) − log 1/M, the shape of log_score, nats; above zero better than guessing."""
    return log_score + math.log(n_classes)


def log_prob(prob: NDArray[np.floating]) -> NDArray[np.float64]:
    """log p, the shape of prob, finite."""
    return np.log(np.maximum(np.asarray(prob, dtype=np.float64), _LEAST))
