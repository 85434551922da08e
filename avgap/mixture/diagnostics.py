"""What do the gaps support? The numbers and the sentences beside a fitted mixture. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from avgap.mixture import verdict
from avgap.mixture.dip import DIP_P_NEEDED, MAX_SAMPLES, dip_test
from avgap.mixture.model import Component, Mixture
from avgap.mixture.result import Diagnostics, FitRecord
from avgap.mixture.verdict import (
    DELTA_BIC_NEEDED,
    GROUP_NEEDED,
    SAMPLES_NEEDED,
    SEPARATION_NEEDED,
    rounded,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from avgap.mixture.histogram import Bins

VALLEY_P_NEEDED = 0.01  # to say that there is a valley
_VOID = 1e-3  # the σ of the default variance floor: no group is narrower
_GRID = 201  # points between two means at which the least density is looked for


def diagnose(
    bins: Bins,
    mixture: Mixture,
    fit: FitRecord,
    bics: Mapping[int, float],
    measured: Bins | None = None,
) -> Diagnostics:
    """What a mixture fitted to binned gaps is worth: numbers, and warnings in plain sentences.

    fit: of it n_samples, n_iter, converged and reg_covar. bics: see bic, of this number of
    components and of every smaller one. measured: the gaps as they are where those fitted were
    spread. `bootstrap` is left None.
    """
    measured = measured or bins
    k, w = len(mixture.components), mixture.posterior(measured.value)
    dip_p, valley = dip_test(order_statistics(bins)).p, valley_p(bins, mixture)
    good = supported(mixture, bics, dip_p, bins.n)
    diagnostics: Diagnostics = {
        "separation": mixture.separation,
        "bic": [bics[number] for number in sorted(bics)],
        "delta_bic": delta_bic(bics, k),
        "dip_p": dip_p,
        "valley_p": valley,
        "overlap": measured.mean_of(np.minimum(w, 1 - w)),
        "contradiction": contradiction(measured, w),
        "supported": good,
        "separation_alone": (
            good and k > 1 and dip_p >= DIP_P_NEEDED and valley >= VALLEY_P_NEEDED
        ),
        "imbalanced_share": measured.mean_of(w),
        "warnings": [],
        "bootstrap": None,
    }
    diagnostics["warnings"] = _warnings(mixture, fit, diagnostics)
    return diagnostics


def bic(mixture: Mixture, fit: FitRecord) -> float:
    """The Bayesian information criterion, (3k − 1) log N − 2 log L; smaller is better."""
    n, parameters = fit["n_samples"], 3 * len(mixture.components) - 1
    return float(parameters * math.log(n) - 2 * n * fit["log_likelihood"])


def delta_bic(bics: Mapping[int, float], k: int) -> float:
    """The best BIC of fewer than k components less that of k; above zero speaks for k."""
    return min((bics[j] for j in bics if j < k), default=bics[k]) - bics[k]


def supported(mixture: Mixture, bics: Mapping[int, float], dip_p: float, n: int) -> bool:
    """Whether N gaps support the groups of a mixture; one component claims none, and is.

    ΔBIC alone splits any heavy-tailed peak. So the groups must also be apart: every leaning
    component from the balanced one, or, of two components, by the dip test. And there must be
    enough of them, in all and in the smallest group.
    """
    k = len(mixture.components)
    if k == 1:
        return True
    smallest = n * min(component.weight for component in mixture.components.values())
    enough = n >= SAMPLES_NEEDED and smallest >= GROUP_NEEDED
    apart = mixture.separation >= SEPARATION_NEEDED or (k == 2 and dip_p < DIP_P_NEEDED)
    return enough and apart and delta_bic(bics, k) > DELTA_BIC_NEEDED


def select_components(
    bins: Bins, mixtures: Mapping[int, Mixture], bics: Mapping[int, float]
) -> int:
    """The number of components of lowest BIC among those that are supported."""
    dip_p = dip_test(order_statistics(bins)).p
    good = [k for k, m in mixtures.items() if supported(m, bics, dip_p, bins.n)]
    return min(good, key=lambda k: bics[k])


def valley_p(bins: Bins, mixture: Mixture) -> float:
    """The p-value of no valley between the balanced component and a leaning one, the largest.

    Around the least density between two means lie three windows of one width, the outer ones
    reaching to the nearer mean and as far beyond. Whatever has one peak has at least as much in the
    middle as in the emptier of the others; a binomial test asks whether it has less. 1 without a
    valley, and of one component.
    """
    return max((_valley(bins, mixture, c) for c in mixture.leaning.values()), default=1.0)


def _valley(bins: Bins, mixture: Mixture, leaning: Component) -> float:
    from scipy.stats import binom

    low, high = sorted((mixture.balanced.mean, leaning.mean))
    grid = np.linspace(low, high, _GRID)
    lowest = int(mixture.density(grid).argmin())
    half = min(grid[lowest] - low, high - grid[lowest]) / 2
    if half <= 0:
        return 1.0
    edges = grid[lowest] + half * np.array([-3, -1, 1, 3])
    # Windows of one width: under one peak the density at the middle is at least the lesser of the
    # outer ones', so the count in the middle is at least Binomial(middle + emptier, ½).
    left, middle, right = np.histogram(bins.value, edges, weights=bins.count)[0]
    emptier = min(left, right)
    return float(binom.cdf(middle, middle + emptier, 0.5))


def contradiction(bins: Bins, posterior: NDArray[np.float64]) -> float:
    """The share of samples whose call contradicts the order of |g|, (K,) → a fraction.

    Called imbalanced is a posterior above ½. Of all thresholds of |g| that which agrees best with
    the calls is taken; the share is of those that it still calls otherwise.
    """
    order = np.argsort(np.abs(bins.value), kind="stable")
    count, called = bins.count[order], posterior[order] > 0.5
    called_below = np.concatenate([[0.0], np.cumsum(count * called)])
    balanced_above = np.concatenate([np.cumsum((count * ~called)[::-1])[::-1], [0.0]])
    return float((called_below + balanced_above).min()) / bins.n


def order_statistics(bins: Bins) -> NDArray[np.float64]:
    """The gaps in order, at most MAX_SAMPLES of them: evenly spaced, and evenly within a bin."""
    if bins.n == len(bins.value):
        return bins.value
    upto = np.cumsum(bins.count)
    below = upto - bins.count / 2
    ranks = (np.arange(MAX_SAMPLES) + 0.5) / MAX_SAMPLES * bins.n
    # Across a void nothing is spread: what lies at its ends stays there.
    ends = np.flatnonzero(np.diff(bins.value) > _VOID)
    place = np.concatenate([below, upto[ends], upto[ends]])
    value = np.concatenate([bins.value, bins.value[ends], bins.value[ends + 1]])
    order = np.lexsort((value, place))
    return np.asarray(np.interp(ranks, place[order], value[order]))


def _warnings(mixture: Mixture, fit: FitRecord, diagnostics: Diagnostics) -> list[str]:
    lines = [*_about_support(mixture, fit, diagnostics), *_about_roles(mixture)]
    for role, component in mixture.components.items():
        if at_floor(component, fit["reg_covar"]):
            lines.append(
                f"the {verdict.shown_name(role, component)} component has collapsed to the "
                f"variance floor at {component.mean:.4f}"
            )
    if diagnostics["contradiction"] > 0.01:
        lines.append(
            f"{100 * diagnostics['contradiction']:.0f} % of the samples are called against the "
            "order of |gap|: some are imbalanced with a smaller gap than balanced ones"
        )
    if not fit["converged"]:
        lines.append(f"EM did not converge in {fit['n_iter']} iterations: try a larger --max-iter")
    return lines


def _about_support(mixture: Mixture, fit: FitRecord, diagnostics: Diagnostics) -> list[str]:
    if diagnostics["separation_alone"]:
        return [
            f"there is no clear valley between the groups (p = {diagnostics['valley_p']:.2g}): "
            "one flat or skewed peak would look the same"
        ]
    if diagnostics["supported"]:
        return []
    count = verdict.COUNT_WORDS[len(mixture.components)]
    why = "; ".join(unmet(mixture, diagnostics, fit["n_samples"]))
    likely = "one peak" if len(mixture.components) == 2 else "fewer groups"
    return [
        f"{count} components are not supported by these gaps ({why}): they may well be {likely}"
    ]


def unmet(mixture: Mixture, diagnostics: Diagnostics, n: int) -> list[str]:
    """What N gaps lack to support the groups of a mixture: each criterion, and by how much."""
    lines: list[str] = []
    smallest = n * min(component.weight for component in mixture.components.values())
    if n < SAMPLES_NEEDED or smallest < GROUP_NEEDED:
        few = rounded(smallest, GROUP_NEEDED, ".0f", ".1f")
        needed = f"{SAMPLES_NEEDED} and {GROUP_NEEDED} are needed"
        return [f"{n} samples, {few} in the smallest group: {needed}"]
    apart = diagnostics["separation"] >= SEPARATION_NEEDED
    two = len(mixture.components) == 2
    if not apart and not (two and diagnostics["dip_p"] < DIP_P_NEEDED):
        said = rounded(diagnostics["separation"], SEPARATION_NEEDED, ".1f", ".2f")
        dip = rounded(diagnostics["dip_p"], DIP_P_NEEDED, ".2g", ".3g")
        lines.append(
            f"the separation is {said} σ, less than {SEPARATION_NEEDED:g}"
            + (f", and the dip test's p is {dip}, not below {DIP_P_NEEDED}" if two else "")
        )
    if diagnostics["delta_bic"] <= DELTA_BIC_NEEDED:
        said = rounded(diagnostics["delta_bic"], DELTA_BIC_NEEDED, ",.0f", ".1f")
        lines.append(f"ΔBIC is {said}, not above {DELTA_BIC_NEEDED:g}")
    return lines


def _about_roles(mixture: Mixture) -> list[str]:
    lines = []
    for role, component in mixture.leaning.items():
        if abs(component.mean) < abs(mixture.balanced.mean):
            name = verdict.shown_name(role, component)
            lines.append(
                f"the {name} component is the wide one, not the one farther from zero "
                f"(means {mixture.balanced.mean:.3f} balanced, {component.mean:.3f} {name})"
            )
    wide = mixture.imbalanced
    if wide is not None and abs(wide.mean - mixture.balanced.mean) < wide.std:
        lines.append(
            "the imbalanced component lies on both sides of the balanced one: it has no true side "
            "(--components 3 has one for either)"
        )
    audio, visual = mixture.audio_dominant, mixture.visual_dominant
    if audio is None or visual is None:
        return lines
    if (audio.mean - mixture.balanced.mean) * (visual.mean - mixture.balanced.mean) > 0:
        side = "audio" if visual.mean > mixture.balanced.mean else "visual"
        lines.append(
            f"both dominant components lie on the {side}'s side of the balanced one "
            f"(means {audio.mean:.3f} audio-dominant, {visual.mean:.3f} visual-dominant): "
            "their names tell them apart, no more"
        )
    return lines


def about_cells(mixture: Mixture, width: float) -> list[str]:
    """A warning where gaps were rounded to cells as wide as a group; none elsewhere."""
    narrowest = min(component.std for component in mixture.components.values())
    if width < narrowest:
        return []
    return [
        f"the gaps come in steps of {width:.3g}, as wide as a group (σ {narrowest:.2g}): groups "
        "nearer to each other than that cannot be told apart"
    ]


def at_floor(component: Component, reg_covar: float) -> bool:
    """Whether a component has shrunk to the variance floor: its width then means nothing."""
    return component.variance < 2 * reg_covar
