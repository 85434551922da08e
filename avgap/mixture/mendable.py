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
    below zero the weaker modality hurts. error: its standard error, NaN of one sample.
    above_chance: mean of log p_weaker(y) − log 1/M, nats.
    """

    share: float
    helps: float
    error: float
    above_chance: float

    @property
    def effect(self) -> int:
        """-1 where the weaker modality hurts, 1 where it helps, by two standard errors; else 0."""
        return int(self.helps > 2 * self.error) - int(self.helps < -2 * self.error)


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
        return Mendable(0.0, math.nan, math.nan, math.nan)
    audio, visual, fused = (
        log_prob(prob[chosen]) for prob in (audio_prob, visual_prob, fused_prob)
    )
    change = fused - np.maximum(audio, visual)
    n = len(change)
    return Mendable(
        float(chosen.mean()),
        float(change.mean()),
        float(change.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan,
        float(above_chance(np.minimum(audio, visual), n_classes).mean()),
    )


def in_words(found: Mendable) -> str:
    """The same in a line."""
    if not found.share:
        return "no sample is more likely imbalanced than not"
    effect, cure = {
        -1: ("hurts", "it had better abstain"),
        0: ("neither hurts nor helps", "plain training serves it"),
        1: ("helps", "plain training serves it, and it may be able to do more"),
    }[found.effect]
    return (
        f"{100 * found.share:.0f} % of the samples are imbalanced; there the weaker modality "
        f"{effect} the fused output ({found.helps:+.3f} ± {found.error:.3f} nats): {cure}"
    )


def abstaining(
    audio_prob: NDArray[np.floating],
    visual_prob: NDArray[np.floating],
    found: Mendable,
    n_classes: int,
) -> NDArray[np.bool_]:
    """Whose weaker modality had better abstain, (N,); scores of the true class, (N,).

    Decided for all first: none, unless the weaker modality hurts. Then for each: where its score is
    below chance.
    """
    weaker = log_prob(np.minimum(audio_prob, visual_prob))
    return (above_chance(weaker, n_classes) < 0) & (found.effect < 0)


def above_chance(log_score: NDArray[np.float64], n_classes: int) -> NDArray[np.float64]:
    """log p(y) − log 1/M, the shape of log_score, nats; above zero better than guessing."""
    return log_score + math.log(n_classes)


def log_prob(prob: NDArray[np.floating]) -> NDArray[np.float64]:
    """log p, the shape of prob, finite."""
    return np.log(np.maximum(np.asarray(prob, dtype=np.float64), _LEAST))
