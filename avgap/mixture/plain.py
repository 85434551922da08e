"""Gaps in plain numbers, which come before any mixture, and who measured them. Pure.

A gap is a pure number in [−1, 1], above zero where the audio leads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from avgap.settings import MODALITIES

if TYPE_CHECKING:
    from numpy.typing import NDArray

BEYOND = 0.5  # |gap| beyond which one modality is far ahead: no threshold of the paper's
# Fused accuracy on clips of the training from which both scores of most are near 1, so that the
# gap is near 0 whatever a modality is worth (docs/method.md, "In-sample and held out").
KNOWN_BY_HEART = 0.98


class Plain(NamedTuple):
    """What N gaps say by themselves.

    beyond: the share with |gap| > 0.5. audio_leads, visual_leads: samples with a gap above and
    below zero. accuracy: the share predicted right, by modality; empty where it is not known.
    """

    n: int
    mean_gap: float
    beyond: float
    audio_leads: int
    visual_leads: int
    accuracy: dict[str, float]


def plain(
    gap: NDArray[np.float64],
    right: Mapping[str, NDArray[np.bool_]] | None = None,
    count: NDArray[np.float64] | None = None,
) -> Plain:
    """The plain numbers of gaps, (K,). right: see rightness. count: samples of each gap, (K,)."""
    weight = np.ones(len(gap)) if count is None else count
    n = weight.sum()
    return Plain(
        int(n),
        float((weight * gap).sum() / n),
        float(weight[np.abs(gap) > BEYOND].sum() / n),
        int(weight[gap > 0].sum()),
        int(weight[gap < 0].sum()),
        {name: float(column.mean()) for name, column in (right or {}).items()},
    )


def rightness(
    label: NDArray[np.int64] | None,
    fused: NDArray[np.int64] | None,
    audio: NDArray[np.int64] | None,
    visual: NDArray[np.int64] | None,
) -> dict[str, NDArray[np.bool_]]:
    """Whether each prediction, (N,), is the label, by modality; of those that there are."""
    predicted = zip(MODALITIES, (fused, audio, visual), strict=True)
    if label is None:
        return {}
    return {name: column == label for name, column in predicted if column is not None}


def told(numbers: Plain) -> list[str]:
    """The plain numbers in words, one or two lines."""
    leads = {"audio": numbers.audio_leads, "visual": numbers.visual_leads}
    first, other = sorted(leads, key=lambda name: -leads[name])
    lines = [
        f"mean gap of {numbers.n:,} samples {numbers.mean_gap:+.2f}, |gap| > {BEYOND} in "
        f"{100 * numbers.beyond:.0f} %; {first} leads in {leads[first]:,}, {other} in "
        f"{leads[other]:,}"
    ]
    if numbers.accuracy:
        right = ", ".join(f"{m} {100 * value:.1f} %" for m, value in numbers.accuracy.items())
        lines.append(f"right on them: {right}")
    return lines


# ---------------------------------------------------------------- in-sample or held out


def measured(held_out: bool | None, fold: NDArray[np.int64] | None = None) -> str:
    """On whose clips gaps were measured, in words. fold: of cross-fitting, (N,)."""
    if held_out is None:
        return "of unknown origin: nothing says whether the network has trained on these clips"
    if not held_out:
        return "in-sample: measured on clips the network has trained on"
    if fold is not None:
        folds = len(np.unique(fold))
        return f"held out: measured by networks that have not seen them, {folds} folds"
    return "held out: measured by a network that has not seen them"


def measured_briefly(held_out: bool | None) -> str:
    """The same for a table's cell."""
    return {None: "unknown", False: "in-sample", True: "held out"}[held_out]


def by_heart(held_out: bool | None, accuracy: Mapping[str, float]) -> str:
    """A warning where in-sample gaps are of clips that the network knows by heart; "" elsewhere."""
    fused = accuracy.get("fused", 0.0)
    if held_out is not False or fused < KNOWN_BY_HEART:
        return ""
    return (
        f"these clips are known by heart ({100 * fused:.1f} % right): their gaps say little; "
        "avgap crossfit measures on clips the network has not seen"
    )
