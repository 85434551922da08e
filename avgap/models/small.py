"""A small convolutional encoder for a CPU, for tests and for the demo.

Group normalisation instead of batch normalisation: no batch statistics, so that training and
evaluation, one process and many, compute the same function.
"""

from __future__ import annotations

from torch import Tensor, nn

_WIDTHS = (16, 32, 64, 128)
_GROUPS = 8
_LAYERS = 3  # per stage: convolution, norm, ReLU


class Small(nn.Module):
    """Four 3×3 convolutions of stride 2, each with group norm and ReLU: (N, C, H, W) → (N, 128)."""

    features = _WIDTHS[-1]
    widths = _WIDTHS

    def __init__(self, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width in _WIDTHS:
            layers += [
                nn.Conv2d(channels, width, 3, stride=2, padding=1, bias=False),
                nn.GroupNorm(_GROUPS, width),
                nn.ReLU(),
            ]
            channels = width
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, 128)."""
        features: Tensor = self.body(x)
        return features

    def stage(self, number: int, x: Tensor) -> Tensor:
        """The numbered convolution with its norm and ReLU, 0…3: (N, C, H, W) → (N, C′, H′, W′)."""
        start = _LAYERS * number
        out: Tensor = self.body[start : start + _LAYERS](x)
        return out


def small(shape: tuple[int, ...]) -> Small:
    """The small encoder for inputs of shape (C, H, W)."""
    return Small(shape[0])
