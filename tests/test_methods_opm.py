"""OPM and OPM with OGM: drop rates, what is dropped, and when."""

from __future__ import annotations

import math

import onestep
import pytest
import torch

from avgap.methods.concat import Concat
from avgap.methods.modulation import Pair
from avgap.methods.opm import Opm, draws, drop_rates, dropped, in_force
from avgap.methods.opm_ogm import OpmOgm


def pair(audio, visual):
    return Pair(torch.tensor(audio), torch.tensor(visual))


def test_the_leading_modality_is_dropped_the_more_the_further_it_leads():
    # ρ_a = 3: q_a = 0.5 (1 + 0.5 tanh 2), q_v = 0.
    expected = 0.5 * (1 + 0.5 * math.tanh(2))
    assert [q.item() for q in drop_rates(pair(3.0, 1.0), 0.5, 0.5)] == pytest.approx([expected, 0])
    assert [q.item() for q in drop_rates(pair(1.0, 3.0), 0.5, 0.5)] == pytest.approx([0, expected])
    assert [q.item() for q in drop_rates(pair(2.0, 2.0), 0.5, 0.5)] == [0, 0]
    assert drop_rates(pair(9.0, 1.0), 0.9, 1.0).audio.item() == 1  # clipped


def test_a_sample_loses_the_modality_whole_and_the_rest_is_scaled_up():
    phi = Pair(torch.ones(3, 2), torch.ones(3, 6))
    draw = torch.tensor([[0.1, 0.9], [0.39, 0.0], [0.4, 0.5]])
    found = dropped(phi, pair(0.4, 0.0), draw)
    # θ = (2 · 0.4 + 6 · 0) / 8 = 0.1.
    assert found.audio.tolist() == [[0, 0], [0, 0], [pytest.approx(1 / 0.9)] * 2]
    torch.testing.assert_close(found.visual, torch.full((3, 6), 1 / 0.9))


def test_rates_of_zero_change_nothing():
    phi = Pair(torch.randn(5, 2), torch.randn(5, 6))
    found = dropped(phi, pair(0.0, 0.0), torch.zeros(5, 2))
    assert torch.equal(found.audio, phi.audio)
    assert torch.equal(found.visual, phi.visual)


def test_drops_are_in_force_after_the_warm_up_with_their_probability():
    rates = pair(0.5, 0.0)
    context = onestep.context(epoch=6)
    on = [bool(in_force(rates, context, 0.7, 6).audio > 0) for _ in range(1000)]
    assert sum(on) / 1000 == pytest.approx(0.7, abs=0.05)
    early = onestep.context(epoch=5)
    assert not any(in_force(rates, early, 1.0, 6).audio > 0 for _ in range(20))


@pytest.mark.parametrize("method", [Opm(p=1.0), OpmOgm(p=1.0)])
def test_the_leading_modality_loses_its_share_of_samples(method):
    model, data = onestep.network(), onestep.batch(600)
    with torch.no_grad():
        model.head.weight[:, : model.audio_features] *= 5
    loss = method.step(model, data, onestep.context(epoch=6, seed=3))
    leader = "audio" if loss.terms["q_audio"] > 0 else "visual"
    rate = loss.terms[f"q_{leader}"].item()
    assert rate > 0.5
    context = onestep.context(epoch=6, seed=3)
    torch.rand((), generator=context.generator)  # the draw of whether the batch drops at all
    kept = draws(Pair(torch.zeros(600, 1), torch.zeros(600, 1)), context)[
        :, int(leader == "visual")
    ]
    assert (kept < rate).float().mean().item() == pytest.approx(rate, abs=0.05)
    phi = Pair(*model.encode(data.audio, data.frames))
    draw = torch.stack([kept, kept], dim=1)
    by_hand = dropped(phi, Pair(loss.terms["q_audio"], loss.terms["q_visual"]), draw)
    fused = model.classify(*by_hand).fused
    expected = torch.nn.functional.cross_entropy(fused, data.label).item()
    assert loss.total.item() == pytest.approx(expected, rel=1e-6)


def test_in_the_warm_up_the_gradients_are_plain():
    model, data = onestep.network(), onestep.batch()
    plain = onestep.gradients(Concat(), model, data, onestep.context())
    for method in (Opm(), OpmOgm()):
        early = onestep.gradients(method, model, data, onestep.context(epoch=5))
        for name, gradient in plain.items():
            torch.testing.assert_close(early[name], gradient)


def test_with_ogm_the_leading_encoders_convolutions_shrink_by_k():
    model, data = onestep.network(), onestep.batch()
    with torch.no_grad():
        model.head.weight[:, : model.audio_features] *= 5
    alone = onestep.gradients(Opm(p=1.0), model, data, onestep.context(epoch=6))
    method = OpmOgm(p=1.0)
    both = onestep.gradients(method, model, data, onestep.context(epoch=6))
    terms = method.step(model, data, onestep.context(epoch=6)).terms
    assert min(terms["k_audio"], terms["k_visual"]) < 0.5
    for name, gradient in alone.items():
        side = name.split("_")[0]
        factor = terms[f"k_{side}"] if gradient.dim() == 4 else 1.0
        torch.testing.assert_close(both[name], factor * gradient)


def test_ogm_goes_on_to_its_last_epoch():
    model, data = onestep.network(), onestep.batch()
    with torch.no_grad():
        model.head.weight[:, : model.audio_features] *= 5
    plain = onestep.gradients(Opm(p=0.0), model, data, onestep.context(epoch=60))
    last, late = (
        onestep.gradients(OpmOgm(p=0.0), model, data, onestep.context(epoch=epoch))
        for epoch in (60, 61)
    )
    differs = [name for name in plain if not torch.equal(last[name], plain[name])]
    assert len(differs) == 4  # the convolutions of the leader's encoder
    assert all(torch.equal(late[name], plain[name]) for name in plain)
