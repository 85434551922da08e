"""Encoders of embeddings: features that another network has made already."""

from __future__ import annotations

import math

from torch import Tensor, nn

_WIDTH = 256


class Identity(nn.Module):
    """The embedding itself: (N, …) → (N, d). What is trained is the head alone."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.features = features

    def forward(self, x: Tensor) -> Tensor:
        """(N, …) → (N, d)."""
        return x.flatten(1)


class Mlp(nn.Module):
    """Two linear layers of 256, each with ReLU: (N, …) → (N, 256)."""

    features = _WIDTH

    def __init__(self, features: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Flatten(),
            nn.Linear(features, _WIDTH),
            nn.ReLU(),
            nn.Linear(_WIDTH, _WIDTH),
            nn.ReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, …) → (N, 256)."""
        features: Tensor = self.body(x)
        return features


def identity(shape: tuple[int, ...]) -> Identity:
    """No encoder, for inputs of this shape."""
    return Identity(math.prod(shape))


def mlp(shape: tuple[int, ...]) -> Mlp:
    """The perceptron for inputs of this shape."""
    return Mlp(math.prod(shape))
