"""The members of the family beside Eq. 10, on numbers computed by hand."""

from __future__ import annotations

import math
from typing import Any

import onestep
import pytest
import torch

from avgap.methods.imbalance import Imbalance, imbalance_now
from avgap.methods.joint import Joint, cross_entropies
from avgap.methods.members import MEMBERS, Member
from avgap.mixture.model import Component, Mixture
from avgap.models.audiovisual import Logits

LN2, LN3, LN4_3 = math.log(2), math.log(3), math.log(4 / 3)
# Two samples, two classes. Scores of the true class 0: audio 3/4 and 1/2, visual 1/4 and 3/4; so
# fused 1/2 and 3/4, stronger 3/4 and 3/4, weaker 1/4 (the visual) and 1/2 (the audio).
AUDIO, VISUAL = [[LN3, 0.0], [0.0, 0.0]], [[0.0, LN3], [LN3, 0.0]]
LABEL = torch.tensor([0, 0])
WEIGHTS = Imbalance(
    torch.tensor([1.0, 0.5], dtype=torch.float64),
    torch.tensor([False, True]),
    torch.tensor([True, False]),
)
MIXTURE = Mixture(Component(0.8, 0.05, 0.04), Component(0.2, 0.6, 0.09))
# Of Eq. 7.
JOINT = {
    "fused": (LN2 + LN4_3) / 2,
    "stronger": LN4_3,
    "weaker": (2 * LN2 + LN2) / 2,
    "undecided": 0.0,
    "distilled": 0.0,
}
BY_HAND = {
    # KL(uniform ‖ (1/4, 3/4)) = ln(4/3) / 2, and of the second sample, which is undecided, 0.
    "abstain": {"weaker": 0.5 * LN2 / 2, "undecided": LN4_3 / 2 / 2},
    "push": {"weaker": (2 * 2 * LN2 + 1.5 * LN2) / 2},
    "spare": {"weaker": 0.5 * LN2 / 2},
    # KL((3/4, 1/4) ‖ (1/4, 3/4)) = ln(3) / 2; from (1/2, 1/2) it is 3/4 ln 3 − ln 2.
    "distill": {"distilled": (LN3 / 2 + 0.5 * (0.75 * LN3 - LN2)) / 2},
    # The first sample abstains, the second is trained by Eq. 7.
    "mend": {"weaker": LN2 / 2, "undecided": LN4_3 / 2 / 2},
}


def leaves() -> Logits:
    return Logits(
        *(torch.tensor(z, dtype=torch.float64, requires_grad=True) for z in (AUDIO, VISUAL))
    )


def gradients(loss: torch.Tensor, logits: Logits) -> list[list[list[float]]]:
    """What the logits of audio and of visual receive, (2, 2) each."""
    found = torch.autograd.grad(loss, (logits.audio, logits.visual), retain_graph=True)
    return [gradient.tolist() for gradient in found]


@pytest.mark.parametrize("name", MEMBERS)
def test_every_members_loss_is_the_sum_of_its_terms_by_hand(name: str) -> None:
    loss = Member(name, MIXTURE).loss(leaves(), LABEL, WEIGHTS)
    expected = JOINT | BY_HAND[name]
    for term, value in expected.items():
        assert loss.terms[term].item() == pytest.approx(value), term
    assert loss.total.item() == pytest.approx(sum(expected.values()))
    assert loss.terms["imbalanced"].item() == 0.75


@pytest.mark.parametrize("name", MEMBERS)
def test_without_imbalance_every_member_is_the_warm_up_loss(name: str) -> None:
    logits = leaves()
    loss = Member(name, MIXTURE, weights="balanced").loss(logits, LABEL, WEIGHTS)
    joint = sum(cross_entropies(logits, LABEL))
    assert loss.total.item() == pytest.approx(joint.item())
    assert loss.terms["imbalanced"].item() == 0
    for one, other in zip(gradients(loss.total, logits), gradients(joint, logits), strict=True):
        assert one[0] == pytest.approx(other[0])
        assert one[1] == pytest.approx(other[1])


@pytest.mark.parametrize("name", ["abstain", "mend"])
def test_who_abstains_gets_nothing_of_the_fused_loss_and_is_drawn_to_no_class(name: str) -> None:
    logits = leaves()
    loss = Member(name, MIXTURE).loss(logits, LABEL, WEIGHTS)
    audio, visual = gradients(loss.terms["fused"], logits)
    assert visual[0] == [0, 0]  # weaker, w₁ = 1
    # Else softmax − one-hot over two samples: fused (1/2, 1/2) and (3/4, 1/4).
    assert audio[0] == pytest.approx([-1 / 4, 1 / 4])
    assert visual[1] == pytest.approx([-1 / 8, 1 / 8])
    # Half of it where w₁ = 1/2, all of it where mend leaves it.
    share = 0.5 if name == "abstain" else 1
    assert audio[1] == pytest.approx([-share / 8, share / 8])
    # All that is left for it: towards (1/2, 1/2) from (1/4, 3/4), over two samples.
    assert gradients(loss.total, logits)[1][0] == pytest.approx([-1 / 8, 1 / 8])


def test_who_is_pushed_gets_more_of_its_own_loss_and_who_is_spared_less() -> None:
    for name, factors in (("push", (2, 1.5)), ("spare", (0, 0.5))):
        logits = leaves()
        loss = Member(name, MIXTURE).loss(logits, LABEL, WEIGHTS)
        audio, visual = gradients(loss.terms["weaker"], logits)
        # Softmax − one-hot over two samples: (1/4, 3/4) and (1/2, 1/2).
        assert visual[0] == pytest.approx([-3 / 8 * factors[0], 3 / 8 * factors[0]])
        assert audio[1] == pytest.approx([-1 / 4 * factors[1], 1 / 4 * factors[1]])
        assert audio[0] == visual[1] == [0, 0]  # the stronger


def test_only_the_weaker_is_distilled_into() -> None:
    logits = leaves()
    loss = Member("distill", MIXTURE).loss(logits, LABEL, WEIGHTS)
    audio, visual = gradients(loss.terms["distilled"], logits)
    assert audio[0] == visual[1] == [0, 0]
    # p_weaker − p_stronger over two samples, times w₁.
    assert visual[0] == pytest.approx([(1 / 4 - 3 / 4) / 2, (3 / 4 - 1 / 4) / 2])
    assert audio[1] == pytest.approx([(1 / 2 - 3 / 4) / 4, (1 / 2 - 1 / 4) / 4])


def test_a_network_that_fuses_otherwise_hands_in_its_own_logits() -> None:
    logits = leaves()
    fused = torch.zeros(2, 2, dtype=torch.float64)
    loss = Member("push", MIXTURE).loss(logits._replace(joint=fused), LABEL, WEIGHTS)
    assert loss.terms["fused"].item() == pytest.approx(LN2)


def test_mend_needs_to_know_who_abstains() -> None:
    with pytest.raises(ValueError, match="mend needs to know whose weaker modality"):
        Member("mend", MIXTURE).loss(leaves(), LABEL, WEIGHTS._replace(abstains=None))


def known(n: int) -> Imbalance:
    return Imbalance(torch.linspace(0, 1, n), torch.arange(n) % 2 == 0, torch.arange(n) % 3 == 0)


@pytest.mark.parametrize("name", MEMBERS)
def test_a_step_takes_what_is_known_of_its_rows(name: str) -> None:
    model, data = onestep.network(), onestep.batch(4)
    data = data._replace(rows=torch.tensor([7, 1, 4, 2]))
    method = Member(name, MIXTURE, known=known(8))
    with torch.no_grad():
        model.eval()
        logits = model(data.audio, data.frames)
        loss = method.step(model, data, onestep.context())
    assert loss.total.item() == method.loss(logits, data.label, known(8).of(data.rows)).total.item()
    assert loss.terms["imbalanced"].item() == pytest.approx((7 + 1 + 4 + 2) / 7 / 4)


@pytest.mark.parametrize("name", [name for name in MEMBERS if name != "mend"])
def test_without_it_a_step_takes_the_batchs_own(name: str) -> None:
    model, data = onestep.network().eval(), onestep.batch(6)
    method = Member(name, MIXTURE)
    with torch.no_grad():
        logits = model(data.audio, data.frames)
        loss = method.step(model, data, onestep.context())
    now = imbalance_now(logits, data.label, MIXTURE)
    assert loss.total.item() == method.loss(logits, data.label, now).total.item()
    assert loss.total.item() != Joint().step(model, data, onestep.context()).total.item()


@pytest.mark.parametrize("name", MEMBERS)
def test_a_step_never_waits_for_the_device(name: str, monkeypatch: Any) -> None:
    model, data = onestep.network(), onestep.batch()
    method = Member(name, MIXTURE, known=known(6))
    onestep.forbid_waiting(monkeypatch)
    method.step(model, data, onestep.context()).total.backward()
    assert all(weight.grad is not None for weight in model.parameters())
