"""The audio-visual network: two encoders, concatenation, one linear head. Eq. 1–3."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

# Per-channel statistics of ImageNet in [0, 1], which all the peers use for frames.
_IMAGE_MEAN = (0.485, 0.456, 0.406)
_IMAGE_STD = (0.229, 0.224, 0.225)


class Logits(NamedTuple):
    """The unimodal logits l^a and l^v, each (N, M). Eq. 3.

    joint: the fused logits (N, M) of a network that does not fuse by the sum.
    """

    audio: Tensor
    visual: Tensor
    joint: Tensor | None = None

    @property
    def fused(self) -> Tensor:
        """f(x) = l^a + l^v, (N, M): the concatenation head, since the bias is halved. Eq. 1–3."""
        return self.audio + self.visual if self.joint is None else self.joint


class Statistics(NamedTuple):
    """What inputs are standardised by: numbers, or arrays (d,) for embeddings.

    visual: None for frames, which ImageNet's standardise.
    """

    audio_mean: Any = 0.0
    audio_std: Any = 1.0
    visual_mean: Any = None
    visual_std: Any = None


class AudioVisual(nn.Module):
    """Eq. 1–3 on raw inputs: standardises them in fp32, encodes each, applies one shared head.

    audio_encoder: (N, 1, F, T) → (N, d_a). visual_encoder: (N·K, 3, H, W) → (N·K, d_v), averaged
    over the K frames (as the peers' pooling over time and space does). Both have `.features` = d.
    Embeddings come as audio (N, d) and, like a single frame, visual (N, 1, d).
    """

    def __init__(
        self,
        audio_encoder: nn.Module,
        visual_encoder: nn.Module,
        classes: int,
        statistics: Statistics | None = None,
    ) -> None:
        super().__init__()
        self.audio_encoder = audio_encoder
        self.visual_encoder = visual_encoder
        self.audio_features = int(audio_encoder.features)  # type: ignore[arg-type]
        visual_features = int(visual_encoder.features)  # type: ignore[arg-type]
        self.head = nn.Linear(self.audio_features + visual_features, classes)
        self.audio_mean: Tensor
        self.audio_std: Tensor
        self.visual_mean: Tensor
        self.visual_std: Tensor
        statistics = statistics or Statistics()
        self._standardise("audio", statistics.audio_mean, statistics.audio_std)
        if statistics.visual_mean is not None:
            self._standardise("visual", statistics.visual_mean, statistics.visual_std)
        else:  # constants, which no checkpoint needs
            mean, std = (255 * _real(v).view(3, 1, 1) for v in (_IMAGE_MEAN, _IMAGE_STD))
            self._standardise("visual", mean, std, persistent=False)

    def _standardise(self, name: str, mean: Any, std: Any, persistent: bool = True) -> None:
        centre, scale = _real(mean), _real(std)
        # What never varies stays as it is, less its mean.
        scale = scale if scale.is_meta else torch.where(scale > 0, scale, 1.0)
        self.register_buffer(f"{name}_mean", centre, persistent)
        self.register_buffer(f"{name}_std", scale, persistent)

    def encode_audio(self, audio: Tensor) -> Tensor:
        """φ^a (N, d_a) of audio (N, F, T), or of embeddings (N, d)."""
        features: Tensor = self.audio_encoder(self.standard_audio(audio))
        return features

    def encode_visual(self, frames: Tensor) -> Tensor:
        """φ^v (N, d_v) of frames (N, K, 3, H, W) in 0…255, or of embeddings (N, 1, d)."""
        n, k = frames.shape[:2]
        features: Tensor = self.visual_encoder(self.standard_frames(frames))
        return features.view(n, k, -1).mean(dim=1)

    def standard_audio(self, audio: Tensor) -> Tensor:
        """Audio (N, F, T) as its encoder takes it, (N, 1, F, T), standardised; or (N, 1, d)."""
        # Before any cast: a raw log spectrogram reaches −16, where bf16 steps by 0.06.
        return ((audio.float() - self.audio_mean) / self.audio_std)[:, None]

    def standard_frames(self, frames: Tensor) -> Tensor:
        """Frames (N, K, 3, H, W) as their encoder takes them, (N · K, 3, H, W); or (N, d)."""
        return ((frames.float() - self.visual_mean) / self.visual_std).flatten(0, 1)

    def encode(self, audio: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """φ^a (N, d_a) and φ^v (N, d_v)."""
        return self.encode_audio(audio), self.encode_visual(frames)

    def classify(self, phi_audio: Tensor, phi_visual: Tensor) -> Logits:
        """Unimodal logits W^a φ^a + b/2 and W^v φ^v + b/2, in fp32. Eq. 3."""
        with torch.autocast(phi_audio.device.type, enabled=False):
            d = self.audio_features
            weight_audio, weight_visual = self.head.weight[:, :d], self.head.weight[:, d:]
            half_bias = self.head.bias / 2
            return Logits(
                linear(phi_audio.float(), weight_audio, half_bias),
                linear(phi_visual.float(), weight_visual, half_bias),
            )

    def forward(self, audio: Tensor, frames: Tensor) -> Logits:
        """The logits of raw inputs. Eq. 1–3."""
        return self.classify(*self.encode(audio, frames))


def _real(value: Any) -> Tensor:
    """A copy in float32 on the CPU, also where the weights are made without memory.

    On the device "meta" the same arithmetic would import torch's compiler; what is there already
    stays, since of that only the shape counts.
    """
    if isinstance(value, Tensor) and value.is_meta:
        return value
    return torch.as_tensor(value, dtype=torch.float32, device="cpu").clone()
