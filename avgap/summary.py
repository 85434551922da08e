"""Artifacts in words and in letters: verdicts and histograms for the terminal. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from avgap.data.cache import Cache
    from avgap.mixture import Component, Mixture

_STEPS = (
    0.1,
    0.05,
    0.02,
    0.01,
    0.005,
    0.002,
    0.001,
    0.0005,
    0.0002,
    0.0001,
)  # width of a bin, in units of the gap
_ROWS = 24
_BAR = 45  # columns of the longest bar


def mixture(mixture: Mixture, diagnostics: Mapping[str, Any], gap: NDArray[np.float64]) -> str:
    """The verdict on a fitted mixture, and the histogram of the gaps it was fitted to, (N,)."""
    return verdict(mixture, diagnostics, len(gap)) + "\n\n" + histogram(gap, mixture)


def verdict(mixture: Mixture, diagnostics: Mapping[str, Any], n: int) -> str:
    """Three lines: the imbalanced share, the balanced share, and whether the data support it."""
    zero = mixture.balanced
    if not mixture.leaning:
        return f"{n:,} samples in one balanced group, {_place(zero)}"
    supported = "are supported" if diagnostics["supported"] else "are NOT supported"
    count = {2: "two", 3: "three"}[len(mixture.components)]
    return "\n".join(
        [
            f"{100 * mixture.imbalanced_weight:.0f} % of {n:,} samples are imbalanced"
            f"{_sides(mixture)}",
            f"{100 * zero.weight:.0f} % are balanced, {_place(zero)}",
            f"{count} components {supported}: {evidence(diagnostics)}",
        ]
    )


def _sides(mixture: Mixture) -> str:
    if mixture.imbalanced is not None:
        return f", {mixture.dominant}-dominant, {_place(mixture.imbalanced)}"
    sides = (
        f"{100 * part.weight:.0f} % {role.replace('_', '-')}, {_place(part)}"
        for role, part in mixture.leaning.items()
    )
    return ": " + "; ".join(sides)


def _place(component: Component) -> str:
    return f"centred at {component.mean:.2f} (σ {component.std:.2g})"


def evidence(diagnostics: Mapping[str, Any]) -> str:
    """What speaks for two components: separation in σ, ΔBIC, the dip test's p-value."""
    p = diagnostics["dip_p"]
    dip = "p ≤ 0.001" if p <= 0.001 else f"p = {p:.2g}"
    return (
        f"separation {diagnostics['separation']:.1f} σ, ΔBIC {diagnostics['delta_bic']:,.0f}, "
        f"dip {dip}"
    )


def histogram(gap: NDArray[np.float64], mixture: Mixture | None = None) -> str:
    """A histogram of N gaps, (N,), in at most 100 columns; one line per bin.

    With a mixture each bar is split into its samples' balanced (█) and imbalanced (░) shares.
    """
    edges = bins(gap)
    counts, _ = np.histogram(gap, edges)
    posterior = np.zeros(len(gap)) if mixture is None else mixture.posterior(gap)
    imbalanced, _ = np.histogram(gap, edges, weights=posterior)
    digits = max(1, int(np.ceil(-np.log10(np.diff(edges).max()) - 1e-6)))
    lines = []
    for i, count in enumerate(counts):
        length = int(np.ceil(_BAR * count / counts.max()))
        light = round(length * imbalanced[i] / count) if count else 0
        bar = "█" * (length - light) + "░" * light
        span = f"{edges[i]:+.{digits}f} … {edges[i + 1]:+.{digits}f}"
        lines.append(f"{span}  {count:>9,}  {bar}".rstrip())
    key = "" if mixture is None else "   █ balanced  ░ imbalanced"
    return "\n".join([f"gap = audio − visual, {len(gap):,} samples{key}", *lines])


def bins(gap: NDArray[np.float64]) -> NDArray[np.float64]:
    """Edges of at most 24 bins of a round width that hold every gap."""
    for step in reversed(_STEPS):
        low = np.floor(gap.min() / step)
        high = max(np.ceil(gap.max() / step), low + 1)
        if high - low <= _ROWS:
            break
    edges = np.arange(low, high + 1) * step
    # Rounding must not leave the outermost gaps outside.
    edges[[0, -1]] = min(edges[0], gap.min()), max(edges[-1], gap.max())
    return edges


def inputs(cache: Cache) -> list[str]:
    """What a cache's clips look like: audio and visual, a line each."""
    if cache.kind == "embedding":
        shapes = {"audio": cache.audio_shape, "visual": cache.visual_shape}
        return [f"{name:<8} embeddings of {size:,} numbers" for name, (size,) in shapes.items()]
    return [
        f"audio    (F, T) = {cache.audio_shape}, "
        f"mean {cache.audio_mean:.3f}, std {cache.audio_std:.3f}",
        f"visual   (K, H, W, 3) = {cache.visual_shape}",
    ]
