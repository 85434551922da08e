"""Do gaps agree with people? On CREMA-D, with the crowd that rated each clip. Pure.

Raters heard a clip's voice, or saw its face, and named the emotion. Where more of them name the
label by voice than by face, the clip leans on the audio for people; its gap says whether it does
for the model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

VOICE, FACE = "votes_voice", "votes_face"  # columns of a cache of cremad
FEWEST = 10  # clips with both votes, from which a correlation is told


@dataclass(frozen=True)
class Votes:
    """n clips: the crowd's lean = votes by voice − votes by face, (n,) in [−1, 1]; gap, (n,).

    pearson: correlation of the two with its 95 % interval (Fisher's z); spearman: that of ranks.
    """

    lean: NDArray[np.float64]
    gap: NDArray[np.float64]
    pearson: float
    low: float
    high: float
    spearman: float

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        names = ("pearson", "low", "high", "spearman")
        mean = float(self.lean.mean())
        return {"n": len(self.gap), "mean_lean": mean, **{n: getattr(self, n) for n in names}}


def votes(gap: NDArray[np.float64], columns: Mapping[str, Sequence[str]]) -> Votes | None:
    """Correlate N gaps, (N,), with the crowd's lean; None without votes, or where all are equal."""
    if not {VOICE, FACE} <= set(columns):
        return None
    voice, face = (
        np.array([float(value) if value else math.nan for value in columns[name]])
        for name in (VOICE, FACE)
    )
    lean = voice - face
    known = ~np.isnan(lean)
    lean, gap = lean[known], gap[known]
    if len(gap) < FEWEST or np.ptp(lean) == 0 or np.ptp(gap) == 0:
        return None
    from scipy.stats import pearsonr, spearmanr

    found = pearsonr(lean, gap)
    low, high = map(float, found.confidence_interval(0.95))
    ranks = float(spearmanr(lean, gap).statistic)
    return Votes(lean, gap, float(found.statistic), low, high, ranks)
