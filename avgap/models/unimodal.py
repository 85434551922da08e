"""One modality alone: one encoder, one linear head. "Audio-only", "Visual-only" of Table 1."""

from __future__ import annotations

from torch import Tensor, nn

from avgap.models.audiovisual import AudioVisual, Logits, Statistics
from avgap.models.heads import in_full


class Unimodal(AudioVisual):
    """Of the other modality there is nothing: its logits are zero, every class as likely.

    So the fused logits are those of the modality, by the same sum as elsewhere.
    """

    def __init__(
        self,
        modality: str,  # audio | visual
        audio_encoder: nn.Module,
        visual_encoder: nn.Module,
        classes: int,
        statistics: Statistics | None = None,
    ) -> None:
        super().__init__(audio_encoder, visual_encoder, classes, statistics)
        self.modality = modality
        absent = "visual_encoder" if modality == "audio" else "audio_encoder"
        setattr(self, absent, nn.Identity())
        kept = audio_encoder if modality == "audio" else visual_encoder
        self.head = nn.Linear(int(kept.features), classes)  # type: ignore[arg-type]

    def forward(self, audio: Tensor, frames: Tensor) -> Logits:
        """W φ + b of the modality, (N, M), and zeros of the other."""
        alone = self.modality == "audio"
        phi = self.encode_audio(audio) if alone else self.encode_visual(frames)
        logits = in_full(self.head, phi)
        nothing = logits.new_zeros(logits.shape)
        return Logits(logits, nothing) if alone else Logits(nothing, logits)


def audio_only(*parts: object) -> Unimodal:
    """The network of the sound alone."""
    return Unimodal("audio", *parts)  # type: ignore[arg-type]


def visual_only(*parts: object) -> Unimodal:
    """The network of the frames alone."""
    return Unimodal("visual", *parts)  # type: ignore[arg-type]
