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
from torch.nn.functional import cross_entropy

from avgap.methods import Batch, Loss, Method, Now
from avgap.methods.bounds import Epoch, NotNegative, Share
from avgap.methods.modulation import Pair, true_class_scores, within
from avgap.methods.ogm_ge import check_convolutions, coefficients, modulate
from avgap.methods.opm import draws, drop_rates, dropped, in_force
from avgap.models.audiovisual import AudioVisual


@dataclass(frozen=True)
class OpmOgm(Method):
    """L_MM with drops, its gradient modulated."""

    q_base: Share = 0.5  # as Opm
    strength: NotNegative = 0.5
    p: Share = 0.7
    warmup: Epoch = 6  # epochs without either
    alpha: NotNegative = 0.8  # of OGM; the code's script
    ends: Epoch = 60  # last epoch with OGM, from 0; the same script
    noise: bool = False  # the joint method's name says OGM, without GE
    variant: Literal["code", "paper"] = "code"  # as OgmGe
    distributed: ClassVar[bool] = False

    def initial(self, model: AudioVisual) -> dict[str, Tensor]:
        """Nothing to keep. Raises UsageError where nothing would be modulated."""
        if self.variant == "code":
            check_convolutions(model)
        return {}

    def step(self, model: AudioVisual, batch: Batch, now: Now) -> Loss:
        """L_MM of one batch, and the batch's q and k."""
        phi = Pair(*model.encode(batch.audio, batch.frames))
        scores = true_class_scores(model.classify(*phi), batch.label, now)
        rates = in_force(drop_rates(scores, self.q_base, self.strength), now, self.p, self.warmup)
        fused = model.classify(*dropped(phi, rates, draws(phi, now))).fused
        loss = cross_entropy(fused, batch.label)
        k = coefficients(scores, self.alpha)
        terms = {"fused": loss, "q_audio": rates.audio, "q_visual": rates.visual}
        return Loss(loss, {**terms, "k_audio": k.audio, "k_visual": k.visual})

    def backward(self, model: AudioVisual, loss: Loss, now: Now) -> None:
        """The gradient of L_MM, modulated."""
        loss.total.backward()
        on = within(now, self.warmup, self.ends)
        k = Pair(loss.terms["k_audio"], loss.terms["k_visual"])
        modulate(model, k, on, now, every=self.variant == "paper", noise=self.noise)
