"""MMPareto: weights of least norm, length, and the gradients of a network."""

from __future__ import annotations

import onestep
import pytest
import torch

from avgap.methods.joint import Joint
from avgap.methods.mmpareto import MMPareto, blended, share


def test_gradients_that_agree_weigh_the_same():
    assert share([torch.tensor([1.0, 0.0])], [torch.tensor([1.0, 5.0])]).item() == 0.5


def test_gradients_that_disagree_meet_where_the_norm_is_least():
    # f = (2, 0), o = (−1, 1): f·o = −2, ‖o‖² = 2, ‖f − o‖² = 10: w = (2 + 2) / 10.
    fused, own = (
        [torch.tensor([2.0]), torch.tensor([0.0])],
        [torch.tensor([-1.0]), torch.tensor([1.0])],
    )
    weight = share(fused, own)
    assert weight.item() == pytest.approx(0.4)

    def norm(w):
        return sum((w * f + (1 - w) * o).square().sum() for f, o in zip(fused, own, strict=True))

    assert norm(0.4) < min(norm(0.39), norm(0.41))
    # And it is across their difference, so it lowers both losses alike.
    mixed = torch.cat([0.4 * f + 0.6 * o for f, o in zip(fused, own, strict=True)])
    assert mixed @ torch.tensor([2.0, 0.0]) == pytest.approx(mixed @ torch.tensor([-1.0, 1.0]))


def test_the_blend_is_at_least_as_long_as_the_sum_and_then_boosted():
    fused, own = torch.tensor([2.0, 0.0]), torch.tensor([-1.0, 1.0])
    found = blended(fused, own, torch.tensor(0.4), 1.5)
    # 2 (0.4 f + 0.6 o) = (0.4, 1.2), of norm 1.265; f + o = (1, 1), of norm 1.414.
    expected = 1.5 * torch.tensor([0.4, 1.2]) * 2**0.5 / 1.6**0.5
    torch.testing.assert_close(found, expected)
    # 2 (0.9 · 4 − 0.1 · 1) = 7 is longer than 4 − 1 = 3 and stays.
    long = blended(torch.tensor([4.0]), torch.tensor([-1.0]), torch.tensor(0.9), 1.5)
    assert long.item() == pytest.approx(1.5 * 7)
    even = blended(fused, own, torch.tensor(0.5), 1.0)
    torch.testing.assert_close(even, fused + own)


def test_heads_get_the_plain_gradient_and_encoders_the_blend():
    model, data = onestep.network("separate-heads"), onestep.batch()
    plain = onestep.gradients(Joint(), model, data, onestep.context())
    found = onestep.gradients(MMPareto(), model, data, onestep.context())
    terms = Joint().step(model, data, onestep.context()).terms
    for side in ("audio", "visual"):
        encoder = getattr(model, f"{side}_encoder")
        parameters = list(encoder.parameters())
        fused, own = (
            torch.autograd.grad(terms[name], parameters, retain_graph=True)
            for name in ("fused", side)
        )
        weight = share(fused, own)
        for (name, _), f, o in zip(encoder.named_parameters(), fused, own, strict=True):
            expected = blended(f, o, weight, 1.5)
            torch.testing.assert_close(found[f"{side}_encoder.{name}"], expected)
    for name in plain:
        if "head" in name:
            torch.testing.assert_close(found[name], plain[name])


def test_where_the_losses_pull_apart_neither_rises():
    model, data = onestep.network("separate-heads"), onestep.batch()
    with torch.no_grad():  # the fused head answers the sound the other way round, and louder
        model.head.weight[:, : model.audio_features] = -5 * model.audio_head.weight
    plain = onestep.gradients(Joint(), model, data, onestep.context())
    found = onestep.gradients(MMPareto(), model, data, onestep.context())
    own = torch.autograd.grad(
        Joint().step(model, data, onestep.context()).terms["audio"],
        list(model.audio_encoder.parameters()),
    )
    names = [f"audio_encoder.{name}" for name, _ in model.audio_encoder.named_parameters()]
    along = [sum((g[n] * o).sum() for n, o in zip(names, own, strict=True)) for g in (plain, found)]
    assert along[0] < 0 < along[1]  # a step along the sum would raise L_a


def test_features_that_come_as_they_are_have_nothing_to_blend():
    model, data = onestep.network("separate-heads", "identity"), onestep.batch(encoder="identity")
    found = onestep.gradients(MMPareto(), model, data, onestep.context())
    assert all("head" in name for name in found)
    assert all(gradient is not None for gradient in found.values())
