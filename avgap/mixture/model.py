"""The Gaussian mixture of the modality gap, as mathematics. Eq. 8 and 9.

One component, the balanced one, is always there. The others lean on a modality: one of them, called
imbalanced (the paper), or two, audio-dominant and visual-dominant. Index 0 of the paper is the
balanced component, index 1 all leaning ones together. Gaps are pure numbers in [−1, 1], > 0 where
the audio is dominant; a variance is in the gap's unit squared.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, softmax

from avgap.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

# The roles of one, two and three components, in the order of everything listed.
ROLES = (
    ("balanced",),
    ("balanced", "imbalanced"),
    ("balanced", "audio_dominant", "visual_dominant"),
)
ROLE_RULE = "balanced = the component with the smallest second moment about zero"
_VALUES = ("weight", "mean", "variance")
_LARGEST = float(np.finfo(np.float64).max)  # JSON knows larger numbers


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

    def separation(self, other: Component) -> float:
        """|μ − μ′| / √((σ² + σ′²) / 2), in standard deviations."""
        pooled = math.sqrt((self.variance + other.variance) / 2)
        return abs(self.mean - other.mean) / pooled


@dataclass(frozen=True)
class Mixture:
    """p(g) = Σ π_k N(g | μ_k, σ_k²) over one, two or three components with roles. Eq. 8.

    Balanced alone, with imbalanced (the paper), or with both dominant ones. Raises ValueError:
    other roles together.
    """

    balanced: Component
    imbalanced: Component | None = None
    audio_dominant: Component | None = None
    visual_dominant: Component | None = None

    def __post_init__(self) -> None:
        if tuple(self.components) not in ROLES:
            raise ValueError(f"no mixture has the roles {', '.join(self.components)}")

    @classmethod
    def of(cls, *components: Component) -> Mixture:
        """Give one to three components their roles: balanced is that of smallest second moment.

        The paper's balanced component is centred at zero. Where gaps have two sides the component
        of smallest |μ| may be the wide one; the second moment never takes that for balanced. Of two
        others, the one of smaller mean is visual-dominant, also where both lie on one side.
        """
        balanced, *others = sorted(components, key=lambda component: component.second_moment)
        if len(others) < 2:
            return cls(balanced, *others)
        visual, audio = sorted(others, key=lambda component: component.mean)
        return cls(balanced, audio_dominant=audio, visual_dominant=visual)

    # ------------------------------------------------------------ components

    @property
    def components(self) -> dict[str, Component]:
        """The components by role, balanced first."""
        roles = {name: getattr(self, name) for name in ("balanced", *ROLES[1][1:], *ROLES[2][1:])}
        return {name: component for name, component in roles.items() if component is not None}

    @property
    def leaning(self) -> dict[str, Component]:
        """The components that are not balanced, by role; none of one component."""
        return {name: c for name, c in self.components.items() if name != "balanced"}

    @property
    def imbalanced_weight(self) -> float:
        """π₁ = 1 − π₀, the weight of all leaning components."""
        return math.fsum(component.weight for component in self.leaning.values())

    @property
    def imbalanced_mean(self) -> float:
        """μ₁, the weighted mean of the leaning components; NaN where there are none."""
        if not self.leaning:
            return math.nan
        total = self.imbalanced_weight
        return math.fsum(c.weight / total * c.mean for c in self.leaning.values())

    @property
    def dominant(self) -> str:
        """The modality that leads where the gaps are imbalanced: audio, visual, or neither.

        Of two components the side of the imbalanced mean, seen from the balanced one; of three the
        dominant component that weighs more; of one, neither.
        """
        if self.imbalanced is not None:
            return "audio" if self.imbalanced.mean > self.balanced.mean else "visual"
        if self.audio_dominant is None or self.visual_dominant is None:
            return "neither"
        return "audio" if self.audio_dominant.weight >= self.visual_dominant.weight else "visual"

    @property
    def separation(self) -> float:
        """Of the balanced component from the nearest leaning one, in pooled σ; 0 of one component.

        See Component.separation.
        """
        apart = [self.balanced.separation(component) for component in self.leaning.values()]
        return min(apart, default=0.0)

    # ------------------------------------------------------------ probabilities

    def log_odds(self, g: Any) -> Any:
        """log w_{i,1} / w_{i,0}, the shape of g; its sigmoid is Eq. 9. −∞ of one component.

        Plain arithmetic with Python floats: works alike on numpy arrays and torch tensors.
        """
        leaning = [component.log_density(g) for component in self.leaning.values()]
        if not leaning:
            return 0.0 * g - math.inf
        together = leaning[0] if len(leaning) == 1 else _logaddexp(*leaning)
        return together - self.balanced.log_density(g)

    def posterior(self, g: ArrayLike) -> NDArray[np.float64]:
        """w_{i,1}, the probability that a sample is imbalanced, (N,) in [0, 1]. Eq. 9.

        Of three components the sum of both dominant posteriors; 0 of one component.
        """
        return np.asarray(expit(self.log_odds(np.asarray(g, dtype=np.float64))))

    def posteriors(self, g: ArrayLike) -> dict[str, NDArray[np.float64]]:
        """The probability of each component, by role, each (N,); they sum to 1."""
        values = np.asarray(g, dtype=np.float64)
        logs = np.stack([component.log_density(values) for component in self.components.values()])
        return dict(zip(self.components, softmax(logs, axis=0), strict=True))

    def density(self, g: ArrayLike) -> NDArray[np.float64]:
        """p(g), the shape of g. Eq. 8."""
        return np.asarray(sum(component.density(g) for component in self.components.values()))

    def sample(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw n gaps, (n,); those of wide components may leave [−1, 1]."""
        parts = list(self.components.values())
        bounds = np.cumsum([component.weight for component in parts])[:-1]
        chosen = np.searchsorted(bounds, rng.random(n), side="right")
        mean = np.array([component.mean for component in parts])[chosen]
        std = np.array([component.std for component in parts])[chosen]
        return np.asarray(mean + std * rng.standard_normal(n))

    # ------------------------------------------------------------ the file

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """The components by role, as they stand in gmm.json; imbalanced also says its side."""
        described: dict[str, dict[str, Any]] = {
            role: {name: getattr(component, name) for name in _VALUES}
            for role, component in self.components.items()
        }
        if "imbalanced" in described:
            described["imbalanced"]["dominant"] = self.dominant
        return described

    @classmethod
    def from_dict(cls, components: object, path: str) -> Mixture:
        """Rebuild a mixture from the components of a gmm.json; path names the file in errors.

        Raises InputError: a role or a value missing, not a finite number, variance or weight not
        positive, weights that do not sum to 1. All problems are told at once.
        """
        there = set(components) if isinstance(components, Mapping) else set()
        roles = next((roles for roles in ROLES if set(roles) == there), None)
        if roles is None or not isinstance(components, Mapping):
            known = "; ".join(" and ".join(roles) for roles in ROLES)
            names = ", ".join(sorted(map(str, there))) or "none"
            raise _unusable(path, [f"components are {known}; it has: {names}"])
        problems = [line for role in roles for line in _problems(role, components[role])]
        if problems:
            raise _unusable(path, problems)
        parts = {
            role: Component(*(float(components[role][name]) for name in _VALUES)) for role in roles
        }
        total = math.fsum(component.weight for component in parts.values())
        if abs(total - 1) > 1e-6:
            raise _unusable(path, [f"the weights sum to {total:g}, not to 1"])
        return cls(**parts)


def _logaddexp(first: Any, second: Any) -> Any:
    """log(exp(first) + exp(second)), of numpy arrays or of torch tensors, which have their own."""
    if hasattr(first, "logaddexp"):
        return first.logaddexp(second)
    return np.logaddexp(first, second)


def _unusable(path: str, problems: list[str]) -> InputError:
    return InputError(f"{path} is not a usable mixture", problems, "fit it again with avgap fitgmm")


def _problems(role: str, component: object) -> list[str]:
    if not isinstance(component, Mapping):
        return [f"{role} is not an object of weight, mean, variance"]
    lines = []
    for name in _VALUES:
        value = component.get(name)
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, float))
            or not -_LARGEST <= value <= _LARGEST
        ):
            lines.append(f"{role}: {name} is {value!r}, not a finite number")
        elif name != "mean" and value <= 0:
            lines.append(f"{role}: {name} is {value:g}, not above zero")
    return lines
