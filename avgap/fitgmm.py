"""④ Which samples are balanced, which are not: gaps → gmm.json. Eq. 8.

mixture/ fits it and says what it is worth; artifact/gapstream.py reads what is too large
for memory.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avgap import artifact, console
from avgap.artifact import STANDARD_STREAM, Kind, Output, Question, Stamp
from avgap.artifact.gapstream import Table, collect
from avgap.artifact.gmm import mixture_digest, read_mixture
from avgap.mixture.fit import fit
from avgap.mixture.result import FitResult
from avgap.mixture.verdict import verdict_with_histogram
from avgap.settings import Fit, parameters

_DEFAULT = Fit()


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


def fitgmm(
    gaps: str | Path | Sequence[str | Path],
    output: str | Path,
    settings: Fit = _DEFAULT,
    *,
    plot: Path | None = None,
    force: bool = False,
) -> FitGmm:
    """Fit the mixture to one or more tables of gaps and write gmm.json, unless it is there already.

    With output "-" nothing is written; the caller prints the result's text. plot: also draw Fig. 2.
    Raises InputError (the gaps, see collect and fit), OutputError (another question).
    """
    started = time.monotonic()
    if plot is not None:
        from avgap import figures  # matplotlib takes long to import

        figures.expect_writable(plot)
    paths = [gaps] if isinstance(gaps, (str, Path)) else list(gaps)
    collected = collect(paths, settings.reg_covar)
    for table in collected.tables:
        if table.stamp is None:
            console.warn(f"{table.path} carries no avgap stamp: its origin is unknown")
    question = Question("avgap.gmm", _inputs(collected.tables), parameters(settings))
    target = Output(output, question, _sources(collected.tables), _GMM)
    answer = target.reuse(force=force) or target.write(fit(collected.gap, settings), started)
    result = answer.content
    verdict = verdict_with_histogram(result.mixture, result.diagnostics, collected.bins)
    for line in result.diagnostics["warnings"]:
        console.warn(line)
    if plot is not None:
        figures.save(figures.gap_histogram(collected.drawn, result.mixture), plot)
    path = None if str(output) == STANDARD_STREAM else Path(output)
    return FitGmm(result, answer.stamp, path, answer.up_to_date, verdict)


def _read(path: Path) -> FitResult:
    read = read_mixture(path)
    return FitResult(read.mixture, read.fit, read.diagnostics)


_GMM = Kind(
    _read,
    lambda result: mixture_digest(result.mixture),
    lambda path, result, stamp: artifact.write_text(
        path, artifact.to_json(stamp, result.as_dict())
    ),
)


def _inputs(tables: Sequence[Table]) -> dict[str, str]:
    """The digests of the gaps and, where all tables know the same, of their cache and checkpoint.

    Of several tables, `gaps` is the digest of theirs in order, and each is named, too.
    """
    digests = sorted(table.digest for table in tables)
    if len(tables) == 1:
        inputs = {"gaps": digests[0]}
    else:
        each = {f"gaps_{i}": one for i, one in enumerate(digests, start=1)}
        inputs = {"gaps": artifact.digest("gaps", digests), **each}
    for name in ("cache", "checkpoint"):
        known = {None if t.stamp is None else t.stamp.inputs.get(name) for t in tables}
        only = known.pop()
        if only is not None and not known:
            inputs[name] = only
    return inputs


def _sources(tables: Sequence[Table]) -> dict[str, str | Path]:
    """Where the gaps lie, and the first's cache and checkpoint."""
    names = ["gaps"] if len(tables) == 1 else [f"gaps_{i}" for i in range(1, len(tables) + 1)]
    ordered = sorted(tables, key=lambda table: table.digest)
    sources = {name: table.path for name, table in zip(names, ordered, strict=True)}
    first = ordered[0]
    folder = Path() if str(first.path) == STANDARD_STREAM else Path(first.path).parent
    for name in ("cache", "checkpoint"):
        if first.stamp is not None and (place := first.stamp.hints.get(name)):
            sources[name] = folder / place
    return sources
