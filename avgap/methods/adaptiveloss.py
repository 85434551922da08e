"""Eq. 10 for anybody's training loop: the loss of `adapt` as a module of PyTorch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from torch import Tensor, nn

from avgap import settings
from avgap.artifact.gmm import read_mixture
from avgap.errors import UsageError, unknown
from avgap.methods import Loss
from avgap.methods.adaptive import PULLS, WEIGHTS, Adaptive
from avgap.methods.imbalance import Imbalance
from avgap.mixture.model import Mixture
from avgap.models.audiovisual import Logits


class AdaptiveLoss(nn.Module):
    """The adaptive loss of any two modalities, Eq. 10; it has no parameters of its own.

    mixture: of the gaps of the first minus the second modality, or the path of a gmm.json. Assign
    a new one to `mixture` before every round. The others are the settings of `avgap adapt`, with
    the same defaults; `**avgap.settings.PRESETS["kept"]` is its `--preset kept`. Raises InputError:
    a gmm.json that cannot be used; UsageError: no mixture, unknown weights or pull.
    """

    def __init__(
        self,
        mixture: Mixture | str | Path,
        *,
        alpha: float = settings.Adaptive.alpha,
        beta: float = settings.Adaptive.beta,
        gamma: float = settings.Adaptive.gamma,
        anneal: float = settings.Adaptive.anneal,
        weights: str = settings.Adaptive.weights,
        pull: str = settings.Adaptive.pull,
        keep_unimodal: bool = settings.Adaptive.keep_unimodal,
    ) -> None:
        super().__init__()
        if weights not in WEIGHTS:
            raise unknown("weights", weights, WEIGHTS)
        if pull not in PULLS:
            raise unknown("pull", pull, PULLS)
        self.equation = Adaptive(
            _read(mixture), alpha, beta, gamma, anneal, weights, pull, keep_unimodal
        )

    @property
    def mixture(self) -> Mixture:
        """The mixture of this round."""
        return self.equation.mixture

    @mixture.setter
    def mixture(self, mixture: Mixture | str | Path) -> None:
        """Take the next round's mixture, or the path of a gmm.json. Raises InputError."""
        self.equation = replace(self.equation, mixture=_read(mixture))

    def forward(
        self,
        first: Tensor,
        second: Tensor,
        label: Tensor,
        epoch: int | Tensor = 0,
        fused: Tensor | None = None,
        imbalanced: Tensor | None = None,
    ) -> Tensor:
        """The loss of one batch, a scalar.

        first, second: the modalities' logits, (B, M). label: class index, (B,). epoch: 0-based
        within the adaptive phase, the exponent of λ. fused: the model's own logits, (B, M); without
        them the sum of both. imbalanced: w_{i,1}, (B,), such as `mixture.posterior` of held-out
        gaps; without it that of these logits' gaps. Raises UsageError: weights that look at none.
        """
        return self.parts(first, second, label, epoch, fused, imbalanced).total

    def parts(
        self,
        first: Tensor,
        second: Tensor,
        label: Tensor,
        epoch: int | Tensor = 0,
        fused: Tensor | None = None,
        imbalanced: Tensor | None = None,
    ) -> Loss:
        """The loss as `total`, and its `terms` by the names of log.jsonl.

        All are scalars of the type of the logits.
        """
        known = None
        if imbalanced is not None:
            if self.equation.weights != "posterior":
                raise UsageError(f"weights={self.equation.weights!r} look at no w₁ that is given")
            known = Imbalance(imbalanced.detach())
        loss = self.equation.loss(Logits(first, second, fused), label, epoch, known)
        terms = {name: term.to(first.dtype) for name, term in loss.terms.items()}
        return Loss(loss.total.to(first.dtype), terms)

    def extra_repr(self) -> str:
        """The settings, for printing."""
        values = {n: v for n, v in vars(self.equation).items() if n not in ("mixture", "known")}
        return ", ".join(f"{name}={value!r}" for name, value in values.items())


def _read(mixture: Mixture | str | Path) -> Mixture:
    if isinstance(mixture, Mixture):
        return mixture
    if isinstance(mixture, str | Path):
        return read_mixture(mixture).mixture
    shape = getattr(mixture, "shape", None)
    what = type(mixture).__name__ + (f" of shape {tuple(shape)}" if shape is not None else "")
    raise UsageError(
        f"AdaptiveLoss wants a Mixture, or the path of a gmm.json, not {what}",
        hint="AdaptiveLoss(avgap.fit_mixture(gaps).mixture)",
    )
