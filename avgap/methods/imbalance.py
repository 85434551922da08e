"""How imbalanced a sample is and which of its modalities is the weaker: what losses weight by.

From the batch's own scores, as the paper, or from gaps measured before, fixed for a whole run:
held out, they say of a sample that the network knows by heart what it said before it did.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from avgap.mixture.model import Mixture
from avgap.models.audiovisual import Logits
from avgap.models.scores import true_class_prob


class Imbalance(NamedTuple):
    """What losses take as constants of N samples, each (N,), without gradient.

    posterior: w_{i,1} of Eq. 9. audio_weaker: whether the audio has the lower score of the true
    class; the visual counts as weaker where both are equal. abstains: whether the weaker modality
    had better abstain (`mixture.mendable.abstaining`).
    """

    posterior: Tensor
    audio_weaker: Tensor | None = None  # None: by the batch's own scores
    abstains: Tensor | None = None  # None: unknown, since nothing was measured before

    def of(self, rows: Tensor) -> Imbalance:
        """The same of some samples by their rows, (B,) int64."""
        weaker, abstains = self.audio_weaker, self.abstains
        return Imbalance(
            self.posterior[rows],
            None if weaker is None else weaker[rows],
            None if abstains is None else abstains[rows],
        )


def imbalance_now(logits: Logits, label: Tensor, mixture: Mixture) -> Imbalance:
    """By the scores of these logits (B, M), as Algorithm 1 weights samples. label: (B,)."""
    audio, visual = (true_class_prob(z.detach(), label) for z in (logits.audio, logits.visual))
    return Imbalance(torch.sigmoid(mixture.log_odds(audio - visual)), audio < visual)
