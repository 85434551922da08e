"""The options of the mixture and of the adaptive loss (Eq. 10)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from typer import Option

from avgap.cli.options.common import OUT

_MIX, _LOSS = "Mixture", "Adaptive loss (Eq. 10)"
Components = Annotated[
    Literal["1", "2", "3", "auto"],
    Option(help="3: a component of either side; auto: by BIC.", rich_help_panel=_MIX),
]
Bootstrap = Annotated[
    int,
    Option(min=0, help="Resamples, for standard errors and a p-value.", rich_help_panel=_MIX),
]
NInit = Annotated[int, Option("--n-init", min=1, help="Starts of EM.", rich_help_panel=_MIX)]
Tol = Annotated[
    float, Option(min=0.0, max=1.0, help="EM stops below this gain.", rich_help_panel=_MIX)
]
RegCovar = Annotated[
    float, Option(min=1e-12, max=1.0, help="Variance floor.", rich_help_panel=_MIX)
]
MaxIter = Annotated[int, Option(min=1, help="EM iterations, at most.", rich_help_panel=_MIX)]
Plot = Annotated[
    Path | None,
    Option(help="Draw Fig. 2 into a .png, .svg or .pdf.", show_default=False, rich_help_panel=OUT),
]
Logits = Annotated[bool, Option("--logits", help="Store the logits, too; .h5 alone.")]
SavePredictions = Annotated[
    Path | None,
    Option(
        help="Write every sample's scores: .h5 with logits, or .csv.",
        show_default=False,
        rich_help_panel=OUT,
    ),
]
Alpha = Annotated[float, Option(min=0.0, help="Weight of w₀ · L_MM.", rich_help_panel=_LOSS)]
Beta = Annotated[float, Option(min=0.0, help="Weight of g².", rich_help_panel=_LOSS)]
Gamma = Annotated[float, Option(min=0.0, help="Weight of w₁ (g − μ₀)².", rich_help_panel=_LOSS)]
Anneal = Annotated[
    float, Option(min=0.0, max=1.0, help="λ_t = ANNEAL^epoch.", rich_help_panel=_LOSS)
]
Weights = Annotated[
    Literal["posterior", "uniform"], Option(help="uniform: w = 1 (Table 2).", rich_help_panel=_LOSS)
]
Preset = Annotated[
    Literal["paper", "best"],
    Option(
        help="paper: exactly Eq. 10; best: --pull weaker --keep-unimodal --gamma 0.1. Options "
        "given win.",
        rich_help_panel=_LOSS,
    ),
]
AdaptLoss = Annotated[
    Literal["adaptive", "joint", "fused"],
    Option(
        help="Controls for the same rounds: joint (Eq. 7) or fused (L_MM).", rich_help_panel=_LOSS
    ),
]
Pull = Annotated[
    Literal["both", "weaker"],
    Option(
        help="weaker: the gap moves the weaker modality of a sample alone.", rich_help_panel=_LOSS
    ),
]
KeepUnimodal = Annotated[
    bool,
    Option(
        "--keep-unimodal/--no-keep-unimodal",
        help="Add L_a + L_v (Eq. 5).",
        rich_help_panel=_LOSS,
    ),
]
Unsupported = Annotated[
    Literal["keep", "balanced"],
    Option(
        help="Rounds whose gaps show no two groups: keep the weights, or w₀ = 1, w₁ = 0.",
        rich_help_panel=_LOSS,
    ),
]
Steps = Annotated[
    int,
    Option(min=1, help="Rounds of gaps, mixture, training; one with --gmm.", rich_help_panel=_LOSS),
]
StepEpochs = Annotated[
    int, Option("--epochs", min=1, help="Epochs per step.", rich_help_panel=_LOSS)
]
KeepOptimizer = Annotated[
    bool,
    Option(
        "--keep-optimizer",
        help="Keep the warm-up's optimizer state (Table 3).",
        rich_help_panel=_LOSS,
    ),
]
AdaptComponents = Annotated[
    Literal["2", "3", "auto"],
    Option(
        "--components",
        help="Of each round's mixture. 3: one for either side; auto: what the gaps support.",
        rich_help_panel=_LOSS,
    ),
]
Gmm = Annotated[
    Path | None,
    Option(help="One step with this mixture instead.", show_default=False, rich_help_panel=_LOSS),
]
