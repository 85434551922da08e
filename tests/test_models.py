"""Eq. 1–4 and 6: the network, its unimodal logits, scores and gap."""

from __future__ import annotations

import math

import pytest
import torch

from avgap.errors import UsageError
from avgap.models import ENCODERS, Description, build
from avgap.models.audiovisual import AudioVisual, Statistics
from avgap.models.scores import modality_gap, true_class_prob


class Given(torch.nn.Module):
    """An encoder that gives the mean over its input plane, so that features can be chosen."""

    features = 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=(1, 2, 3))[:, None]


def description(**changes: object) -> Description:
    values = {
        "audio_encoder": "small",
        "visual_encoder": "small",
        "audio_shape": (12, 16),
        "visual_shape": (2, 16, 16),
        "classes": ("a", "b", "c"),
    }
    return Description(**{**values, **changes})  # type: ignore[arg-type]


def test_unimodal_logits_are_the_weights_times_the_features_plus_half_the_bias() -> None:
    model = AudioVisual(Given(), Given(), classes=2, statistics=Statistics(1.0, 2.0))
    with torch.no_grad():
        model.head.weight.copy_(torch.tensor([[2.0, 10.0], [3.0, 20.0]]))
        model.head.bias.copy_(torch.tensor([1.0, -1.0]))
    audio = torch.full((1, 4, 4), 5.0)  # standardised: (5 − 1) / 2 = 2
    grey = 255 * torch.tensor([0.485, 0.456, 0.406]).view(1, 1, 3, 1, 1)
    deviation = 255 * torch.tensor([0.229, 0.224, 0.225]).view(1, 1, 3, 1, 1)
    frames = (grey + 0.5 * deviation).expand(1, 2, 3, 4, 4)  # standardised: 0.5
    logits = model(audio, frames)
    # W^a φ^a + b/2 = (2·2 + 0.5, 3·2 − 0.5); W^v φ^v + b/2 = (10·0.5 + 0.5, 20·0.5 − 0.5)
    torch.testing.assert_close(logits.audio, torch.tensor([[4.5, 5.5]]))
    torch.testing.assert_close(logits.visual, torch.tensor([[5.5, 9.5]]))
    torch.testing.assert_close(logits.fused, torch.tensor([[10.0, 15.0]]))


def test_fused_logits_are_those_of_one_linear_layer_on_the_concatenated_features() -> None:
    model = build(description(), seed=3)
    audio, frames = torch.randn(5, 12, 16) - 6, 255 * torch.rand(5, 2, 3, 16, 16)
    both = torch.cat(model.encode(audio, frames), dim=1)
    torch.testing.assert_close(model(audio, frames).fused, model.head(both))


def test_frames_are_averaged_over_the_clip() -> None:
    model = AudioVisual(Given(), Given(), classes=2)
    one = torch.rand(1, 1, 3, 4, 4) * 255
    two = torch.cat([one, one + 50], dim=1)
    single = [model.encode(torch.zeros(1, 4, 4), two[:, k : k + 1])[1] for k in range(2)]
    together = model.encode(torch.zeros(1, 4, 4), two)[1]
    torch.testing.assert_close(together, (single[0] + single[1]) / 2)


@pytest.mark.parametrize("name", list(ENCODERS))
@pytest.mark.parametrize("shape", [(1, 40, 63), (3, 32, 32)])
def test_every_encoder_gives_one_feature_vector_per_input(
    name: str, shape: tuple[int, int, int]
) -> None:
    encoder = ENCODERS[name](shape)
    out = encoder(torch.rand(2, *shape))
    assert out.shape == (2, encoder.features)


def test_resnet18_has_the_papers_size() -> None:
    # torchvision's ResNet-18 has 11,689,512 parameters, its classifier 513,000 of them; the audio
    # encoder's first convolution has 1 channel instead of 3: 2·64·49 weights fewer.
    count = {
        channels: sum(p.numel() for p in ENCODERS["resnet18"]((channels, 32, 32)).parameters())
        for channels in (1, 3)
    }
    assert count[3] == 11_689_512 - 513_000
    assert count[1] == count[3] - 2 * 64 * 49


def test_the_same_seed_builds_the_same_weights_and_leaves_the_global_state_alone() -> None:
    before = torch.get_rng_state()
    one, two, other = (build(description(), seed) for seed in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(one.head.weight, two.head.weight)
    assert not torch.equal(one.head.weight, other.head.weight)


def test_an_unknown_encoder_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"unknown encoder 'resnet8'\n.*\n  try: resnet18"):
        build(description(audio_encoder="resnet8"))


def test_score_of_the_true_class_is_its_softmax() -> None:
    # softmax(ln 1, ln 3) = (1/4, 3/4)
    logits = torch.tensor([[0.0, math.log(3)], [0.0, math.log(3)]])
    torch.testing.assert_close(
        true_class_prob(logits, torch.tensor([0, 1])), torch.tensor([0.25, 0.75])
    )


def test_gap_is_audio_minus_visual_and_swapping_them_negates_it() -> None:
    audio = torch.tensor([[0.0, math.log(3)], [0.0, 0.0]])  # true class: 3/4, 1/2
    visual = torch.tensor([[0.0, 0.0], [math.log(9), 0.0]])  # true class: 1/2, 9/10
    label = torch.tensor([1, 0])
    gap = modality_gap(audio, visual, label)
    torch.testing.assert_close(gap, torch.tensor([0.25, -0.4]))
    torch.testing.assert_close(modality_gap(visual, audio, label), -gap)


def test_gap_stays_in_its_bounds_at_extreme_logits() -> None:
    audio, visual = torch.tensor([[1e4, -1e4]]), torch.tensor([[-1e4, 1e4]])
    assert modality_gap(audio, visual, torch.tensor([0])).item() == 1.0
    assert modality_gap(audio, visual, torch.tensor([1])).item() == -1.0
