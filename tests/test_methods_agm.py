"""AGM: Shapley parts, κ, running means, clipping."""

from __future__ import annotations

import math

import onestep
import pytest
import torch

from avgap.methods.agm import Agm, kappa, shapley
from avgap.methods.concat import Concat
from avgap.methods.modulation import Pair, scaled
from avgap.models.audiovisual import Logits


def pair(audio, visual):
    return Pair(torch.tensor(audio), torch.tensor(visual))


def fused(value):
    return Logits(torch.tensor([[value]]), torch.tensor([[0.0]]))


def test_a_modalitys_part_is_its_shapley_value() -> None:
    # f(a, v) = 10, f(a, 0) = 6, f(0, v) = 2: f_a = (10 − 2 + 6) / 2 = 7, f_v = 3.
    parts = shapley(fused(10.0), fused(6.0), fused(2.0))
    assert [part.item() for part in parts] == [7, 3]


def test_kappa_is_the_exponential_of_alpha_times_tau_minus_r() -> None:
    score, mean = pair(0.5, 1.0), pair(0.8, 1.0)
    # r_a = e^0.5, τ_a = e^0.2; r_v = e^−0.5, τ_v = e^−0.2.
    k = kappa(score, mean, 1.5, 10.0)
    assert k.audio.item() == pytest.approx(math.exp(1.5 * (math.exp(0.2) - math.exp(0.5))))
    assert k.visual.item() == pytest.approx(math.exp(1.5 * (math.exp(-0.2) - math.exp(-0.5))))
    assert k.audio < 1 < k.visual  # the sound is further ahead than usual: it learns more slowly


def test_the_exponent_is_bounded() -> None:
    # τ_a − r_a = e^5 − e^−3 = 148
    for bound in (10.0, 2.0):
        k = kappa(pair(3.0, 0.0), pair(0.0, 5.0), 1.0, bound)
        assert k.audio.item() == pytest.approx(math.exp(bound))


def test_a_scaled_tensor_has_its_value_and_a_multiple_of_its_gradient() -> None:
    x = torch.tensor([2.0, 3.0], requires_grad=True)
    y = scaled(x, torch.tensor(0.25))
    assert y.tolist() == [2, 3]
    (y * torch.tensor([1.0, 10.0])).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0.25, 2.5]


def test_parts_of_a_network_are_those_of_three_forward_passes() -> None:
    model, data = onestep.network(), onestep.batch()
    alone = Agm()._alone(model, data)
    silence = model.audio_mean.expand_as(data.audio)
    blank = model.visual_mean.expand_as(data.frames)
    model.eval()
    torch.testing.assert_close(alone[0].fused, model(data.audio, blank).fused)
    torch.testing.assert_close(alone[1].fused, model(silence, data.frames).fused)


def test_the_mode_of_the_network_is_restored_and_evaluation_leaves_its_statistics() -> None:
    model, data = onestep.network(encoder="resnet18"), onestep.batch()
    Agm()._alone(model, data)
    assert model.training
    steps = [b for n, b in model.named_buffers() if n.endswith("num_batches_tracked")]
    assert {int(b) for b in steps} == {0}


def test_the_first_step_has_tau_of_one_and_the_means_follow() -> None:
    model, data = onestep.network(), onestep.batch()
    method = Agm()
    state = method.initial(model)
    loss = method.step(model, data, onestep.context(state))
    first = state["scores"].clone()
    assert state["steps"].item() == 1
    r = math.exp(first[1] - first[0])
    assert loss.terms["kappa_audio"].item() == pytest.approx(math.exp(1.5 * (1 - r)), rel=1e-5)
    method.step(model, onestep.batch(seed=1), onestep.context(state))
    other = method.initial(model)
    method.step(model, onestep.batch(seed=1), onestep.context(other))
    torch.testing.assert_close(state["scores"], (first + other["scores"]) / 2)


def test_the_loss_is_the_fused_one_and_without_modulation_so_is_the_gradient() -> None:
    model, data = onestep.network(), onestep.batch()
    with torch.no_grad():
        model.head.weight *= 3
    plain = Concat().step(model, data, onestep.context()).total.item()
    method = Agm()
    state = method.initial(model)
    state["scores"].copy_(torch.tensor([2.0, 0.1]))
    loss = method.step(model, data, onestep.context(state))
    assert loss.total.item() == pytest.approx(plain, rel=1e-5)
    off = onestep.gradients(
        Agm(ends=0), model, data, onestep.context(method.initial(model), epoch=1)
    )
    usual = onestep.gradients(Concat(), model, data, onestep.context())
    # Without modulation the three passes give back the plain gradient (no batch statistics here).
    for name, gradient in usual.items():
        torch.testing.assert_close(off[name], gradient, rtol=1e-3, atol=1e-6)


def test_the_sounds_encoder_learns_by_kappa_a() -> None:
    # f_a + f_v = A + V. Through f_a flows ½ of A's gradient twice, through f_v ½ − ½ of it: κ_a in
    # all (no batch statistics here); and of the silence, −½ through f_a and ½ through f_v.
    model, data = onestep.network(), onestep.batch()
    method = Agm()
    state = method.initial(model)
    modulated = onestep.gradients(method, model, data, onestep.context(state))
    terms = method.step(model, data, onestep.context(method.initial(model))).terms
    k_audio, k_visual = terms["kappa_audio"].detach(), terms["kappa_visual"].detach()
    assert abs(k_audio - 1) > 0.01
    logits = model(data.audio, data.frames)
    one_hot = torch.nn.functional.one_hot(data.label, 3)
    pull = ((logits.fused.softmax(dim=1) - one_hot) / 6).detach()
    silence = model.audio_mean.expand_as(data.audio)
    quiet = model(silence, data.frames).audio
    expected = k_audio * (pull * logits.audio).sum()
    expected = expected - (k_audio - k_visual) / 2 * (pull * quiet).sum()
    model.zero_grad()
    expected.backward()
    for name, parameter in model.audio_encoder.named_parameters():
        torch.testing.assert_close(
            modulated[f"audio_encoder.{name}"], parameter.grad, rtol=1e-3, atol=1e-6
        )


@pytest.mark.parametrize("most", [1.0, 0.25])
def test_a_large_gradient_of_the_head_clips_all_to_the_norm_set(most: float) -> None:
    model, data = onestep.network(), onestep.batch()
    with torch.no_grad():
        model.head.weight *= 50
        for p in model.audio_encoder.parameters():
            p *= 3
    method = Agm(ends=0, clip=most)
    clipped = onestep.gradients(
        method, model, data, onestep.context(method.initial(model), epoch=1)
    )
    plain = onestep.gradients(Concat(), model, data, onestep.context())
    assert plain["head.weight"].abs().max() > 1
    norm = torch.stack([g.norm() for g in clipped.values()]).norm().item()
    assert norm == pytest.approx(most, rel=1e-4)
