"""G-Blending: the weights, the held-out part, and copies trained aside."""

from __future__ import annotations

import math
from copy import deepcopy

import onestep
import pytest
import torch

from avgap.methods import g_blending
from avgap.methods.g_blending import GBlending, blend, hold_out, mean_losses


def test_the_weight_is_the_gain_over_the_square_of_the_overfitting():
    # 1 / 1² = 1, 2 / 2² = 0.5, 0.5 / 0.5² = 2; their sum is 3.5.
    found = blend(torch.tensor([1.0, 2.0, 0.5]), torch.tensor([1.0, -2.0, 0.5]))
    assert found.tolist() == pytest.approx([1 / 3.5, 0.5 / 3.5, 2 / 3.5])


def test_a_loss_of_held_out_samples_that_grows_counts_by_its_size():
    found = blend(torch.tensor([-1.0, 1.0, 0.0]), torch.tensor([1.0, 1.0, 1.0]))
    assert found.tolist() == [0.5, 0.5, 0]


def test_no_overfitting_does_not_divide_by_zero_and_no_gain_weighs_evenly():
    found = blend(torch.tensor([1.0, 1.0, 1.0]), torch.tensor([0.0, 0.0, 1.0]))
    assert found.tolist() == pytest.approx([0.5, 0.5, 0], abs=1e-6)
    assert blend(torch.zeros(3), torch.ones(3)).tolist() == pytest.approx([1 / 3] * 3)


def test_the_held_out_part_is_a_share_of_each_class_and_apart():
    label = torch.tensor([0] * 50 + [1] * 30 + [2] * 20)
    rows, held = hold_out(label, 0.1, torch.Generator().manual_seed(0))
    assert torch.bincount(label[held]).tolist() == [5, 3, 2]
    assert sorted([*rows.tolist(), *held.tolist()]) == list(range(100))
    other = hold_out(label, 0.1, torch.Generator().manual_seed(1))[1]
    assert held.tolist() != other.tolist()


def test_mean_losses_are_over_samples_whatever_the_batches():
    model, data = onestep.network(), onestep.batch(10)
    split = onestep.Split(data, size=4)
    found = mean_losses(model, split, torch.arange(10))
    logits = model.eval()(data.audio, data.frames)
    for value, z in zip(found, (logits.fused, logits.audio, logits.visual), strict=True):
        expected = torch.nn.functional.cross_entropy(z, data.label)
        assert value.item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_loss_is_the_blend():
    model, data = onestep.network(), onestep.batch()
    method = GBlending()
    state = method.initial(model)
    state["weights"].copy_(torch.tensor([0.5, 0.3, 0.2]))
    loss = method.step(model, data, onestep.context(state))
    parts = [loss.terms[name].item() for name in ("fused", "audio", "visual")]
    assert loss.total.item() == pytest.approx(0.5 * parts[0] + 0.3 * parts[1] + 0.2 * parts[2])


def test_the_weights_are_measured_before_the_first_epoch_on_copies_alone():
    model, data = onestep.network(), onestep.batch(30)
    before = deepcopy(model.state_dict())
    method = GBlending(super_epoch=2, held_out=0.2)
    state = method.initial(model)
    method.start_epoch(model, onestep.epoch(0, data), onestep.context(state))
    weights = state["weights"].clone()
    assert weights.sum().item() == pytest.approx(1)
    assert len({round(w, 6) for w in weights.tolist()}) == 3
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    again = method.initial(model)
    method.start_epoch(model, onestep.epoch(0, data), onestep.context(again))
    assert torch.equal(again["weights"], weights)  # a function of (seed, epoch)
    method.start_epoch(model, onestep.epoch(2, data), onestep.context(state))
    assert torch.equal(state["weights"], weights)  # offline: never again


def test_gain_and_overfitting_are_differences_of_each_copys_own_loss(monkeypatch):
    # Before: 2 on training, 3 held out. After: held out (2, 1, 2), training (0.5, 0.5, 0).
    # G = (1, 2, 1); O = (1.5, 0.5, 2) − 1 = (0.5, −0.5, 1); |G| / O² = (4, 8, 1), in all 13.
    after = {"training": (0.5, 0.5, 0.0), "held out": (2.0, 1.0, 2.0)}

    def losses(model, _, rows):
        part = "training" if len(rows) > 15 else "held out"
        if not hasattr(model, "trained"):
            return torch.full((3,), 2.0 if part == "training" else 3.0)
        own = torch.full((3,), torch.nan)  # a copy's other losses are never looked at
        own[model.trained] = after[part][model.trained]
        return own

    monkeypatch.setattr(g_blending, "mean_losses", losses)
    monkeypatch.setattr(
        GBlending, "_train", lambda _, model, k, *rest: setattr(model, "trained", k)
    )
    model, method = onestep.network(), GBlending(held_out=0.2)
    state = method.initial(model)
    method.start_epoch(model, onestep.epoch(0, onestep.batch(30)), onestep.context(state))
    assert state["weights"].tolist() == pytest.approx([4 / 13, 8 / 13, 1 / 13])


@pytest.mark.parametrize("k", [0, 1, 2])
def test_a_copy_trains_on_its_own_loss_alone(k):
    model, data = onestep.network(), onestep.batch(12)
    begins, rows = onestep.epoch(0, data), torch.arange(12)
    before = mean_losses(model, begins.train, rows)[k]
    first = {name: p.detach().clone() for name, p in model.named_parameters()}
    GBlending(super_epoch=3)._train(model, k, begins, rows, torch.Generator().manual_seed(0))
    assert mean_losses(model, begins.train, rows)[k] < 0.8 * before
    moved = {n.split("_")[0] for n, p in model.named_parameters() if not torch.equal(p, first[n])}
    sides = ({"audio", "visual"}, {"audio"}, {"visual"})[k]
    assert moved & {"audio", "visual"} == sides


def test_copies_train_on_no_held_out_clip_and_validation_is_not_looked_at():
    trained, seen = set(), set()

    class Watched(onestep.Split):
        def batches(self, rows=None, *, augment=None):
            (seen if augment is None else trained).update(rows.tolist())
            return super().batches(rows)

    class Forbidden:
        def __getattr__(self, name):
            raise AssertionError(f"validation's {name}")

    model, method = onestep.network(), GBlending(super_epoch=2, held_out=0.2)
    begins = onestep.epoch(0, onestep.batch(30))._replace(
        train=Watched(onestep.batch(30)), validation=Forbidden()
    )
    method.start_epoch(model, begins, onestep.context(method.initial(model)))
    assert len(trained) == 24
    assert seen == set(range(30))


def test_online_measures_again_after_every_super_epoch():
    model, data = onestep.network(), onestep.batch(30)
    method = GBlending(mode="online", super_epoch=2, held_out=0.2)
    state = method.initial(model)
    changed = []
    for number in range(5):
        before = state["weights"].clone()
        method.start_epoch(model, onestep.epoch(number, data), onestep.context(state, seed=number))
        changed.append(not torch.equal(before, state["weights"]))
    assert changed == [True, False, True, False, True]


def test_a_modality_that_tells_nothing_gets_little_weight():
    # The sound is noise: what it gains on held-out clips is small, what it overfits large.
    model, data = onestep.network(), onestep.batch(90)
    noise = torch.randn(data.audio.shape, generator=torch.Generator().manual_seed(9))
    method = GBlending(super_epoch=6, held_out=0.2)
    state = method.initial(model)
    split = data._replace(audio=noise)
    method.start_epoch(model, onestep.epoch(0, split, lr=0.003), onestep.context(state))
    _, audio, visual = state["weights"].tolist()
    assert visual > 3 * audio
    assert math.isfinite(audio)
