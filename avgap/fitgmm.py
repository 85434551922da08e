"""④ Which samples are balanced, which are not: gaps → gmm.json. Eq. 8.

The mixture is fitted by scikit-learn's EM from several starts; evidence.py says what it is worth.
"""

from __future__ import annotations

import json
import math
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from avgap import artifact, console, summary
from avgap.artifact import STANDARD_STREAM, Question, Stamp
from avgap.errors import InputError
from avgap.evidence import at_floor, diagnose
from avgap.gapfile import Gaps, read_gaps
from avgap.mixture import ROLE_RULE, Component, Mixture
from avgap.settings import Fit, parameters

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sklearn.mixture import GaussianMixture

_DEFAULT = Fit()
SCOUT_TOL = 1e-5  # of the mean log-likelihood per iteration
EQUAL = 1e-9  # gaps of a smaller range are one value


@dataclass(frozen=True)
class FitResult:
    """A fitted mixture, how EM got there (`fit`), and what it is worth (`diagnostics`)."""

    mixture: Mixture
    fit: dict[str, Any]
    diagnostics: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """The body of gmm.json."""
        return {
            "components": self.mixture.as_dict(),
            "role_rule": ROLE_RULE,
            "fit": self.fit,
            "diagnostics": self.diagnostics,
        }


@dataclass(frozen=True)
class GmmFile:
    """A gmm.json as read."""

    mixture: Mixture
    stamp: Stamp
    fit: dict[str, Any]
    diagnostics: dict[str, Any]


@dataclass(frozen=True)
class FitGmm:
    """What the stage gives: the fit, its stamp, the artifact as text, and the verdict in words."""

    result: FitResult
    stamp: Stamp
    path: Path | None  # None: standard output
    up_to_date: bool
    verdict: str

    @property
    def text(self) -> str:
        """The artifact itself, for standard output."""
        return artifact.to_json(self.stamp, self.result.as_dict())

    def as_dict(self) -> dict[str, Any]:
        """The result for --json."""
        place = {"output": str(self.path or STANDARD_STREAM), "up_to_date": self.up_to_date}
        return {**place, "digest": self.stamp.digest, **self.result.as_dict()}


# ---------------------------------------------------------------- the fit, pure


def fit_mixture(gap: NDArray[np.float64], settings: Fit = _DEFAULT) -> FitResult:
    """Fit the two-component mixture of Eq. 8 to N gaps, (N,), by EM from several starts.

    A short EM is run from every start; the best mean log-likelihood among those that have not
    collapsed to the variance floor, if there are such, is then followed to convergence.
    Raises InputError: fewer gaps than components, a gap that is not a finite number, all equal.
    """
    if settings.components != 2:
        raise ValueError(f"two components are what this fits, not {settings.components}")
    gap = np.asarray(gap, dtype=np.float64)
    _check(gap, settings)
    scouts = [_scout(gap, split, settings) for split in starts(gap, settings)]
    sound = [model for model in scouts if not _collapsed(model, settings)]
    first = max(sound or scouts, key=lambda model: float(model.lower_bound_))
    best = _em(gap, _components(first), settings)
    mixture = Mixture.of(*_components(best))
    log_densities = [c.log_density(gap) for c in mixture.components.values()]
    log_likelihood = float(np.logaddexp(*log_densities).mean())
    fit = {
        "n_samples": len(gap),
        "n_starts": len(scouts),
        "n_iter": int(first.n_iter_ + best.n_iter_),
        "converged": bool(best.converged_),
        "tol": settings.tol,
        "reg_covar": settings.reg_covar,
        "log_likelihood": log_likelihood,
    }
    return FitResult(mixture, fit, diagnose(gap, mixture, fit))


def starts(gap: NDArray[np.float64], settings: Fit) -> Iterator[NDArray[np.bool_]]:
    """Splits of the samples in two, (N,) each, from which EM starts: at most settings.n_init.

    k-means first; then, in turn, thresholds of |g| (narrow and wide, whatever the side) and of g
    (left and right) at quantiles that fill (0, 1) evenly: the golden-ratio sequence from 1/2.
    """
    from sklearn.cluster import KMeans

    column = gap[:, None]
    model = KMeans(2, n_init=1, random_state=settings.seed).fit(column)
    yield model.labels_ == 1
    for k in range(settings.n_init - 1):
        values = np.abs(gap) if k % 2 == 0 else gap
        level = (0.5 + (k // 2) * (math.sqrt(5) - 1) / 2) % 1
        split = values > np.quantile(values, level)
        if split.any():
            yield split


def _scout(gap: NDArray[np.float64], split: NDArray[np.bool_], settings: Fit) -> GaussianMixture:
    """A short EM from one start: enough to tell the optima apart, not to reach them."""
    sides = (gap[~split], gap[split])
    first, second = (
        Component(len(side) / len(gap), float(side.mean()), float(side.var()) + settings.reg_covar)
        for side in sides
    )
    brief = replace(settings, tol=max(SCOUT_TOL, settings.tol))
    return _em(gap, [first, second], brief)


def _em(gap: NDArray[np.float64], start: list[Component], settings: Fit) -> GaussianMixture:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    total = sum(component.weight for component in start)
    model = GaussianMixture(
        2,
        tol=settings.tol,
        reg_covar=settings.reg_covar,
        max_iter=settings.max_iter,
        weights_init=[component.weight / total for component in start],
        means_init=[[component.mean] for component in start],
        precisions_init=[[[1 / component.variance]] for component in start],
        random_state=settings.seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # `converged` tells it
        return model.fit(gap[:, None])


def _components(model: GaussianMixture) -> list[Component]:
    values = zip(model.weights_, model.means_.ravel(), model.covariances_.ravel(), strict=True)
    # EM may starve a component; a weight of zero has no logarithm.
    tiny = float(np.finfo(np.float64).tiny)
    return [Component(max(float(w), tiny), float(m), float(v)) for w, m, v in values]


def _collapsed(model: GaussianMixture, settings: Fit) -> bool:
    """Whether a component has shrunk to the variance floor, as on a value that many gaps share."""
    return any(at_floor(c, settings.reg_covar) for c in _components(model))


def _check(gap: NDArray[np.float64], settings: Fit) -> None:
    bad = int((~np.isfinite(gap)).sum())
    if bad:
        raise InputError(
            f"{bad} of {len(gap)} gaps are not finite numbers",
            hint="collect the gaps again from the last good checkpoint",
        )
    if len(gap) < settings.components:
        raise InputError(
            f"{settings.components} components need at least {settings.components} gaps",
            [f"there are {len(gap)}"],
            "the gaps of the whole training split",
        )
    if np.ptp(gap) < EQUAL:
        raise InputError(
            f"all {len(gap)} gaps are equal ({gap[0]:g})",
            ["a mixture needs gaps that differ"],
            "a longer warm-up, or look at the scores: avgap report GAPS",
        )


# ---------------------------------------------------------------- the file


def read_mixture(path: str | Path) -> GmmFile:
    """Read a gmm.json ("-": standard input).

    Raises InputError: missing, truncated, not JSON, another artifact, or an unusable mixture.
    """
    piped = str(path) == STANDARD_STREAM
    name = "standard input" if piped else str(path)
    keys = _json_of_stdin(name) if piped else artifact.read_json(Path(path))
    stamp = artifact.parse_stamp(keys, name)
    artifact.expect(stamp, "avgap.gmm", name)
    mixture = Mixture.from_dict(keys.get("components"), name)
    records = [keys.get(record) for record in ("fit", "diagnostics")]
    if not all(isinstance(record, dict) for record in records):
        raise InputError(f"{name} is corrupt", ["fit or diagnostics are missing"], "fit it again")
    return GmmFile(mixture, stamp, *records)  # type: ignore[arg-type]


def _json_of_stdin(name: str) -> dict[str, Any]:
    try:
        keys = json.loads(sys.stdin.read())
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{name} cannot be read as JSON", [str(error)]) from error
    return keys if isinstance(keys, dict) else {}


def mixture_digest(mixture: Mixture) -> str:
    """The digest of a mixture's content: its components."""
    return artifact.digest("gmm", mixture.as_dict())


# ---------------------------------------------------------------- the stage


def fitgmm(
    gaps: str | Path,
    output: str | Path,
    settings: Fit = _DEFAULT,
    *,
    plot: Path | None = None,
    force: bool = False,
) -> FitGmm:
    """Fit the mixture to a table of gaps and write gmm.json, unless it is there already.

    With output "-" nothing is written; the caller prints the result's text. plot: also draw Fig. 2.
    Raises InputError (the gaps, see read_gaps and fit_mixture), OutputError (another question).
    """
    started = time.monotonic()
    if plot is not None:
        from avgap import figures  # matplotlib takes long to import

        figures.settle(plot)
    table = read_gaps(gaps)
    if table.stamp is None:
        console.warn(f"{gaps} carries no avgap stamp: its origin is unknown")
    question = Question("avgap.gmm", _inputs(table), parameters(settings))
    path = None if str(output) == STANDARD_STREAM else Path(output)
    stamp = None if path is None else artifact.settle(path, question, force=force)
    if up_to_date := path is not None and stamp is not None:
        there = read_mixture(path)
        result = FitResult(there.mixture, there.fit, there.diagnostics)
    else:
        result = fit_mixture(table.gap, settings)
        stamp = Stamp(
            "avgap.gmm",
            mixture_digest(result.mixture),
            dict(question.inputs),
            dict(question.parameters),
            artifact.provenance(started),
            _hints(gaps, output, table),
        )
    verdict = summary.mixture(result.mixture, result.diagnostics, table.gap)
    done = FitGmm(result, stamp, path, up_to_date, verdict)
    for line in result.diagnostics["warnings"]:
        console.warn(line)
    if path is not None and not up_to_date:
        artifact.write_text(path, done.text)
    if plot is not None:
        figures.save(figures.gap_histogram(table.gap, result.mixture), plot)
    return done


def _inputs(table: Gaps) -> dict[str, str]:
    """The digests of the gaps and, where the gaps know them, of their cache and checkpoint."""
    if table.stamp is None:
        return {"gaps": table.digest()}
    origin = {k: v for k, v in table.stamp.inputs.items() if k in ("cache", "checkpoint")}
    return {"gaps": table.stamp.digest, **origin}


def _hints(gaps: str | Path, output: str | Path, table: Gaps) -> dict[str, str]:
    """Where the gaps lie, and their cache, seen from the folder of the output."""
    hints = {"gaps": artifact.hint(output, gaps)}
    if table.stamp is not None and table.stamp.hints.get("cache"):
        folder = Path() if str(gaps) == STANDARD_STREAM else Path(gaps).parent
        hints["cache"] = artifact.hint(output, folder / table.stamp.hints["cache"])
    return {name: place for name, place in hints.items() if place}
