"""Do the gaps support two components? The numbers and the sentences beside a fitted mixture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from avgap import summary
from avgap.mixture import Component, Mixture
from avgap.unimodality import dip_test

if TYPE_CHECKING:
    from numpy.typing import NDArray

DELTA_BIC_NEEDED = 10.0  # strong evidence: Kass and Raftery 1995
SEPARATION_NEEDED = 2.0  # standard deviations: where two equal Gaussians begin to show two peaks
DIP_P_NEEDED = 0.05


def diagnose(gap: NDArray[np.float64], mixture: Mixture, fit: dict[str, Any]) -> dict[str, Any]:
    """What a mixture fitted to N gaps, (N,), is worth: numbers, and warnings in plain sentences.

    fit: n_samples, n_iter, converged, reg_covar and log_likelihood (mean per sample).
    separation: |μ₁ − μ₀| in pooled σ. delta_bic: BIC(1 component) − BIC(2). dip_p: see
    unimodality. overlap: the expected share of samples put into the wrong component.
    supported: ΔBIC and (separation or dip test), for ΔBIC alone splits any heavy-tailed peak.
    """
    n, w = len(gap), mixture.posterior(gap)
    variance = float(gap.var()) + fit["reg_covar"]
    one = -0.5 * (math.log(2 * math.pi * variance) + float(gap.var()) / variance)
    # BIC = parameters · log N − 2 log L, with 2 parameters for one Gaussian and 5 for two.
    delta_bic = 2 * n * (fit["log_likelihood"] - one) - 3 * math.log(n)
    dip_p = dip_test(gap).p
    separated = mixture.separation >= SEPARATION_NEEDED or dip_p < DIP_P_NEEDED
    supported = delta_bic > DELTA_BIC_NEEDED and separated
    diagnostics = {
        "separation": mixture.separation,
        "delta_bic": delta_bic,
        "dip_p": dip_p,
        "overlap": float(np.minimum(w, 1 - w).mean()),
        "supported": supported,
        "imbalanced_share": float(w.mean()),
    }
    return {**diagnostics, "warnings": _warnings(mixture, fit, diagnostics)}


def _warnings(mixture: Mixture, fit: dict[str, Any], diagnostics: dict[str, Any]) -> list[str]:
    lines = []
    if not diagnostics["supported"]:
        lines.append(
            "two components are not supported by these gaps "
            f"({summary.evidence(diagnostics)}): they may well be one peak"
        )
    for role, component in mixture.leaning.items():
        if abs(component.mean) < abs(mixture.balanced.mean):
            lines.append(
                f"the {role} component is the wide one, not the one farther from zero "
                f"(means {mixture.balanced.mean:.3f} balanced, {component.mean:.3f} {role})"
            )
    for role, component in mixture.components.items():
        if at_floor(component, fit["reg_covar"]):
            lines.append(
                f"the {role} component has collapsed to the variance floor at {component.mean:.4f}"
            )
    if not fit["converged"]:
        lines.append(f"EM did not converge in {fit['n_iter']} iterations: try a larger --max-iter")
    return lines


def at_floor(component: Component, reg_covar: float) -> bool:
    """Whether a component has shrunk to the variance floor: its width then means nothing."""
    return component.variance < 2 * reg_covar
