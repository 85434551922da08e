"""Encoders by name, and the audio-visual network built from a plain description."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
from torch import nn

from avgap.errors import UsageError, unknown
from avgap.models.audiovisual import AudioVisual, Statistics
from avgap.models.gated import Gated
from avgap.models.heads import SeparateHeads, shared_head, shared_head_mean
from avgap.models.resnet import resnet18
from avgap.models.small import small
from avgap.models.unimodal import audio_only, visual_only
from avgap.models.vector import identity, mlp

# A new encoder: a function from the input's shape to a module giving (N, d), `.features` = d.
PICTURE_ENCODERS: dict[str, Callable[[tuple[int, ...]], nn.Module]] = {  # of (C, H, W)
    "resnet18": resnet18,
    "small": small,
}
VECTOR_ENCODERS: dict[str, Callable[[tuple[int, ...]], nn.Module]] = {  # of embeddings, (d,)
    "mlp": mlp,
    "identity": identity,
}
ENCODERS = PICTURE_ENCODERS | VECTOR_ENCODERS
# A variant of the network: (audio encoder, visual encoder, classes, statistics) → a module that
# gives Logits. Most methods train the paper's own.
NETWORKS: dict[str, Callable[..., AudioVisual]] = {
    "concat": AudioVisual,
    "audio-only": audio_only,
    "visual-only": visual_only,
    "gated": Gated,
    "shared-head": shared_head,
    "shared-head-mean": shared_head_mean,
    "separate-heads": SeparateHeads,
}


@dataclass(frozen=True)
class Description:
    """All that is needed to build the network again; plain values, stored in every checkpoint.

    audio_shape: (F, T). visual_shape: (K, S, S) with S px the input size of the visual encoder.
    Of embeddings both are (d,).
    """

    audio_encoder: str
    visual_encoder: str
    audio_shape: tuple[int, ...]
    visual_shape: tuple[int, ...]
    classes: tuple[str, ...]
    network: str = "concat"

    @property
    def image_size(self) -> int:
        """The side of the visual encoder's input, px; without meaning for embeddings."""
        return self.visual_shape[-1]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        return asdict(self)

    @staticmethod
    def from_dict(values: dict[str, Any]) -> Description:
        """The description from a checkpoint's plain values; unknown names are passed over."""
        known = {f.name: values[f.name] for f in fields(Description) if f.name in values}
        tuples = {name: tuple(known[name]) for name in ("audio_shape", "visual_shape", "classes")}
        return Description(**{**known, **tuples})


def build(
    description: Description, seed: int = 0, statistics: Statistics | None = None
) -> AudioVisual:
    """The network of a description, randomly initialised from the seed (global state untouched).

    statistics: of the training split; left to the weights of a checkpoint where they are None.
    Raises UsageError for an encoder that this avgap does not have, or not for such inputs.
    """
    audio, visual = description.audio_shape, description.visual_shape
    vectors = len(visual) == 1
    if description.network not in NETWORKS:
        raise unknown("network", description.network, NETWORKS)
    for name in (description.audio_encoder, description.visual_encoder):
        _check_encoder(name, vectors)
    if statistics is None:
        zeros, ones = ([torch.full(s, v) for s in (audio, visual)] for v in (0.0, 1.0))
        statistics = Statistics(zeros[0], ones[0], zeros[1], ones[1]) if vectors else None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return NETWORKS[description.network](
            ENCODERS[description.audio_encoder](audio if vectors else (1, *audio)),
            ENCODERS[description.visual_encoder](visual if vectors else (3, *visual[1:])),
            len(description.classes),
            statistics,
        )


def _check_encoder(name: str, vectors: bool) -> None:
    if name not in ENCODERS:
        raise unknown("encoder", name, ENCODERS)
    fitting = VECTOR_ENCODERS if vectors else PICTURE_ENCODERS
    if name not in fitting:
        what = "embeddings" if vectors else "spectrograms and frames, not embeddings"
        raise UsageError(
            f"the encoder {name!r} does not fit the cache",
            [f"it holds {what}; encoders for it: {', '.join(fitting)}"],
            f"--encoder {next(iter(fitting))}",
        )
