"""Is the mixture right? Planted groups, planted single peaks, local optima, on known truth.

python tests/bench/proof_mixture.py [planted|sides|peaks|optima] [--samples 40]

planted: bias, and how often estimate ± 1.96 standard errors holds the truth. sides: three groups.
peaks: how often a single peak is called two groups or three. optima: against the best of many
random starts of scikit-learn. Every sample has its own seed; gaps are clipped to [−1, 1].
"""

from __future__ import annotations

import argparse
import itertools
import warnings
from collections.abc import Callable

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from avgap import Mixture, fit_mixture
from avgap.mixture.model import Component

STD = 0.12
RESAMPLES = 40
RANDOM_STARTS = 50
Draw = Callable[[np.random.Generator, int], np.ndarray]


def two(weight: float, separation: float) -> Mixture:
    """A balanced group at 0 and an imbalanced one so many σ away."""
    variance = STD**2
    return Mixture(
        Component(1 - weight, 0.0, variance), Component(weight, separation * STD, variance)
    )


def planted(samples: int) -> None:
    """Bias and coverage of weight and mean of the imbalanced group; how often it is supported."""
    print(
        "| weight | separation | N | supported | bias of π₁ | covers π₁ | bias of μ₁ | covers μ₁ |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for weight, separation, n in itertools.product((0.05, 0.15), (2, 3, 5), (500, 5000)):
        truth = two(weight, separation)
        rows = []
        for seed in range(samples):
            rng = np.random.default_rng([1, seed, n, separation, round(100 * weight)])
            gap = truth.sample(n, rng).clip(-1, 1)
            result = fit_mixture(gap, bootstrap=RESAMPLES)
            found = result.mixture.imbalanced
            error = result.diagnostics["bootstrap"]["standard_errors"]["imbalanced"]
            rows.append(
                (
                    result.diagnostics["supported"],
                    found.weight - weight,
                    abs(found.weight - weight) < 1.96 * error["weight"],
                    found.mean - truth.imbalanced.mean,
                    abs(found.mean - truth.imbalanced.mean) < 1.96 * error["mean"],
                )
            )
        share, bias, covers, shift, holds = np.array(rows, dtype=float).mean(axis=0)
        print(
            f"| {weight:.2f} | {separation} σ | {n:,} | {100 * share:.0f} % | {bias:+.3f} "
            f"| {100 * covers:.0f} % | {shift:+.3f} | {100 * holds:.0f} % |",
            flush=True,
        )


def sides(samples: int) -> None:
    """Three planted groups: how often auto finds three, and the mean error of the parameters."""
    print("| weights a, v | separation | N | auto: 1, 2, 3 | error of π | error of μ |")
    print("|---|---|---|---|---|---|")
    for (audio, visual), separation, n in itertools.product(
        ((0.15, 0.1), (0.2, 0.03)), (3, 5), (500, 5000)
    ):
        parts = (
            Component(1 - audio - visual, 0.0, STD**2),
            Component(audio, separation * STD, STD**2),
            Component(visual, -separation * STD, STD**2),
        )
        truth, counts, weights, means = Mixture.of(*parts), [0, 0, 0], [], []
        for seed in range(samples):
            rng = np.random.default_rng([2, seed, n, separation, round(100 * visual)])
            gap = truth.sample(n, rng).clip(-1, 1)
            counts[len(fit_mixture(gap, "auto").mixture.components) - 1] += 1
            found = fit_mixture(gap, 3).mixture.components
            pairs = [(found[role], part) for role, part in truth.components.items()]
            weights.append(max(abs(a.weight - b.weight) for a, b in pairs))
            means.append(max(abs(a.mean - b.mean) for a, b in pairs))
        told = ", ".join(f"{100 * count / samples:.0f} %" for count in counts)
        print(
            f"| {audio:.2f}, {visual:.2f} | {separation} σ | {n:,} | {told} "
            f"| {np.mean(weights):.3f} | {np.mean(means):.3f} |",
            flush=True,
        )


PEAKS: dict[str, Draw] = {
    "Gaussian, σ 0.15": lambda rng, n: rng.normal(0, 0.15, n),
    "Gaussian, σ 0.15, about 0.2": lambda rng, n: rng.normal(0.2, 0.15, n),
    "sharp Gaussian, σ 0.01": lambda rng, n: rng.normal(0, 0.01, n),
    "Laplace, scale 0.1": lambda rng, n: rng.laplace(0, 0.1, n),
    "Student t₃, scale 0.05": lambda rng, n: 0.05 * rng.standard_t(3, n),
    "Student t₂, scale 0.05": lambda rng, n: 0.05 * rng.standard_t(2, n),
    "uniform in ±0.5": lambda rng, n: rng.uniform(-0.5, 0.5, n),
    "skewed (gamma 2, scale 0.1)": lambda rng, n: rng.gamma(2, 0.1, n) - 0.1,
}


def peaks(samples: int, only: str = "") -> None:
    """Single peaks: how often two groups, and three, are called supported; what auto takes."""
    print("| peak | N | ΔBIC > 10 | two supported | three supported | auto takes one |")
    print("|---|---|---|---|---|---|")
    for (name, draw), n in itertools.product(PEAKS.items(), (200, 1000, 6000)):
        if only not in name:
            continue
        rows = []
        for seed in range(samples):
            gap = draw(np.random.default_rng([3, seed, n]), n).clip(-1, 1)
            second, third = (fit_mixture(gap, k).diagnostics for k in (2, 3))
            one = len(fit_mixture(gap, "auto").mixture.components) == 1 if seed < 20 else np.nan
            rows.append((second["delta_bic"] > 10, second["supported"], third["supported"], one))
        bic, twos, threes, one = 100 * np.nanmean(np.array(rows, dtype=float), axis=0)
        print(
            f"| {name} | {n:,} | {bic:.0f} % | {twos:.0f} % | {threes:.0f} % | {one:.0f} % |",
            flush=True,
        )


def best_of_many(gap: np.ndarray, k: int, seed: int) -> float:
    """The best mean log-likelihood of random starts that did not collapse onto a few gaps."""
    rng, best = np.random.default_rng(seed), -np.inf
    for _ in range(RANDOM_STARTS):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = GaussianMixture(
                k,
                tol=1e-8,
                max_iter=2000,
                weights_init=rng.dirichlet(np.full(k, 5)),
                means_init=rng.choice(gap, k, replace=False)[:, None],
                precisions_init=1 / (gap.var() * rng.uniform(0.01, 1, k))[:, None, None],
            ).fit(gap[:, None])
        few = (model.weights_ * len(gap) < 5).any() or (model.covariances_ < 2e-6).any()
        if not few:
            best = max(best, float(model.score(gap[:, None])))
    return best


def optima(samples: int) -> None:
    """How far the fit falls short of the best of many random starts, per sample."""
    cases: dict[str, Draw] = {
        "paper": lambda rng, n: two(0.143, 5.8).sample(n, rng),
        "overlap, 1.5 σ": lambda rng, n: two(0.3, 1.5).sample(n, rng),
        "two sides": lambda rng, n: np.concatenate(
            [rng.normal(m, 0.1, int(s * n)) for m, s in ((-0.6, 0.1), (0, 0.7), (0.6, 0.2))]
        ),
        "Laplace": lambda rng, n: rng.laplace(0, 0.1, n),
        "uniform": lambda rng, n: rng.uniform(-0.5, 0.5, n),
    }
    print("| gaps (N = 800) | components | worst shortfall, nats | short by > 1e-4 |")
    print("|---|---|---|---|")
    for (name, draw), k in itertools.product(cases.items(), (2, 3)):
        short = []
        for seed in range(samples):
            gap = draw(np.random.default_rng([4, seed]), 800).clip(-1, 1)
            ours = fit_mixture(gap, k).fit["log_likelihood"]
            short.append(best_of_many(gap, k, seed) - ours)
        late = sum(value > 1e-4 for value in short)
        print(f"| {name} | {k} | {max(max(short), 0):.1e} | {late} of {samples} |", flush=True)


TABLES = {"planted": planted, "sides": sides, "peaks": peaks, "optima": optima}


def main() -> None:
    """Print the tables asked for, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", nargs="?", choices=list(TABLES))
    parser.add_argument("--samples", type=int, default=40)
    parser.add_argument("--only", default="", help="of peaks: those whose name has this")
    chosen = parser.parse_args()
    for name in [chosen.table] if chosen.table else TABLES:
        if name == "peaks":
            peaks(chosen.samples, chosen.only)
        else:
            TABLES[name](chosen.samples)
        print()


if __name__ == "__main__":
    main()
