"""Greedy: conditional learning speeds, and which gates stand still for how long."""

from __future__ import annotations

import math

import onestep
import pytest
import torch
from torch import nn

from avgap.methods.greedy import Greedy, speed_gap, squares


def speed(parameters):
    (gradient,), (weight,) = squares([list(parameters)])
    return gradient / weight


def test_the_speed_is_the_squared_gradient_over_the_squared_weight_of_all_together():
    one, two = nn.Parameter(torch.tensor([3.0, 4.0])), nn.Parameter(torch.tensor([5.0]))
    one.grad, two.grad = torch.tensor([1.0, 2.0]), torch.tensor([5.0])
    assert speed([one, two]).item() == pytest.approx((1 + 4 + 25) / (9 + 16 + 25))


def test_the_gap_is_that_of_the_logarithms_of_bypass_over_main():
    sums = torch.tensor([8.0, 1.0, 2.0, 4.0])  # bypass a, v; main a, v
    assert speed_gap(sums).item() == pytest.approx(math.log10(4) - math.log10(0.25))


def gated():
    model = onestep.network("gated")
    method = Greedy(epsilon=0.0, window=3, starts=1)
    return model, method, method.initial(model)


def test_the_loss_is_that_of_both_heads():
    model, method, state = gated()
    data = onestep.batch()
    loss = method.step(model, data, onestep.context(state))
    logits = model(data.audio, data.frames)
    audio, visual = (
        nn.functional.cross_entropy(z, data.label).item() for z in (logits.audio, logits.visual)
    )
    assert loss.total.item() == pytest.approx(audio + visual)


def test_speeds_are_of_gates_and_of_encoders_with_their_heads():
    model, method, state = gated()
    onestep.gradients(method, model, onestep.batch(), onestep.context(state))
    bypass = [
        p for gate in model.gates for part in (gate.squeeze, gate.audio) for p in part.parameters()
    ]
    main = [*model.audio_encoder.parameters(), *model.audio_head.parameters()]
    assert state["sums"][0].item() == pytest.approx(speed(bypass).item())
    assert state["sums"][2].item() == pytest.approx(speed(main).item())


def test_the_gates_of_the_faster_modality_stand_still_for_the_window():
    model, method, state = gated()
    state["sums"].copy_(torch.tensor([1e6, 1.0, 1.0, 1.0]))  # the sound's bypass is far faster
    still = []
    for _ in range(6):
        loss = method.step(model, onestep.batch(), onestep.context(state, epoch=1))
        still.append((loss.terms["frozen_audio"].item(), loss.terms["frozen_visual"].item()))
        method.backward(model, loss, onestep.context(state, epoch=1))
    free, frozen = (0.0, 0.0), (1.0, 0.0)
    assert still == [free, frozen, frozen, frozen, free, frozen]


def test_while_gates_stand_still_no_speed_is_counted():
    model, method, state = gated()
    state["left"].fill_(2)
    state["frozen"].copy_(torch.tensor([0.0, 1.0]))
    onestep.gradients(method, model, onestep.batch(), onestep.context(state, epoch=1))
    assert state["sums"].tolist() == [0, 0, 0, 0]
    assert state["left"].item() == 1
    assert state["frozen"].tolist() == [0, 1]


def test_before_its_first_epoch_and_within_epsilon_nothing_stands_still():
    model, method, state = gated()
    onestep.gradients(method, model, onestep.batch(), onestep.context(state, epoch=0))
    assert state["sums"].min() > 0
    assert state["frozen"].tolist() == [0, 0]
    calm = Greedy(epsilon=100.0)
    onestep.gradients(calm, model, onestep.batch(), onestep.context(state, epoch=5))
    assert state["frozen"].tolist() == [0, 0]


def test_a_gate_that_stands_still_gets_no_gradient():
    model, method, state = gated()
    onestep.gradients(method, model, onestep.batch(), onestep.context(state))
    state["frozen"].copy_(torch.tensor([1.0, 0.0]))
    found = onestep.gradients(method, model, onestep.batch(), onestep.context(state))
    for name, gradient in found.items():
        if name.startswith("gates") and ".audio." in name:
            assert not gradient.any(), name
        if name.startswith("gates") and ".visual." in name:
            assert gradient.any(), name
