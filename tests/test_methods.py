"""Eq. 5, 7, 9 and 10 on numbers computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from avgap.methods import Batch, Now
from avgap.methods.adaptive import Adaptive, annealing, posterior_weights
from avgap.methods.concat import Concat
from avgap.methods.joint import Joint, cross_entropies
from avgap.mixture import Component, Mixture
from avgap.models.audiovisual import Logits

LN3 = math.log(3)
# Two samples, two classes. Scores of the true class 0: audio 3/4 and 1/2, visual 1/2 and 1/4.
LOGITS = Logits(
    torch.tensor([[LN3, 0.0], [0.0, 0.0]], dtype=torch.float64),
    torch.tensor([[0.0, 0.0], [0.0, LN3]], dtype=torch.float64),
)
LABEL = torch.tensor([0, 0])
GAP = (0.25, 0.25)
FUSED = (3 / 4, 1 / 4)  # softmax of (ln 3, 0) and of (0, ln 3)
MIXTURE = Mixture(Component(0.8, 0.05, 0.04), Component(0.2, 0.6, 0.09))


class Fixed:
    """A model whose logits are given."""

    def __call__(self, audio: torch.Tensor, frames: torch.Tensor) -> Logits:
        return LOGITS


BATCH = Batch(torch.zeros(2, 1, 1), torch.zeros(2, 1, 3, 1, 1), LABEL)
NOW = Now(torch.tensor(0.0), {}, torch.Generator())


def by_hand(gap: float) -> float:
    """w_{i,1} of Eq. 9, written out."""
    dense = [
        c.weight
        * math.exp(-((gap - c.mean) ** 2) / (2 * c.variance))
        / math.sqrt(2 * math.pi * c.variance)
        for c in (MIXTURE.balanced, MIXTURE.imbalanced)
    ]
    return dense[1] / sum(dense)


def adaptive(**changes: object) -> Adaptive:
    settings = {"alpha": 2.0, "beta": 3.0, "gamma": 5.0, "anneal": 0.96, "weights": "posterior"}
    return Adaptive(MIXTURE, **{**settings, **changes})  # type: ignore[arg-type]


def test_the_three_cross_entropies_are_means_over_samples() -> None:
    losses = cross_entropies(LOGITS, LABEL)
    assert losses.fused.item() == pytest.approx(-(math.log(3 / 4) + math.log(1 / 4)) / 2)
    assert losses.audio.item() == pytest.approx(-(math.log(3 / 4) + math.log(1 / 2)) / 2)
    assert losses.visual.item() == pytest.approx(-(math.log(1 / 2) + math.log(1 / 4)) / 2)


def test_the_warm_up_loss_is_their_sum() -> None:
    loss = Joint().step(Fixed(), BATCH, NOW)  # type: ignore[arg-type]
    assert loss.total.item() == pytest.approx(sum(v.item() for v in loss.terms.values()))
    assert set(loss.terms) == {"fused", "audio", "visual"}


def test_the_concatenation_baseline_is_the_fused_cross_entropy_alone() -> None:
    loss = Concat().step(Fixed(), BATCH, NOW)  # type: ignore[arg-type]
    assert loss.total.item() == pytest.approx(-(math.log(3 / 4) + math.log(1 / 4)) / 2)


def test_lambda_falls_by_the_factor_every_epoch() -> None:
    assert [annealing(0.96, epoch) for epoch in (0, 1, 2)] == pytest.approx([1, 0.96, 0.9216])


def test_the_adaptive_loss_is_equation_10() -> None:
    epoch, w1 = 3, [by_hand(g) for g in GAP]
    classification = np.mean([(1 - w) * -math.log(p) for w, p in zip(w1, FUSED, strict=True)])
    gap = np.mean([g**2 for g in GAP])
    shift = np.mean([w * (g - 0.05) ** 2 for w, g in zip(w1, GAP, strict=True)])
    expected = 2 * classification + 0.96**3 * (3 * gap + 5 * shift)
    assert adaptive().loss(LOGITS, LABEL, epoch).total.item() == pytest.approx(expected, rel=1e-12)


def test_a_coefficient_of_zero_removes_its_term_and_no_other() -> None:
    full = adaptive().loss(LOGITS, LABEL, 0)
    terms = {name: value.item() for name, value in full.terms.items()}
    for name, term, factor in (
        ("alpha", "classification", 2),
        ("beta", "gap", 3),
        ("gamma", "shift", 5),
    ):
        without = adaptive(**{name: 0.0}).loss(LOGITS, LABEL, 0).total.item()
        assert without == pytest.approx(full.total.item() - factor * terms[term])


def test_uniform_weights_are_one_for_every_sample() -> None:
    loss = adaptive(weights="uniform").loss(LOGITS, LABEL, 0)
    assert loss.terms["imbalanced"].item() == 1
    assert loss.terms["classification"].item() == pytest.approx(
        -(math.log(3 / 4) + math.log(1 / 4)) / 2
    )
    assert loss.terms["shift"].item() == pytest.approx((0.25 - 0.05) ** 2)


def test_gradients_flow_through_the_gap_and_not_through_the_weights() -> None:
    audio = LOGITS.audio.clone().requires_grad_()
    adaptive(alpha=0.0, beta=0.0, gamma=1.0).loss(
        Logits(audio, LOGITS.visual), LABEL, 0
    ).total.backward()
    # d/ds of w (g − μ₀)² with w constant is 2 w (g − μ₀); ds/dz of the true logit is s (1 − s).
    expected = [
        w * 2 * 0.2 / 2 * s * (1 - s)
        for w, s in zip(map(by_hand, GAP), (3 / 4, 1 / 2), strict=True)
    ]
    assert audio.grad is not None
    assert audio.grad[:, 0].tolist() == pytest.approx(expected)


def test_the_posterior_in_torch_equals_the_posterior_in_numpy() -> None:
    gap = np.linspace(-1, 1, 201)
    weights = posterior_weights(torch.from_numpy(gap), MIXTURE)
    np.testing.assert_allclose(
        weights.imbalanced.numpy(), MIXTURE.posterior(gap), rtol=1e-12, atol=1e-15
    )
    np.testing.assert_allclose((weights.balanced + weights.imbalanced).numpy(), 1, rtol=1e-12)
