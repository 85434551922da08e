"""MLA: the projection, what each update changes, and that the second leaves the first's alone."""

from __future__ import annotations

import onestep
import pytest
import torch

from avgap.methods.mla import Mla, recursive_least_squares


def test_the_projection_removes_the_direction_of_the_mean_feature():
    # P = 1, h̄ = (3, 4), λ = 5: k = h̄, h̄ᵀk = 25, P = 1 − h̄ h̄ᵀ / 30.
    mean = torch.tensor([3.0, 4.0])
    found = recursive_least_squares(torch.eye(2), mean, torch.tensor(5.0))
    expected = torch.tensor([[1 - 9 / 30, -12 / 30], [-12 / 30, 1 - 16 / 30]])
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(found @ mean, mean * 5 / 30)  # λ / (λ + h̄ᵀk) is left
    across = torch.tensor([4.0, -3.0])
    torch.testing.assert_close(found @ across, across)  # and all of what is across it


@pytest.mark.parametrize("damping", [0.1, 0.5])
def test_lambda_falls_to_its_square_within_an_epoch(damping):
    # So what is left of h̄ after half of an epoch: λ = 0.1^1.5, or another base's.
    model, data = onestep.network("shared-head"), onestep.batch(6)
    method = Mla(normalise=False, damping=damping)
    state = method.initial(model)
    method.start_epoch(model, onestep.epoch(0, onestep.batch(12)), onestep.context(state))
    state["seen"].fill_(6)
    loss = method.step(model, data, onestep.context(state))
    mean = state["mean"].clone()
    method.backward(model, loss, onestep.context(state))
    left = damping**1.5 / (damping**1.5 + mean @ mean)
    torch.testing.assert_close(state["projection"] @ mean, mean * left, rtol=1e-3, atol=1e-5)


def test_both_updates_of_a_batch_have_its_lambda():
    # Batches of 6 of 24 samples: λ = 0.1^1 in both updates of the first, 0.1^1.25 in the second's.
    model, data = onestep.network("shared-head"), onestep.batch(6)
    method = Mla(normalise=False)
    state = method.initial(model)
    method.start_epoch(model, onestep.epoch(0, onestep.batch(24)), onestep.context(state))
    for exponent in (1, 1.25):
        for update in range(2):
            before = state["projection"].clone()
            onestep.gradients(method, model, data, onestep.context(state, update=update))
            mean, damping = state["mean"], torch.tensor(0.1**exponent)
            expected = recursive_least_squares(before, mean, damping)
            torch.testing.assert_close(state["projection"], expected)


def updates(method, model, data, state):
    """The head's gradients and the encoders moved, update by update; no optimizer."""
    found = []
    for update in range(2):
        context = onestep.context(state, update=update)
        found.append(onestep.gradients(method, model, data, context))
    return found


def test_each_update_moves_one_encoder_and_the_head():
    model, data = onestep.network("shared-head"), onestep.batch()
    method = Mla()
    first, second = updates(method, model, data, method.initial(model))
    moved = [
        {n.split(".")[0] for n, g in found.items() if g is not None} for found in (first, second)
    ]
    assert moved == [{"audio_encoder", "head"}, {"visual_encoder", "head"}]


def test_a_gradient_is_multiplied_by_the_projection_of_the_features_before():
    model, data = onestep.network("shared-head"), onestep.batch()
    method = Mla(normalise=False)
    state = method.initial(model)
    features = [model.encode_audio(data.audio), model.encode_visual(data.frames)]
    raw = [
        torch.autograd.grad(
            torch.nn.functional.cross_entropy(model.head(phi), data.label), model.head.weight
        )[0]
        for phi in features
    ]
    first, second = updates(method, model, data, state)
    # λ = 0.1 in the first batch: P = 1 − h̄ h̄ᵀ / (0.1 + h̄ᵀ h̄) after the sound.
    h = features[0].mean(dim=0).detach()
    projection = torch.eye(len(h)) - torch.outer(h, h) / (0.1 + h @ h)
    torch.testing.assert_close(first["head.weight"], raw[0])
    torch.testing.assert_close(second["head.weight"], raw[1] @ projection)


def test_visuals_update_of_the_head_does_not_disturb_what_it_answers_to_the_sound():
    model, data = onestep.network("shared-head"), onestep.batch()
    method = Mla(normalise=False)
    state = method.initial(model)
    state["seen"].fill_(6)
    state["samples"].fill_(6)  # λ = 0.01
    _, second = updates(method, model, data, state)
    sound = model.encode_audio(data.audio).mean(dim=0).detach()
    raw = torch.autograd.grad(
        method.step(model, data, onestep.context(state, update=1)).total, model.head.weight
    )[0]
    change = second["head.weight"]
    assert (change @ sound).norm() < 0.05 * (raw @ sound).norm()
    assert change.norm() > 0.1 * raw.norm()


def test_the_codes_variant_removes_the_updates_own_direction_instead():
    model, data = onestep.network("shared-head"), onestep.batch()
    method = Mla(normalise=False, variant="code")
    state = method.initial(model)
    state["seen"].fill_(60)
    state["samples"].fill_(6)  # λ = 1e-11
    first, second = updates(method, model, data, state)
    sight = model.encode_visual(data.frames).mean(dim=0).detach()
    raw = torch.autograd.grad(
        method.step(model, data, onestep.context(state, update=1)).total, model.head.weight
    )[0]
    assert (second["head.weight"] @ sight).norm() < 0.05 * (raw @ sight).norm()
    plain = torch.autograd.grad(
        method.step(model, data, onestep.context(state)).total, model.head.weight
    )[0]
    torch.testing.assert_close(first["head.weight"], plain)  # its first update leaves P alone


def test_the_codes_first_update_is_neither_projected_nor_normalised():
    model, data = onestep.network("shared-head"), onestep.batch()
    method = Mla(variant="code")
    state = method.initial(model)
    plain = torch.autograd.grad(
        method.step(model, data, onestep.context(state)).total, model.head.weight
    )[0]
    first, _ = updates(method, model, data, state)
    torch.testing.assert_close(first["head.weight"], plain)


def test_the_projection_has_norm_one_if_it_is_normalised():
    model, data = onestep.network("shared-head"), onestep.batch()
    method = Mla()
    state = method.initial(model)
    updates(method, model, data, state)
    assert state["projection"].norm().item() == pytest.approx(1)
    assert state["updates"].item() == 2
    assert state["seen"].item() == 6


def test_the_fusion_asked_for_is_a_network_of_its_own():
    assert Mla().network == "shared-head"
    assert Mla(fusion="mean").network == "shared-head-mean"
