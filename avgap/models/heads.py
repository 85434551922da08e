"""Other heads on the same encoders: one for both modalities, or one each beside the fused one."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from avgap.errors import UsageError
from avgap.models.audiovisual import AudioVisual, Logits, Statistics


def in_full(head: nn.Linear, phi: Tensor) -> Tensor:
    """A linear head on features (N, d), in fp32 whatever the encoders ran in: (N, M)."""
    with torch.autocast(phi.device.type, enabled=False):
        return linear(phi.float(), head.weight, head.bias)


def entropy_weights(audio: Tensor, visual: Tensor) -> tuple[Tensor, Tensor]:
    """w_m ∝ exp(max H − H_m) of each sample, (N, 1) each, as MLA fuses.

    audio, visual: logits (N, M). H_m: entropy of the softmax over a sample's classes (nats).
    """
    both = torch.stack([audio, visual]).log_softmax(dim=2)
    entropy = -(both.exp() * both).sum(dim=2)
    weights = (-entropy).softmax(dim=0)[:, :, None]
    return weights[0], weights[1]


class SharedHead(AudioVisual):
    """MLA's network: one linear head for either modality's features.

    fusion: dynamic (each sample's modalities weighted by their certainty) or mean.
    """

    def __init__(
        self,
        fusion: str,
        audio_encoder: nn.Module,
        visual_encoder: nn.Module,
        classes: int,
        statistics: Statistics | None = None,
    ) -> None:
        super().__init__(audio_encoder, visual_encoder, classes, statistics)
        self.fusion = fusion
        sizes = self.audio_features, self.head.in_features - self.audio_features
        if sizes[0] != sizes[1]:
            raise UsageError(
                "a head for both modalities needs features of one size",
                [f"audio {sizes[0]}, visual {sizes[1]}"],
                "the same encoder for both, such as --encoder mlp for embeddings",
            )
        self.head = nn.Linear(self.audio_features, classes)

    def classify(self, phi_audio: Tensor, phi_visual: Tensor) -> Logits:
        """W φ^m + b of each modality, and their weighted sum: (N, M) each."""
        audio, visual = in_full(self.head, phi_audio), in_full(self.head, phi_visual)
        if self.fusion == "mean":
            return Logits(audio, visual, (audio + visual) / 2)
        of_audio, of_visual = entropy_weights(audio, visual)
        return Logits(audio, visual, of_audio * audio + of_visual * visual)


class SeparateHeads(AudioVisual):
    """MMPareto's network: a head of its own for each modality, and one for both together."""

    def __init__(
        self,
        audio_encoder: nn.Module,
        visual_encoder: nn.Module,
        classes: int,
        statistics: Statistics | None = None,
    ) -> None:
        super().__init__(audio_encoder, visual_encoder, classes, statistics)
        self.audio_head = nn.Linear(self.audio_features, classes)
        self.visual_head = nn.Linear(self.head.in_features - self.audio_features, classes)

    def classify(self, phi_audio: Tensor, phi_visual: Tensor) -> Logits:
        """W φ + b of the audio's head, of the visual's and of the fused one: (N, M) each."""
        both = torch.cat([phi_audio, phi_visual], dim=1)
        return Logits(
            in_full(self.audio_head, phi_audio),
            in_full(self.visual_head, phi_visual),
            in_full(self.head, both),
        )


def shared_head(*parts: object) -> SharedHead:
    """MLA's network with fusion by certainty."""
    return SharedHead("dynamic", *parts)  # type: ignore[arg-type]


def shared_head_mean(*parts: object) -> SharedHead:
    """MLA's network with fusion by the mean."""
    return SharedHead("mean", *parts)  # type: ignore[arg-type]
