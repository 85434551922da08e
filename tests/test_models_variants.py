"""The variants of the network: what each gives and refuses, and that checkpoints rebuild them."""

from __future__ import annotations

import math

import onestep
import pytest
import torch

from avgap.errors import UsageError
from avgap.models import NETWORKS, Description, build
from avgap.models.gated import Gate
from avgap.models.heads import entropy_weights


@pytest.mark.parametrize("encoder", ["small", "resnet18", "mlp"])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_variant_gives_logits_and_is_rebuilt_from_its_description(name, encoder):
    if name == "gated" and encoder == "mlp":
        with pytest.raises(UsageError, match="need encoders of four stages"):
            onestep.network(name, encoder)
        return
    model, data = onestep.network(name, encoder).eval(), onestep.batch(encoder=encoder)
    logits = model(data.audio, data.frames)
    assert logits.audio.shape == logits.visual.shape == logits.fused.shape == (6, 3)
    shapes = ((8,), (8,)) if encoder == "mlp" else ((12, 16), (2, 16, 16))
    description = Description(encoder, encoder, *shapes, onestep.CLASSES, name)
    again = build(Description.from_dict(description.as_dict()), seed=5).eval()
    again.load_state_dict(model.state_dict())
    assert torch.equal(again(data.audio, data.frames).fused, logits.fused)


@pytest.mark.parametrize(("name", "absent"), [("audio-only", "visual"), ("visual-only", "audio")])
def test_a_network_of_one_modality_has_nothing_of_the_other(name, absent):
    model, data = onestep.network(name), onestep.batch()
    logits = model(data.audio, data.frames)
    present = {"audio": logits.visual, "visual": logits.audio}[absent]
    assert getattr(logits, absent).abs().sum() == 0
    assert torch.equal(logits.fused, present)
    assert not [n for n, _ in model.named_parameters() if n.startswith(absent)]


def test_of_two_sizes_of_features_each_single_modality_has_its_own():
    for name, size in (("audio-only", 5), ("visual-only", 7)):
        model = build(Description("identity", "identity", (5,), (7,), ("a", "b"), name))
        assert model.head.in_features == size


def test_a_shared_head_needs_features_of_one_size():
    with pytest.raises(UsageError, match="audio 5, visual 7"):
        build(Description("identity", "identity", (5,), (7,), ("a", "b"), "shared-head"))


def test_the_more_certain_modality_weighs_more_for_each_sample_alone():
    # Of two classes: entropy ln 2 at (0, 0), and h at (ln 3, 0), with p = (3/4, 1/4).
    h = math.log(4) - 0.75 * math.log(3)
    audio = torch.tensor([[0.0, 0.0], [math.log(3), 0.0]])
    visual = torch.tensor([[math.log(3), 0.0], [math.log(3), 0.0]])
    weights = entropy_weights(audio, visual)
    # w_m ∝ exp(max H − H_m): audio's 1, visual's exp(ln 2 − h).
    ratio = math.exp(math.log(2) - h)
    assert weights[0][:, 0].tolist() == pytest.approx([1 / (1 + ratio), 0.5])
    assert weights[1][:, 0].tolist() == pytest.approx([ratio / (1 + ratio), 0.5])
    assert entropy_weights(audio[:1], visual[:1])[0].item() == pytest.approx(1 / (1 + ratio))


def test_fixed_fusion_is_the_mean_and_dynamic_fusion_is_not():
    data = onestep.batch()
    mean = onestep.network("shared-head-mean")(data.audio, data.frames)
    torch.testing.assert_close(mean.fused, (mean.audio + mean.visual) / 2)
    dynamic = onestep.network("shared-head")(data.audio, data.frames)
    assert torch.equal(dynamic.audio, mean.audio)
    of_audio, of_visual = entropy_weights(dynamic.audio, dynamic.visual)
    expected = of_audio * dynamic.audio + of_visual * dynamic.visual
    torch.testing.assert_close(dynamic.fused, expected)
    assert not torch.allclose(dynamic.fused, mean.fused)


def test_separate_heads_do_not_share_a_weight():
    model, data = onestep.network("separate-heads"), onestep.batch()
    model(data.audio, data.frames).audio.sum().backward()
    reached = {n for n, p in model.named_parameters() if p.grad is not None and p.grad.any()}
    assert {n.split(".")[0] for n in reached} == {"audio_encoder", "audio_head"}


def test_the_stages_of_an_encoder_are_the_encoder():
    for encoder in ("small", "resnet18"):
        model = onestep.network(encoder=encoder).eval().audio_encoder
        x = whole = torch.randn(2, 1, 32, 32)
        for number, width in enumerate(model.widths):
            x = model.stage(number, x)
            assert x.shape[1] == width
        torch.testing.assert_close(x.mean(dim=(2, 3)), model(whole))


def test_running_means_are_those_of_all_training_steps_and_of_each_modality_its_own():
    gate = Gate(4, 8).train()
    seen = [torch.randn(3, 4), torch.randn(3, 4)]
    gates = [gate(x, torch.ones(3, 8), None) for x in seen]
    torch.testing.assert_close(gate.audio_mean, torch.cat([g[0] for g in gates]).mean(dim=0))
    torch.testing.assert_close(gate.visual_mean, torch.cat([g[1] for g in gates]).mean(dim=0))
    held = gate.audio_mean.clone()
    gate.eval()(seen[0], torch.ones(3, 8), None)
    assert torch.equal(gate.audio_mean, held)


def test_a_frozen_gate_is_its_running_mean_for_every_sample():
    gate = Gate(4, 8).eval()
    gate.audio_mean.fill_(0.25)
    audio, visual = gate(torch.randn(3, 4), torch.randn(3, 8), torch.tensor([1.0, 0.0]))
    assert torch.equal(audio, torch.full((3, 4), 0.25))
    assert visual.std(dim=0).min() > 0


def test_gates_follow_the_second_to_fourth_stage_with_half_as_many_hidden_units():
    # Both encoders have 16, 32, 64 and 128 channels: 2 (C + C) / 4 = C hidden units.
    gates = onestep.network("gated").gates
    assert [gate.squeeze.weight.shape for gate in gates] == [(32, 64), (64, 128), (128, 256)]
    assert [gate.visual.weight.shape for gate in gates] == [(32, 32), (64, 64), (128, 128)]


def test_each_modality_sees_the_other_by_the_gates():
    model, data = onestep.network("gated").eval(), onestep.batch()
    before = model(data.audio, data.frames)
    after = model(data.audio, data.frames.flip(0))
    assert not torch.allclose(before.audio, after.audio)
    torch.testing.assert_close(before.fused, (before.audio + before.visual) / 2)
