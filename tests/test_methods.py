"""Eq. 5, 7, 9 and 10 on numbers computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from avgap.methods import Batch, StepContext
from avgap.methods.adaptive import Adaptive, annealing, posterior_weights
from avgap.methods.concat import Concat
from avgap.methods.imbalance import Imbalance
from avgap.methods.joint import Joint, cross_entropies
from avgap.mixture.model import Component, Mixture
from avgap.models.audiovisual import Logits
from avgap.models.scores import modality_gap

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


BATCH = Batch(torch.zeros(2, 1, 1), torch.zeros(2, 1, 3, 1, 1), LABEL, torch.arange(2))
NOW = StepContext(torch.tensor(0.0), {}, torch.Generator())


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


# ---------------------------------------------------------------- the family of the loss

# Audio leads in the first sample (3/4 against 1/2), visual in the second (1/2 against 3/4).
SIDES = Logits(
    torch.tensor([[LN3, 0.0], [0.0, 0.0]], dtype=torch.float64),
    torch.tensor([[0.0, 0.0], [LN3, 0.0]], dtype=torch.float64),
)


def gradients(method: Adaptive, logits: Logits) -> tuple[list[float], list[float]]:
    """What the true class's logits of audio and of visual receive, (2,) each."""
    leaves = [z.clone().requires_grad_() for z in (logits.audio, logits.visual)]
    method.loss(Logits(*leaves), LABEL, 0).total.backward()
    audio, visual = (leaf.grad for leaf in leaves)
    assert audio is not None
    assert visual is not None
    return audio[:, 0].tolist(), visual[:, 0].tolist()


def test_the_default_is_bit_for_bit_equation_10_written_out() -> None:
    audio, visual = torch.randn(2, 64, 5, generator=torch.Generator().manual_seed(0))
    label = torch.arange(64) % 5
    gap = modality_gap(audio, visual, label)
    w1 = torch.sigmoid(MIXTURE.log_odds(gap))
    w0 = torch.sigmoid(-MIXTURE.log_odds(gap))
    fused = torch.nn.functional.cross_entropy(audio + visual, label, reduction="none")
    penalty = 3.0 * (gap**2).mean() + 5.0 * (w1 * (gap - 0.05) ** 2).mean()
    expected = 2.0 * (w0 * fused).mean() + annealing(0.96, 3) * penalty
    assert torch.equal(adaptive().loss(Logits(audio, visual), label, 3).total, expected)


def test_the_gap_pulls_both_modalities_or_the_weaker_alone() -> None:
    # d/ds of (1/2) Σ g² is g for s^a and −g for s^v, with g = ±1/4; ds/dz = s (1 − s).
    strong, weak = 1 / 4 * 3 / 16, 1 / 4 * 1 / 4
    only_gap = {"alpha": 0.0, "beta": 1.0, "gamma": 0.0}
    audio, visual = gradients(adaptive(**only_gap), SIDES)
    assert audio == pytest.approx([strong, -weak])
    assert visual == pytest.approx([-weak, strong])
    audio, visual = gradients(adaptive(**only_gap, pull="weaker"), SIDES)
    assert audio == pytest.approx([0, -weak])
    assert visual == pytest.approx([-weak, 0])


def test_whom_the_gap_pulls_changes_no_value() -> None:
    for logits in (LOGITS, SIDES):
        both, weaker = (adaptive(pull=pull).loss(logits, LABEL, 2) for pull in ("both", "weaker"))
        assert weaker.total.item() == both.total.item()


def test_equal_scores_are_both_pulled_towards_the_balanced_mean() -> None:
    equal = Logits(LOGITS.audio, LOGITS.audio)
    method = adaptive(alpha=0.0, beta=0.0, gamma=1.0, weights="uniform", pull="weaker")
    # d/ds of (1/2) Σ (0 − 0.05)² is −0.05 for s^a; ds/dz is 3/16 and 1/4.
    audio, visual = gradients(method, equal)
    assert audio == pytest.approx([-0.05 * 3 / 16, -0.05 / 4])
    assert visual == pytest.approx([0.05 * 3 / 16, 0.05 / 4])


def test_kept_unimodal_terms_are_the_cross_entropies_unweighted() -> None:
    plain, kept = (adaptive(keep_unimodal=k).loss(LOGITS, LABEL, 4) for k in (False, True))
    audio = -(math.log(3 / 4) + math.log(1 / 2)) / 2
    visual = -(math.log(1 / 2) + math.log(1 / 4)) / 2
    assert kept.total.item() == pytest.approx(plain.total.item() + audio + visual)
    assert kept.terms["audio"].item() == pytest.approx(audio)
    assert kept.terms["visual"].item() == pytest.approx(visual)
    assert set(kept.terms) - set(plain.terms) == {"audio", "visual"}


def test_kept_unimodal_terms_reach_every_sample_whatever_its_weights() -> None:
    nothing = {"alpha": 0.0, "beta": 0.0, "gamma": 0.0}
    audio, visual = gradients(adaptive(**nothing, keep_unimodal=True), LOGITS)
    # d CE / dz of the true class is s − 1, halved by the batch mean.
    assert audio == pytest.approx([-1 / 8, -1 / 4])
    assert visual == pytest.approx([-1 / 4, -3 / 8])
    assert gradients(adaptive(**nothing), LOGITS) == ([0, 0], [0, 0])


def test_balanced_weights_leave_plain_classification_and_the_gap() -> None:
    loss = adaptive(weights="balanced").loss(LOGITS, LABEL, 3)
    fused = -(math.log(3 / 4) + math.log(1 / 4)) / 2
    assert loss.total.item() == pytest.approx(2 * fused + 0.96**3 * 3 * 0.25**2)
    assert loss.terms["shift"].item() == loss.terms["imbalanced"].item() == 0


THREE = Mixture(
    Component(0.7, 0.05, 0.04),
    audio_dominant=Component(0.2, 0.6, 0.09),
    visual_dominant=Component(0.1, -0.5, 0.09),
)


def test_of_three_components_both_dominant_ones_count_as_imbalanced() -> None:
    densities = [
        c.weight
        * math.exp(-((0.25 - c.mean) ** 2) / (2 * c.variance))
        / math.sqrt(2 * math.pi * c.variance)
        for c in THREE.components.values()
    ]
    w1 = (densities[1] + densities[2]) / sum(densities)
    loss = Adaptive(THREE, 2.0, 3.0, 5.0, 0.96, "posterior").loss(LOGITS, LABEL, 0)
    fused = -(math.log(3 / 4) + math.log(1 / 4)) / 2
    assert loss.terms["imbalanced"].item() == pytest.approx(w1)
    assert loss.total.item() == pytest.approx(
        2 * (1 - w1) * fused + 3 * 0.25**2 + 5 * w1 * (0.25 - 0.05) ** 2
    )


def test_of_one_component_every_sample_is_balanced() -> None:
    one = Adaptive(Mixture(Component(1.0, 0.05, 0.04)), 2.0, 3.0, 5.0, 0.96, "posterior")
    balanced = adaptive(weights="balanced")
    assert one.loss(LOGITS, LABEL, 0).total.item() == balanced.loss(LOGITS, LABEL, 0).total.item()
    for mine, theirs in zip(gradients(one, SIDES), gradients(balanced, SIDES), strict=True):
        assert mine == theirs
        assert all(map(math.isfinite, mine))


def test_the_posterior_in_torch_equals_the_posterior_in_numpy() -> None:
    gap = np.linspace(-1, 1, 201)
    weights = posterior_weights(torch.from_numpy(gap), MIXTURE)
    np.testing.assert_allclose(
        weights.imbalanced.numpy(), MIXTURE.posterior(gap), rtol=1e-12, atol=1e-15
    )
    np.testing.assert_allclose((weights.balanced + weights.imbalanced).numpy(), 1, rtol=1e-12)


def test_weights_that_are_known_take_the_place_of_those_by_these_gaps() -> None:
    known = Imbalance(torch.tensor([0.25, 1.0], dtype=torch.float64))
    terms = adaptive().loss(LOGITS, LABEL, 0, known).terms
    assert terms["classification"].item() == pytest.approx(0.75 * -math.log(3 / 4) / 2)
    assert terms["shift"].item() == pytest.approx((0.25 + 1) / 2 * (0.25 - 0.05) ** 2)
    assert terms["gap"].item() == pytest.approx(0.25**2)  # of the network as it is
    assert terms["imbalanced"].item() == 0.625


def test_the_weaker_modality_that_is_known_is_the_one_that_the_gap_pulls() -> None:
    # As above, but for the second sample the visual was the weaker when it was measured.
    known = Imbalance(torch.ones(2), torch.tensor([False, False]))
    leaves = [z.clone().requires_grad_() for z in (SIDES.audio, SIDES.visual)]
    method = adaptive(alpha=0.0, beta=1.0, gamma=0.0, pull="weaker")
    method.loss(Logits(*leaves), LABEL, 0, known).total.backward()
    audio, visual = (leaf.grad for leaf in leaves)
    assert audio is not None
    assert visual is not None
    assert audio.abs().sum() == 0
    assert visual[:, 0].tolist() == pytest.approx([-1 / 4 * 1 / 4, 1 / 4 * 3 / 16])


def test_a_step_takes_what_is_known_of_its_rows() -> None:
    known = Imbalance(torch.tensor([0.0, 1.0, 0.0, 0.5], dtype=torch.float64))
    batch = BATCH._replace(rows=torch.tensor([3, 1]))
    loss = adaptive(known=known).step(Fixed(), batch, NOW)  # type: ignore[arg-type]
    assert loss.terms["imbalanced"].item() == 0.75
