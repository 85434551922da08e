"""PMR: prototypes, similarities, ρ and what it switches on."""

from __future__ import annotations

import math

import onestep
import pytest
import torch

from avgap.methods.concat import Concat
from avgap.methods.features import features
from avgap.methods.pmr import Pmr, class_means, share_of_each_class, similarities, strengths


def test_a_prototype_is_the_mean_of_its_classs_features() -> None:
    phi = torch.tensor([[1.0, 0.0], [3.0, 2.0], [0.0, 5.0]])
    means = class_means(phi, torch.tensor([0, 0, 2]), classes=3)
    assert means.tolist() == [[2, 1], [0, 0], [0, 5]]


def test_the_similarity_is_the_negative_distance() -> None:
    phi = torch.tensor([[3.0, 4.0]], requires_grad=True)
    found = similarities(phi, torch.tensor([[0.0, 0.0], [3.0, 4.0]]))
    assert found.tolist() == [[-5, pytest.approx(0, abs=1e-15)]]
    found.sum().backward()  # towards the far prototype; none from the one that is reached
    assert phi.grad is not None
    assert phi.grad.tolist() == [[pytest.approx(-0.6), pytest.approx(-0.8)]]


def test_a_share_of_every_class_is_drawn_and_at_least_one_sample() -> None:
    label = torch.tensor([0] * 40 + [1] * 10 + [2] * 3)
    rows = share_of_each_class(label, 0.1, torch.Generator().manual_seed(0))
    assert torch.bincount(label[rows]).tolist() == [4, 1, 1]
    assert len(set(rows.tolist())) == 6


@pytest.mark.parametrize(
    ("ratio", "variant", "expected"),
    [
        (1.25, "code", [0, 1]),  # the sound is ahead: the frames are pulled
        (0.8, "code", [1, 0]),
        (1.0, "code", [0, 0]),
        (1.25, "paper", [0, 0.25]),  # clip(ρ − 1, 0, 1)
        (0.8, "paper", [0.25, 0]),  # clip(1/ρ − 1, 0, 1)
        (4.0, "paper", [0, 1]),
    ],
)
def test_the_slower_modality_is_pulled(ratio: float, variant: str, expected: list[float]) -> None:
    by = strengths(torch.tensor(ratio), variant)
    assert [value.item() for value in by] == pytest.approx(expected)


def test_new_prototypes_are_mixed_with_the_old() -> None:
    model, data = onestep.network(), onestep.batch(12)
    method = Pmr(momentum=0.25, share=1.0)
    state = method.initial(model)
    method.start_epoch(model, onestep.epoch(0, data), onestep.context(state))
    first = state["audio_prototypes"].clone()
    phi = model.encode(data.audio, data.frames)[0]
    torch.testing.assert_close(first[1], phi[data.label == 1].mean(dim=0).detach())
    state["audio_prototypes"].fill_(8.0)
    method.start_epoch(model, onestep.epoch(1, data), onestep.context(state))
    torch.testing.assert_close(state["audio_prototypes"], 0.75 * first + 0.25 * 8)


def test_features_are_those_in_evaluation_and_leave_batch_statistics():
    model, data = onestep.network(encoder="resnet18"), onestep.batch(6)
    model(data.audio, data.frames)  # so that the running statistics are none of their defaults
    before = {name: value.clone() for name, value in model.named_buffers()}
    found = features(model, onestep.Split(data, size=4), torch.tensor([5, 0, 3, 1, 2]))
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.named_buffers())
    model.eval()
    expected = model.encode(data.audio, data.frames)[0][[5, 0, 3, 1, 2]]
    torch.testing.assert_close(found.audio, expected, rtol=1e-4, atol=1e-5)
    assert found.label.tolist() == [2, 0, 0, 1, 2]


def test_prototypes_are_of_training_samples_alone():
    model, data = onestep.network(), onestep.batch(12)
    method, found = Pmr(share=1.0), []
    for validation in (None, onestep.batch(12, seed=9)):
        state = method.initial(model)
        method.start_epoch(model, onestep.epoch(0, data, validation), onestep.context(state))
        found.append(state["visual_prototypes"])
    assert torch.equal(*found)


def test_the_loss_is_the_fused_one_and_alpha_times_the_slower_modalitys() -> None:
    model, data = onestep.network(), onestep.batch()
    method = Pmr(alpha=3.0)
    state = method.initial(model)
    # The sound's prototypes are all alike: q = 1/3 everywhere. The frames' are their class means.
    phi = model.encode(data.audio, data.frames)[1].detach()
    state["visual_prototypes"].copy_(class_means(phi, data.label, 3))
    loss = method.step(model, data, onestep.context(state))
    assert loss.terms["audio_prototype"].item() == pytest.approx(math.log(3), rel=1e-5)
    assert loss.terms["visual_prototype"].item() < math.log(3)
    expected = loss.terms["fused"].item() + 3 * math.log(3)
    assert loss.total.item() == pytest.approx(expected, rel=1e-6)


def test_the_slower_encoder_alone_gets_another_gradient() -> None:
    model, data = onestep.network(), onestep.batch()
    method = Pmr(share=1.0)
    state = method.initial(model)
    method.start_epoch(model, onestep.epoch(0, data), onestep.context(state))
    plain = onestep.gradients(Concat(), model, data, onestep.context())
    pulled = onestep.gradients(method, model, data, onestep.context(state))
    moved = {name.split("_")[0] for name in plain if not torch.allclose(plain[name], pulled[name])}
    assert len(moved) == 1
    assert moved < {"audio", "visual"}
    late = onestep.gradients(method, model, data, onestep.context(state, epoch=71))
    for name, gradient in plain.items():
        torch.testing.assert_close(late[name], gradient)
