"""The two-component Gaussian mixture of the modality gap, as mathematics. Eq. 8 and 9.

Component 0 is "balanced", component 1 "imbalanced". Gaps are pure numbers in [−1, 1], > 0 where the
audio is dominant; a variance is in the gap's unit squared.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit

from avgap.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

ROLES = ("balanced", "imbalanced")
ROLE_RULE = "balanced = the component with the smaller second moment about zero"


@dataclass(frozen=True)
class Component:
    """One weighted Gaussian: π N(g | μ, σ²)."""

    weight: float
    mean: float
    variance: float

    @property
    def std(self) -> float:
        """The standard deviation σ."""
        return math.sqrt(self.variance)

    @property
    def second_moment(self) -> float:
        """The second moment about zero, μ² + σ²."""
        return self.mean**2 + self.variance

    def log_density(self, g: Any) -> Any:
        """log π N(g | μ, σ²), the shape of g. Plain arithmetic: numpy arrays and torch tensors."""
        constant = math.log(self.weight) - 0.5 * math.log(2 * math.pi * self.variance)
        return constant - (g - self.mean) ** 2 / (2 * self.variance)

    def density(self, g: ArrayLike) -> NDArray[np.float64]:
        """π N(g | μ, σ²), the shape of g."""
        return np.asarray(np.exp(self.log_density(np.asarray(g, dtype=np.float64))))


@dataclass(frozen=True)
class Mixture:
    """p(g) = π₀ N(g | μ₀, σ₀²) + π₁ N(g | μ₁, σ₁²). Eq. 8."""

    balanced: Component
    imbalanced: Component

    @classmethod
    def of(cls, first: Component, second: Component) -> Mixture:
        """Give two components their roles: balanced is the one of smaller second moment about zero.

        The paper's balanced component is centred at zero. Where gaps have two sides the component
        of smaller |μ| may be the wide one; the second moment never takes that for balanced.
        """
        return cls(*sorted((first, second), key=lambda component: component.second_moment))

    @property
    def dominant(self) -> str:
        """The modality that leads in the imbalanced component: audio or visual."""
        return "audio" if self.imbalanced.mean > self.balanced.mean else "visual"

    @property
    def separation(self) -> float:
        """|μ₁ − μ₀| / √((σ₀² + σ₁²) / 2), in standard deviations."""
        pooled = math.sqrt((self.balanced.variance + self.imbalanced.variance) / 2)
        return abs(self.imbalanced.mean - self.balanced.mean) / pooled

    def log_odds(self, g: Any) -> Any:
        """log π₁ N(g | μ₁, σ₁²) − log π₀ N(g | μ₀, σ₀²), the shape of g; its sigmoid is Eq. 9.

        Plain arithmetic with Python floats: works alike on numpy arrays and torch tensors.
        """
        return self.imbalanced.log_density(g) - self.balanced.log_density(g)

    def posterior(self, g: ArrayLike) -> NDArray[np.float64]:
        """w_{i,1}, the probability that a sample is imbalanced, (N,) in [0, 1]. Eq. 9."""
        return np.asarray(expit(self.log_odds(np.asarray(g, dtype=np.float64))))

    def density(self, g: ArrayLike) -> NDArray[np.float64]:
        """p(g), the shape of g. Eq. 8."""
        return self.balanced.density(g) + self.imbalanced.density(g)

    def sample(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw n gaps, (n,); those of wide components may leave [−1, 1]."""
        imbalanced = rng.random(n) < self.imbalanced.weight
        mean = np.where(imbalanced, self.imbalanced.mean, self.balanced.mean)
        std = np.where(imbalanced, self.imbalanced.std, self.balanced.std)
        return mean + std * rng.standard_normal(n)

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """The components by role, as they stand in gmm.json."""
        described: dict[str, dict[str, Any]] = {
            role: {"weight": c.weight, "mean": c.mean, "variance": c.variance}
            for role, c in zip(ROLES, (self.balanced, self.imbalanced), strict=True)
        }
        described["imbalanced"]["dominant"] = self.dominant
        return described

    @classmethod
    def from_dict(cls, components: object, path: str) -> Mixture:
        """Rebuild a mixture from the components of a gmm.json; path names the file in errors.

        Raises InputError: a role or a value missing, not a finite number, variance or weight not
        positive, weights that do not sum to 1. All problems are told at once.
        """
        if not isinstance(components, Mapping) or set(components) != set(ROLES):
            there = ", ".join(map(str, components)) if isinstance(components, Mapping) else "none"
            raise _unusable(path, [f"components are balanced and imbalanced; it has: {there}"])
        problems = [line for role in ROLES for line in _problems(role, components[role])]
        if problems:
            raise _unusable(path, problems)
        balanced, imbalanced = (
            Component(*(float(components[role][name]) for name in ("weight", "mean", "variance")))
            for role in ROLES
        )
        total = balanced.weight + imbalanced.weight
        if abs(total - 1) > 1e-6:
            raise _unusable(path, [f"the weights sum to {total:g}, not to 1"])
        return cls(balanced, imbalanced)


def _unusable(path: str, problems: list[str]) -> InputError:
    return InputError(f"{path} is not a usable mixture", problems, "fit it again with avgap fitgmm")


def _problems(role: str, component: object) -> list[str]:
    if not isinstance(component, Mapping):
        return [f"{role} is not an object of weight, mean, variance"]
    lines = []
    for name in ("weight", "mean", "variance"):
        value = component.get(name)
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, float))
            or not math.isfinite(value)
        ):
            lines.append(f"{role}: {name} is {value!r}, not a finite number")
        elif name != "mean" and value <= 0:
            lines.append(f"{role}: {name} is {value:g}, not above zero")
    return lines
