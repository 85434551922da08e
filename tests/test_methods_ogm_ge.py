"""OGM-GE: k, the noise, and on which gradients they act."""

from __future__ import annotations

import math

import onestep
import pytest
import torch

from avgap.errors import UsageError
from avgap.methods.concat import Concat
from avgap.methods.modulation import Pair, true_class_scores, within
from avgap.methods.ogm_ge import OgmGe, coefficients, modulate, modulated
from avgap.models.audiovisual import Logits


def pair(audio, visual):
    return Pair(torch.tensor(audio), torch.tensor(visual))


def test_the_score_is_the_sum_of_true_class_probabilities() -> None:
    ln3 = math.log(3)
    logits = Logits(torch.tensor([[ln3, 0.0], [0.0, 0.0]]), torch.tensor([[0.0, 0.0], [ln3, 0.0]]))
    scores = true_class_scores(logits, torch.tensor([0, 1]), onestep.context())
    assert scores.audio.item() == pytest.approx(3 / 4 + 1 / 2)
    assert scores.visual.item() == pytest.approx(1 / 2 + 1 / 4)


def test_scores_are_summed_over_processes() -> None:
    context = onestep.context()._replace(over_ranks=lambda t: t + torch.tensor([1.0, 2.0]))
    logits = Logits(torch.zeros(2, 2), torch.zeros(2, 2))
    scores = true_class_scores(logits, torch.tensor([0, 1]), context)
    assert [s.item() for s in scores] == [2.0, 3.0]


def test_the_leading_modality_has_k_of_one_minus_tanh_alpha_rho() -> None:
    # ρ_a = 3/2: k_a = 1 − tanh(0.8 · 1.5); the other way round k_v is the same.
    expected = 1 - math.tanh(1.2)
    assert [k.item() for k in coefficients(pair(3.0, 2.0), 0.8)] == pytest.approx([expected, 1])
    assert [k.item() for k in coefficients(pair(2.0, 3.0), 0.8)] == pytest.approx([1, expected])


def test_k_jumps_where_the_scores_are_equal() -> None:
    assert [k.item() for k in coefficients(pair(1.0, 1.0), 0.5)] == pytest.approx(
        [1, 1 - math.tanh(0.5)]
    )


def test_the_noise_is_as_large_as_the_gradient() -> None:
    gradient = 3 * torch.randn(400, 500, generator=torch.Generator().manual_seed(0)) + 5
    zero = torch.tensor(0.0)
    noise = modulated(gradient, zero, torch.Generator().manual_seed(1))
    assert noise.std().item() == pytest.approx(gradient.std().item(), rel=0.01)
    assert noise.mean().item() == pytest.approx(0, abs=0.03)
    half = torch.tensor(0.5)
    torch.testing.assert_close(modulated(gradient, half, None), gradient / 2)


def test_epochs_from_first_to_last_are_modulated() -> None:
    inside = [bool(within(onestep.context(epoch=e), 2, 4)) for e in range(6)]
    assert inside == [False, False, True, True, True, False]


@pytest.mark.parametrize("variant", ["code", "paper"])
def test_gradients_of_the_leading_encoder_shrink_by_k_and_no_others(variant: str) -> None:
    model, data = onestep.network(), onestep.batch()
    with torch.no_grad():  # the audio leads: its logits answer to the label more strongly
        model.head.weight[:, : model.audio_features] *= 5
    plain = onestep.gradients(Concat(), model, data, onestep.context())
    method = OgmGe(noise=False, variant=variant)
    loss = method.step(model, data, onestep.context())
    k = {"audio": loss.terms["k_audio"].item(), "visual": loss.terms["k_visual"].item()}
    assert sorted(k.values())[0] < 0.5
    assert sorted(k.values())[1] == 1
    changed = onestep.gradients(method, model, data, onestep.context())
    for name, gradient in plain.items():
        scaled = "_encoder" in name and (variant == "paper" or gradient.dim() == 4)
        factor = k[name.split("_")[0]] if scaled else 1.0
        torch.testing.assert_close(changed[name], factor * gradient)


def test_after_the_last_modulated_epoch_gradients_are_plain() -> None:
    model, data = onestep.network(), onestep.batch()
    plain = onestep.gradients(Concat(), model, data, onestep.context())
    last, late = (
        onestep.gradients(OgmGe(), model, data, onestep.context(epoch=e)) for e in (50, 51)
    )
    for name, gradient in plain.items():
        assert torch.equal(late[name], gradient)
        assert torch.equal(last[name], gradient) == ("_encoder" not in name or gradient.dim() != 4)


def test_a_constant_k_slows_sgd_and_cancels_in_adam() -> None:
    def moved(optimizer: str, k: Pair) -> float:
        model, data = onestep.network(), onestep.batch()
        weight = model.audio_encoder.body[0].weight
        first = weight.detach().clone()
        make = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimizer]
        steps = make(model.parameters(), lr=1e-4)
        for _ in range(5):
            steps.zero_grad()
            Concat().step(model, data, onestep.context()).total.backward()
            on = torch.tensor(True)
            modulate(model, k, on, onestep.context(), every=False, noise=False)
            steps.step()
        return float((weight.detach() - first).norm())

    one, tenth = pair(1.0, 1.0), pair(0.1, 1.0)
    assert moved("sgd", tenth) == pytest.approx(0.1 * moved("sgd", one), rel=0.02)
    assert moved("adam", tenth) == pytest.approx(moved("adam", one), rel=0.02)


def test_the_noise_is_a_function_of_the_generator() -> None:
    model, data = onestep.network(), onestep.batch()
    one, same, other = (
        onestep.gradients(OgmGe(), model, data, onestep.context(seed=seed)) for seed in (1, 1, 2)
    )
    name = "audio_encoder.body.0.weight"
    assert torch.equal(one[name], same[name])
    assert not torch.equal(one[name], other[name])


def test_encoders_without_convolutions_are_refused_by_the_codes_variant() -> None:
    model = onestep.network(encoder="mlp")
    with pytest.raises(UsageError, match="modulates convolutions") as caught:
        OgmGe().initial(model)
    assert caught.value.hint == "--set variant=paper"
    assert OgmGe(variant="paper").initial(model) == {}
