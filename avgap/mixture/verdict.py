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
# What supports groups (docs/method.md).
DELTA_BIC_NEEDED = 10.0  # strong evidence: Kass and Raftery 1995
SEPARATION_NEEDED = 2.0  # standard deviations: where two equal Gaussians begin to show two peaks
SAMPLES_NEEDED = 50
GROUP_NEEDED = 10  # samples in the smallest component
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

    Where the gaps do not show the groups, no share is called imbalanced. Behind them what
    resampling says, where there was any.
    """
    return "\n".join([*_of_groups(mixture, diagnostics, n), *resampled(mixture, diagnostics)])


def _of_groups(mixture: Mixture, diagnostics: Mapping[str, Any], n: int) -> list[str]:
    zero = mixture.balanced
    if not mixture.leaning:
        group = "group" if far_from_zero(mixture) else "balanced group"
        peaks = "one peak" if diagnostics["dip_p"] >= DIP_P_NEEDED else "more than one peak, though"
        return [
            f"all {n:,} samples form one {group}, {_centre(zero)}{_but(mixture)}",
            "none of them is called imbalanced",
            f"dip {_dip_p(diagnostics)}: {peaks}",
        ]
    groups = f"{_groups_in_words(mixture, diagnostics)}: {key_diagnostics(diagnostics)}"
    if not diagnostics["supported"]:
        parts = (f"{100 * c.weight:.0f} % {_centre(c)}" for c in mixture.components.values())
        has = ", ".join(parts)
        return [groups, f"no sample of {n:,} is called imbalanced; the fit has {has}"]
    called = "are called balanced" if far_from_zero(mixture) else "are balanced"
    return [
        f"{100 * mixture.imbalanced_weight:.0f} % of {n:,} samples are imbalanced{_sides(mixture)}",
        f"{100 * zero.weight:.0f} % {called}, {_centre(zero)}{_but(mixture)}",
        groups,
    ]


def resampled(mixture: Mixture, diagnostics: Mapping[str, Any]) -> list[str]:
    """Standard errors of the parameters and the p-value of fewer components; none without them."""
    found = diagnostics.get("bootstrap")
    if not found:
        return []
    errors = found["standard_errors"]
    parts = (
        f"{shown_name(role, c)} {100 * c.weight:.1f} ± {100 * errors[role]['weight']:.1f} %, "
        f"μ {c.mean:.3f} ± {errors[role]['mean']:.3f}, "
        f"σ² {c.variance:.2g} ± {errors[role]['variance']:.1g}"
        for role, c in mixture.components.items()
        if role in errors
    )
    lines = [f"by {found['replicates']:,} resamples: {'; '.join(parts)}"]
    if found["p_value"] is not None:
        least = 1 / (found["replicates"] + 1)
        p = found["p_value"]
        told = f"p ≤ {least:.2g}" if p <= least else f"p = {p:.2g}"
        lines.append(f"one component fewer: {told} (small: it does not do)")
    return lines


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
        return f", {leads(mixture.imbalanced)}-dominant, {_centre(mixture.imbalanced)}"
    sides = (
        f"{100 * part.weight:.0f} % {leads(part)}-dominant at {part.mean:.2f}"
        for part in mixture.leaning.values()
    )
    return ": " + ", ".join(sides)


def leads(component: Component) -> str:
    """The modality that leads in a leaning component, by its sign, whatever its role is called."""
    return "audio" if component.mean > 0 else "visual"


def who_leads(mixture: Mixture) -> str:
    """The modality that leads where the gaps are imbalanced, in the greater weight; or neither."""
    weight = {"audio": 0.0, "visual": 0.0}
    for component in mixture.leaning.values():
        weight[leads(component)] += component.weight
    return max(weight, key=lambda side: weight[side]) if mixture.leaning else "neither"


def shown_name(role: str, component: Component) -> str:
    """A role in words: audio_dominant is audio-dominant, where the component lies on that side."""
    name = role.replace("_", "-")
    if not name.endswith("-dominant") or name.startswith(leads(component)):
        return name
    return f"{leads(component)}-dominant at {component.mean:.2f}"


def _centre(component: Component) -> str:
    return f"centred at {component.mean:.2f} (σ {component.std:.2g})"


def _dip_p(diagnostics: Mapping[str, Any]) -> str:
    p = diagnostics["dip_p"]
    return f"p ≤ {P_FLOOR}" if p <= P_FLOOR else f"p = {rounded(p, DIP_P_NEEDED, '.2g', '.3g')}"


def rounded(value: float, bound: float, *formats: str) -> str:
    """A number as text, in the first of the formats that does not round it onto the bound."""

    def side(number: float) -> int:
        return int(number > bound) - int(number < bound)

    for text in (format(value, form) for form in (*formats, ".6g")):
        if side(float(text.replace(",", ""))) == side(value):
            return text
    return repr(value)


def key_diagnostics(diagnostics: Mapping[str, Any]) -> str:
    """The three numbers that speak for the groups: separation in σ, ΔBIC, the dip test's p."""
    return (
        f"separation {rounded(diagnostics['separation'], SEPARATION_NEEDED, '.1f', '.2f')} σ, "
        f"ΔBIC {rounded(diagnostics['delta_bic'], DELTA_BIC_NEEDED, ',.0f', '.1f')}, "
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
    components = {} if mixture is None else mixture.components
    names = zip(_MARKS, (shown_name(*part) for part in components.items()), strict=False)
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
