"""What a fit gives: the mixture, how EM got there, and what the mixture is worth.

These are the records of gmm.json; docs/formats.md and docs/api.md list the same keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from avgap.mixture.model import ROLE_RULE, Mixture


class FitRecord(TypedDict):
    """How EM got to a mixture: `fit` of gmm.json."""

    n_samples: int
    """Gaps that were fitted."""
    method: Literal["exact", "histogram"]
    """On the gaps themselves, or on bins: above 200,000 gaps."""
    bin_width: float | None
    """Of the histogram, in the gap's unit; None of `exact` and of one component."""
    relative_error: float | None
    """The largest change of a parameter on bins twice as wide: relative, of a mean in σ."""
    n_starts: int
    """Mixtures that EM was started from."""
    n_iter: int
    """Iterations on the gaps, or the histogram, from the best of the starts."""
    converged: bool
    """Whether the gain fell below tol before max_iter."""
    tol: float
    """The gain in mean log-likelihood per iteration at which EM stops."""
    reg_covar: float
    """What is added to every variance: its floor."""
    log_likelihood: float
    """The mean per sample, in nats."""


class StandardErrors(TypedDict):
    """Standard errors of one component's parameters."""

    weight: float
    """Of π; 0 of one component."""
    mean: float
    """Of μ."""
    variance: float
    """Of σ²."""


class Bootstrap(TypedDict):
    """How sure the parameters and their number are, by resampling."""

    replicates: int
    """Resamples that were fitted."""
    p_value: float | None
    """Of one component fewer: small where this number is needed; None of one component."""
    standard_errors: dict[str, StandardErrors]
    """By role, as in Mixture.components."""


class Diagnostics(TypedDict):
    """What a mixture is worth: `diagnostics` of gmm.json."""

    separation: float
    """|μ₁ − μ₀| / √((σ₀² + σ₁²) / 2), of the nearest leaning component; 0 of one component."""
    bic: list[float]
    """The BIC of one component, of two, …, as far as fitted; smaller is better."""
    delta_bic: float
    """The best BIC of fewer components less this one's: above 0 speaks for this one; 0 of one."""
    dip_p: float
    """The dip test's p-value of one peak, in [0.001, 1]."""
    valley_p: float
    """The p-value of no valley between balanced and leaning, the largest; 1 of one component."""
    overlap: float
    """The expected share of samples on the wrong side: the mean of min(w₀, w₁)."""
    contradiction: float
    """The share of samples whose call contradicts the order of |g|."""
    supported: bool
    """Whether the gaps support the groups; one component claims none, and is supported."""
    separation_alone: bool
    """Supported, but by neither the dip test nor a valley: one flat peak looks the same."""
    imbalanced_share: float
    """The mean of w₁ over the gaps."""
    warnings: list[str]
    """What to be careful about, in sentences."""
    bootstrap: Bootstrap | None
    """With bootstrap replicates: standard errors and a p-value; else None."""


@dataclass(frozen=True)
class FitResult:
    """What fit_mixture gives.

    mixture: the components, by role. fit: how EM got there. diagnostics: what the mixture is
    worth, with warnings in sentences; look at `supported` before you use its groups.
    """

    mixture: Mixture
    fit: FitRecord
    diagnostics: Diagnostics

    @property
    def supported(self) -> bool:
        """Whether the gaps support the groups; one component claims none, and is supported."""
        return self.diagnostics["supported"]

    @property
    def warnings(self) -> list[str]:
        """What to be careful about, in sentences: that the groups are not supported, too."""
        return self.diagnostics["warnings"]

    def as_dict(self) -> dict[str, Any]:
        """The body of gmm.json."""
        return {
            "components": self.mixture.as_dict(),
            "role_rule": ROLE_RULE,
            "fit": self.fit,
            "diagnostics": self.diagnostics,
        }
