"""Diagnosing and re-learning (Wei et al., ECCV 2024).

A modality that has memorised its training samples groups them by class far better than it groups
new ones. Every 20 epochs the purity P of k-means clusters of each modality's features is measured
on training and validation, and the encoder goes back towards its first weights: θ ← w θ_first + (1
− w) θ, w = tanh(λ |P_train − P_val|). Buffers and the optimizer's moments stay, as in the
published code. The code measures after its epoch number 20 (the 21st), here it is before epoch 20.
The code trains without augmentation on part of the split, its own baseline with augmentation on
all of it; here both train alike.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from avgap.errors import InputError
from avgap.methods import Batch, Epoch, Loss, Method, StepContext
from avgap.methods.bounds import Count, NotNegative
from avgap.methods.features import features
from avgap.models.audiovisual import AudioVisual

_STARTS = 10  # of k-means; scikit-learn's default when the code was written


def purity(cluster: NDArray[np.int64], label: NDArray[np.int64]) -> float:
    """The share of samples that belong to the most frequent class of their cluster. (N,) each."""
    table = np.zeros((cluster.max() + 1, label.max() + 1), dtype=np.int64)
    np.add.at(table, (cluster, label), 1)
    return float(table.max(axis=1).sum() / len(label))


def clustered(phi: NDArray[np.float64], clusters: int) -> NDArray[np.int64]:
    """k-means clusters (N,) of features (N, d), each scaled to −1…1 first. Seeded, as the code."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.preprocessing import minmax_scale

    with warnings.catch_warnings():  # features of fewer distinct values: clusters stay empty
        warnings.simplefilter("ignore", ConvergenceWarning)
        scaled = minmax_scale(phi, feature_range=(-1, 1))
        found: NDArray[np.int64] = KMeans(clusters, n_init=_STARTS, random_state=0).fit_predict(
            scaled
        )
    return found.astype(np.int64)


def return_weight(train: float, validation: float, strength: float) -> float:
    """w = tanh(λ |P_train − P_val|), in [0, 1): the share of the first weights."""
    return math.tanh(strength * abs(train - validation))


@torch.no_grad()
def go_back(encoder: nn.Module, first: dict[str, Tensor], weight: float) -> None:
    """θ ← w θ_first + (1 − w) θ of every parameter, in place."""
    for name, parameter in encoder.named_parameters():
        parameter.lerp_(first[name], weight)


@dataclass(frozen=True)
class Dr(Method):
    """L_MM; from time to time the encoders go back by what they have memorised."""

    interval: Count = 20  # epochs between two diagnoses; the code
    times: Count = 3  # at most; the code
    strength: NotNegative = 3.0  # λ; the code
    distributed: ClassVar[bool] = False  # k-means may differ from process to process

    def initial(self, model: AudioVisual) -> dict[str, Tensor]:
        """The encoders' first parameters and the last w of each."""
        first = {
            f"{name}.{parameter}": value.detach().clone()
            for name in ("audio_encoder", "visual_encoder")
            for parameter, value in getattr(model, name).named_parameters()
        }
        return {**first, "weights": torch.zeros(2, device=model.head.weight.device)}

    def start_epoch(self, model: AudioVisual, epoch: Epoch, context: StepContext) -> None:
        """Diagnose and re-learn where it is due."""
        classes = model.head.out_features
        if epoch.validation is None or len(epoch.validation.label) < classes:
            raise InputError(
                "dr compares training with validation, and validation is too small",
                [f"it needs a clip for each of the {classes} clusters at least"],
                "avgap prepare … --val-fraction 0.1",
            )
        due = epoch.number > 0 and epoch.number % self.interval == 0
        if not due or epoch.number // self.interval > self.times:
            return
        seen = [features(model, part) for part in (epoch.train, epoch.validation)]
        for i, name in enumerate(("audio", "visual")):
            pure = []
            for part in seen:
                phi = getattr(part, name).double().cpu().numpy()
                pure.append(purity(clustered(phi, classes), part.label.cpu().numpy()))
            weight = return_weight(pure[0], pure[1], self.strength)
            encoder = f"{name}_encoder"
            mine = {k.removeprefix(f"{encoder}."): v for k, v in context.state.items()}
            go_back(getattr(model, encoder), mine, weight)
            context.state["weights"][i] = weight

    def step(self, model: AudioVisual, batch: Batch, context: StepContext) -> Loss:
        """L_MM of one batch, and the last w."""
        loss = cross_entropy(model(batch.audio, batch.frames).fused, batch.label)
        audio, visual = context.state["weights"].unbind()
        return Loss(loss, {"fused": loss, "w_audio": audio, "w_visual": visual})
