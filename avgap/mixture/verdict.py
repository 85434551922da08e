"""A mixture in words and in letters: the verdict, and a histogram for the terminal. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from avgap.mixture.dip import DIP_P_NEEDED, P_FLOOR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from avgap.mixture.histogram import Bins
    from avgap.mixture.model import Component, Mixture

# Widths of a bin, in units of the gap.
_STEPS = (0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.0002, 0.0001)
_ROWS = 24
_BAR = 45  # columns of the longest bar
_MARKS = "█░▒"
COUNT_WORDS = {1: "one", 2: "two", 3: "three"}
WELL_SEPARATED = 4.0  # σ: two equal Gaussians then share 2 % of their samples
# |μ₀| from which a group is not called balanced without a word: one modality then gives the true
# class a fifth of all probability more, on average, than the other. The paper's |μ₀| is 0.006.
FAR_FROM_ZERO = 0.2


def verdict_with_histogram(mixture: Mixture, diagnostics: Mapping[str, Any], bins: Bins) -> str:
    """The verdict on a fitted mixture, and the histogram of the gaps it was fitted to."""
    bars = histogram(bins.value, mixture, bins.count)
    return verdict(mixture, diagnostics, bins.n) + "\n\n" + bars


def verdict(mixture: Mixture, diagnostics: Mapping[str, Any], n: int) -> str:
    """Two or three lines: the imbalanced share, the balanced share, and what supports them.

    Where the gaps do not show the groups, no share is called imbalanced.
    """
    zero = mixture.balanced
    if not mixture.leaning:
        group = "group" if far_from_zero(mixture) else "balanced group"
        return "\n".join(
            [
                f"all {n:,} samples form one {group}, {_centre(zero)}{_but(mixture)}",
                "none of them is called imbalanced",
                f"dip {_dip_p(diagnostics)}: "
                + (
                    "one peak"
                    if diagnostics["dip_p"] >= DIP_P_NEEDED
                    else "more than one peak, though"
                ),
            ]
        )
    groups = f"{_groups_in_words(mixture, diagnostics)}: {key_diagnostics(diagnostics)}"
    if not diagnostics["supported"]:
        parts = (f"{100 * c.weight:.0f} % {_centre(c)}" for c in mixture.components.values())
        return f"{groups}\nno sample of {n:,} is called imbalanced; the fit has {', '.join(parts)}"
    called = "are called balanced" if far_from_zero(mixture) else "are balanced"
    return "\n".join(
        [
            f"{100 * mixture.imbalanced_weight:.0f} % of {n:,} samples are imbalanced"
            f"{_sides(mixture)}",
            f"{100 * zero.weight:.0f} % {called}, {_centre(zero)}{_but(mixture)}",
            groups,
        ]
    )


def far_from_zero(mixture: Mixture) -> str:
    """Who leads in the group called balanced, and by how much; "" where it lies about zero."""
    centre = mixture.balanced.mean
    if abs(centre) <= FAR_FROM_ZERO:
        return ""
    side = "audio" if centre > 0 else "visual"
    ends = (c.mean * centre for c in mixture.components.values())
    where = "everywhere" if min(ends) > 0 else "in the group called balanced, too"
    return f"{side} leads {where}, by {abs(centre):.2f}"


def not_balanced(mixture: Mixture) -> str:
    """A warning where the group called balanced lies far from zero; "" elsewhere."""
    words = far_from_zero(mixture)
    return f"the group called balanced is not: {words}" if words else ""


def _but(mixture: Mixture) -> str:
    words = far_from_zero(mixture)
    return f": {words}" if words else ""


def _groups_in_words(mixture: Mixture, diagnostics: Mapping[str, Any]) -> str:
    count = COUNT_WORDS[len(mixture.components)]
    if not diagnostics["supported"]:
        return f"{count} groups are NOT supported"
    if diagnostics.get("separation_alone", False):
        return f"the {count} groups may be one flat peak"
    if diagnostics["separation"] >= WELL_SEPARATED:
        return f"the {count} groups are well separated"
    return f"the {count} groups are there, but overlap"


def _sides(mixture: Mixture) -> str:
    if mixture.imbalanced is not None:
        return f", {mixture.dominant}-dominant, {_centre(mixture.imbalanced)}"
    sides = (
        f"{100 * part.weight:.0f} % {role_name(role)} at {part.mean:.2f}"
        for role, part in mixture.leaning.items()
    )
    return ": " + ", ".join(sides)


def role_name(role: str) -> str:
    """A role in words: audio_dominant is audio-dominant."""
    return role.replace("_", "-")


def _centre(component: Component) -> str:
    return f"centred at {component.mean:.2f} (σ {component.std:.2g})"


def _dip_p(diagnostics: Mapping[str, Any]) -> str:
    p = diagnostics["dip_p"]
    return f"p ≤ {P_FLOOR}" if p <= P_FLOOR else f"p = {p:.2g}"


def key_diagnostics(diagnostics: Mapping[str, Any]) -> str:
    """The three numbers that speak for the groups: separation in σ, ΔBIC, the dip test's p."""
    return (
        f"separation {diagnostics['separation']:.1f} σ, ΔBIC {diagnostics['delta_bic']:,.0f}, "
        f"dip {_dip_p(diagnostics)}"
    )


def histogram(
    gap: NDArray[np.float64],
    mixture: Mixture | None = None,
    count: NDArray[np.float64] | None = None,
) -> str:
    """A histogram of N gaps, (N,), in at most 100 columns; one line per bin.

    count: how many samples each gap stands for, (N,). With a mixture each bar is split into its
    samples' shares of the components: balanced █, imbalanced or audio-dominant ░, the visual ▒.
    """
    edges, weight = bin_edges(gap), np.ones(len(gap)) if count is None else count
    total, _ = np.histogram(gap, edges, weights=weight)
    parts = {"": np.ones(len(gap))} if mixture is None else mixture.posteriors(gap)
    shares = [np.histogram(gap, edges, weights=weight * part)[0] for part in parts.values()]
    digits = max(1, int(np.ceil(-np.log10(np.diff(edges).max()) - 1e-6)))
    lines = []
    for i, here in enumerate(total):
        length = int(np.ceil(_BAR * here / total.max()))
        ends = np.cumsum([share[i] for share in shares]) / here if here else np.zeros(len(shares))
        ends = np.round(length * ends).astype(int)
        # Ends are rounded, not lengths: the parts then always add up to the bar.
        steps = np.diff(ends, prepend=0)
        bar = "".join(mark * step for mark, step in zip(_MARKS, steps, strict=False))
        span = f"{edges[i]:+.{digits}f} … {edges[i + 1]:+.{digits}f}"
        lines.append(f"{span}  {here:>9,.0f}  {bar}".rstrip())
    names = zip(_MARKS, map(role_name, parts), strict=False)
    key = "" if mixture is None else "   " + "  ".join(f"{mark} {name}" for mark, name in names)
    return "\n".join([f"gap = audio − visual, {weight.sum():,.0f} samples{key}", *lines])


def bin_edges(gap: NDArray[np.float64]) -> NDArray[np.float64]:
    """Edges of at most 24 bins of a round width that hold every gap in [−1, 1]."""
    for step in reversed(_STEPS):
        low = np.floor(gap.min() / step)
        high = max(np.ceil(gap.max() / step), low + 1)
        if high - low <= _ROWS:
            break
    edges = np.arange(low, high + 1) * step
    # Rounding must not leave the outermost gaps outside.
    edges[[0, -1]] = min(edges[0], gap.min()), max(edges[-1], gap.max())
    return edges
