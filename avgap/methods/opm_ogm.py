"""Prediction and gradient modulation together (Wei et al., TPAMI 2024): OPM with OGM.

In the forward pass the leading modality is dropped (`opm.py`), in the backward pass its encoder
learns more slowly (`ogm_ge.py`), both after the warm-up. The published code has flags for either
and no script that sets both; its modulation scales convolutions alone. What ρ both follow is that
of the whole features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from avgap.methods import Batch, Loss, Method, StepContext
from avgap.methods.bounds import EpochNumber, NotNegative, Share
from avgap.methods.modulation import Pair, within
from avgap.methods.ogm_ge import check_convolutions, coefficients, modulate
from avgap.methods.opm import Opm
from avgap.models.audiovisual import AudioVisual


@dataclass(frozen=True)
class OpmOgm(Method):
    """L_MM with drops, its gradient modulated."""

    q_base: Share = 0.5  # as Opm
    strength: NotNegative = 0.5
    p: Share = 0.7
    warmup: EpochNumber = 6  # epochs without either
    alpha: NotNegative = 0.8  # of OGM; the code's script
    ends: EpochNumber = 60  # last epoch with OGM, from 0; the same script
    noise: bool = False  # the joint method's name says OGM, without GE
    variant: Literal["code", "paper"] = "code"  # as OgmGe
    distributed: ClassVar[bool] = False

    def initial(self, model: AudioVisual) -> dict[str, Tensor]:
        """Nothing to keep. Raises UsageError where nothing would be modulated."""
        if self.variant == "code":
            check_convolutions(model)
        return {}

    def step(self, model: AudioVisual, batch: Batch, context: StepContext) -> Loss:
        """L_MM of one batch, and the batch's q and k."""
        drops = Opm(self.q_base, self.strength, self.p, self.warmup)
        loss, scores = drops.with_drops(model, batch, context)
        k = coefficients(scores, self.alpha)
        return Loss(loss.total, {**loss.terms, "k_audio": k.audio, "k_visual": k.visual})

    def backward(self, model: AudioVisual, loss: Loss, context: StepContext) -> None:
        """The gradient of L_MM, modulated."""
        loss.total.backward()
        on = within(context, self.warmup, self.ends)
        k = Pair(loss.terms["k_audio"], loss.terms["k_visual"])
        modulate(model, k, on, context, every=self.variant == "paper", noise=self.noise)
