"""What losses weight by: the batch's own scores, or those measured before."""

from __future__ import annotations

import math

import pytest
import torch

from avgap.methods.imbalance import Imbalance, imbalance_now
from avgap.mixture.model import Component, Mixture
from avgap.models.audiovisual import Logits

MIXTURE = Mixture(Component(0.8, 0.05, 0.04), Component(0.2, 0.6, 0.09))
LN3 = math.log(3)


def test_now_it_is_the_posterior_of_these_gaps_and_the_lower_of_these_scores() -> None:
    # Scores of class 0: audio 3/4, 1/2, 1/2; visual 1/2, 3/4, 1/2.
    audio = torch.tensor([[LN3, 0.0], [0.0, 0.0], [0.0, 0.0]], requires_grad=True)
    visual = torch.tensor([[0.0, 0.0], [LN3, 0.0], [0.0, 0.0]])
    now = imbalance_now(Logits(audio, visual), torch.zeros(3, dtype=torch.int64), MIXTURE)
    expected = MIXTURE.posterior([0.25, -0.25, 0.0])
    assert now.posterior.tolist() == pytest.approx(expected.tolist(), rel=1e-5)
    assert now.audio_weaker is not None
    assert now.audio_weaker.tolist() == [False, True, False]
    assert not now.posterior.requires_grad
    assert now.abstains is None


def test_rows_choose_samples_in_their_order() -> None:
    known = Imbalance(torch.tensor([0.1, 0.2, 0.3]), torch.tensor([True, False, False]))
    some = known.of(torch.tensor([2, 0]))
    assert some.posterior.tolist() == pytest.approx([0.3, 0.1])
    assert some.audio_weaker is not None
    assert some.audio_weaker.tolist() == [False, True]
    assert some.abstains is None
