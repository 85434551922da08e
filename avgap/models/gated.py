"""Mid-level fusion: after three stages each modality's channels are gated by what both show.

MMTM (Joze et al., CVPR 2020), as Greedy (Wu et al., ICML 2022) trains it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from avgap.errors import UsageError
from avgap.models.audiovisual import AudioVisual, Logits, Statistics
from avgap.models.heads import in_full

_RATIO = 4  # of the squeeze; Greedy's code
_GATED = (1, 2, 3)  # the second to the fourth stage, from 0; Greedy's code


class Gate(nn.Module):
    """One MMTM: channel means of both modalities → a gate in (0, 1) for every channel of each.

    The running means of the gates stand in for a gate that Greedy freezes.
    """

    def __init__(self, audio: int, visual: int) -> None:
        super().__init__()
        width = 2 * (audio + visual) // _RATIO
        self.squeeze = nn.Linear(audio + visual, width)
        self.audio = nn.Linear(width, audio)
        self.visual = nn.Linear(width, visual)
        self.audio_mean: Tensor
        self.visual_mean: Tensor
        self.steps: Tensor
        self.register_buffer("audio_mean", torch.zeros(audio))
        self.register_buffer("visual_mean", torch.zeros(visual))
        self.register_buffer("steps", torch.zeros(()))

    def forward(
        self, audio: Tensor, visual: Tensor, frozen: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Gates (N, C_a), (N, C_v) of channel means of these shapes. frozen: as `Gated.forward`."""
        hidden = self.squeeze(torch.cat([audio, visual], dim=1)).relu()
        gates = self.audio(hidden).sigmoid(), self.visual(hidden).sigmoid()
        if self.training:
            self._follow(*(gate.detach().float().mean(dim=0) for gate in gates))
        if frozen is None:
            return gates
        means = self.audio_mean, self.visual_mean
        kept = [
            torch.where(f > 0, m, g.float()) for f, m, g in zip(frozen, means, gates, strict=True)
        ]
        return kept[0], kept[1]

    def _follow(self, audio: Tensor, visual: Tensor) -> None:
        """Take a batch's mean gates into the running means over all steps."""
        self.steps += 1
        self.audio_mean += (audio - self.audio_mean) / self.steps
        self.visual_mean += (visual - self.visual_mean) / self.steps


class Gated(AudioVisual):
    """Two encoders that gate each other, two heads, the mean of their logits.

    So a modality's logits are not of that modality alone: they have seen the other by the gates.
    """

    def __init__(
        self,
        audio_encoder: nn.Module,
        visual_encoder: nn.Module,
        classes: int,
        statistics: Statistics | None = None,
    ) -> None:
        super().__init__(audio_encoder, visual_encoder, classes, statistics)
        if not all(hasattr(encoder, "stage") for encoder in (audio_encoder, visual_encoder)):
            raise UsageError(
                "gates between the modalities need encoders of four stages",
                ["resnet18 and small have them; those of embeddings have not"],
                "another method, or a cache of spectrograms and frames",
            )
        visual_features = self.head.in_features - self.audio_features
        del self.head
        self.audio_head = nn.Linear(self.audio_features, classes)
        self.visual_head = nn.Linear(visual_features, classes)
        widths: list[tuple[int, ...]] = [audio_encoder.widths, visual_encoder.widths]  # type: ignore[list-item]
        self.gates = nn.ModuleList(Gate(widths[0][i], widths[1][i]) for i in _GATED)

    def encode(
        self, audio: Tensor, frames: Tensor, frozen: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """φ^a (N, d_a) and φ^v (N, d_v), gated."""
        n, k = frames.shape[:2]
        sound, sight = self.standard_audio(audio), self.standard_frames(frames)
        gates = dict(zip(_GATED, self.gates, strict=True))
        for number in range(4):
            sound = self.audio_encoder.stage(number, sound)  # type: ignore[operator]
            sight = self.visual_encoder.stage(number, sight)  # type: ignore[operator]
            if number in gates:
                shown = sight.mean(dim=(2, 3)).view(n, k, -1).mean(dim=1)
                gate = gates[number](sound.mean(dim=(2, 3)), shown, frozen)
                sound = sound * gate[0][:, :, None, None]
                each = gate[1][:, None].expand(n, k, -1).flatten(0, 1)  # of a clip's every frame
                sight = sight * each[:, :, None, None]
        return sound.mean(dim=(2, 3)), sight.mean(dim=(2, 3)).view(n, k, -1).mean(dim=1)

    def classify(self, phi_audio: Tensor, phi_visual: Tensor) -> Logits:
        """Each head's logits and their mean, (N, M)."""
        audio, visual = in_full(self.audio_head, phi_audio), in_full(self.visual_head, phi_visual)
        return Logits(audio, visual, (audio + visual) / 2)

    def forward(self, audio: Tensor, frames: Tensor, frozen: Tensor | None = None) -> Logits:
        """As AudioVisual. frozen: (2,), above zero where that modality's gates are their means."""
        return self.classify(*self.encode(audio, frames, frozen))
