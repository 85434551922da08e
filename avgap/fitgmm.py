"""④ Which samples are balanced, which are not: gaps → gmm.json. Eq. 8.

mixture/ fits it and says what it is worth; artifact/gapstream.py reads what is too large
for memory. What the gaps say without a mixture, and on whose clips they were measured, is told
afresh every time and stands in no gmm.json: it is the gaps', and the file stays what it was.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from avgap import artifact, console
from avgap.artifact import STANDARD_STREAM, Kind, Output, Question, Stamp
from avgap.artifact.gaps import Gaps
from avgap.artifact.gapstream import Pooled, Table, collect
from avgap.artifact.gmm import besides_mixture, mixture_digest, read_mixture
from avgap.mixture.bootstrap import STEPS
from avgap.mixture.fit import fit
from avgap.mixture.model import Mixture
from avgap.mixture.plain import by_heart, measured, plain, rightness, told
from avgap.mixture.result import FitResult
from avgap.mixture.verdict import not_balanced, verdict_with_histogram
from avgap.settings import MODALITIES, Fit

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DEFAULT = Fit()


@dataclass(frozen=True)
class FitGmm:
    """What the stage gives: the fit, its stamp, the artifact as text, and the verdict in words.

    gaps: what they say without a mixture, and held_out (None: unknown); for --json.
    """

    result: FitResult
    stamp: Stamp
    path: Path | None  # None: standard output
    up_to_date: bool
    verdict: str
    gaps: dict[str, Any]

    @property
    def text(self) -> str:
        """The artifact itself, for standard output."""
        return artifact.to_json(self.stamp, self.result.as_dict())

    def as_dict(self) -> dict[str, Any]:
        """The result for --json."""
        place = {"output": str(self.path or STANDARD_STREAM), "up_to_date": self.up_to_date}
        return {
            **place,
            "digest": self.stamp.digest,
            "gaps": self.gaps,
            **self.result.as_dict(),
        }


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
    question = Question("avgap.gmm", _inputs(collected.tables), settings.recorded)
    target = Output(output, question, _sources(collected.tables), _GMM)
    answer = target.reuse(force=force) or target.write(
        _fit(collected, settings), started, force=force
    )
    result = answer.content
    lines, say = _without_a_mixture(collected)
    verdict = verdict_with_histogram(result.mixture, result.diagnostics, collected.bins)
    for line in [*_warnings(collected.tables, result.mixture), *result.diagnostics["warnings"]]:
        console.warn(line)
    if plot is not None:
        figures.save(figures.gap_histogram(collected.drawn, result.mixture), plot)
    path = None if str(output) == STANDARD_STREAM else Path(output)
    words = "\n".join([*lines, "", verdict])
    return FitGmm(result, answer.stamp, path, answer.up_to_date, words, say)


def _fit(collected: Pooled, settings: Fit) -> FitResult:
    if not settings.bootstrap:
        return fit(collected.gap, settings)
    with console.progress(f"{settings.bootstrap:,} resamples", STEPS, "fits") as bar:
        return fit(collected.gap, settings, bar.advance)


def _without_a_mixture(pooled: Pooled) -> tuple[list[str], dict[str, Any]]:
    """On whose clips the gaps were measured, and their plain numbers; in words and as values."""
    rights = [{} if t.whole is None else _right(t.whole) for t in pooled.tables]
    common = [name for name in MODALITIES if all(name in right for right in rights)]
    right = {name: np.concatenate([of[name] for of in rights]) for name in common}
    numbers = plain(pooled.bins.value, right, pooled.bins.count)
    origins = [_held_out(table) for table in pooled.tables]
    folds = [None if table.whole is None else table.whole.fold for table in pooled.tables]
    lines = [f"gaps {measured(*of)}" for of in zip(origins, folds, strict=True)]
    held_out = origins[0] if len(set(origins)) == 1 else None
    return [*dict.fromkeys(lines), *told(numbers)], {"held_out": held_out, **numbers._asdict()}


def _right(table: Gaps) -> dict[str, NDArray[np.bool_]]:
    return rightness(table.label, table.fused_pred, table.audio_pred, table.visual_pred)


def _held_out(table: Table) -> bool | None:
    """Of a table too large to be read whole the stamp tells."""
    known = table.whole or Gaps(np.zeros(0), stamp=table.stamp)
    return known.held_out


def _warnings(tables: Sequence[Table], mixture: Mixture) -> list[str]:
    """What is wrong with the gaps, of each table once, and with the word balanced."""
    lines = [
        by_heart(_held_out(table), plain(table.whole.gap, _right(table.whole)).accuracy)
        for table in tables
        if table.whole is not None
    ]
    return [line for line in dict.fromkeys([*lines, not_balanced(mixture)]) if line]


def _read(path: Path) -> FitResult:
    read = read_mixture(path)
    return FitResult(read.mixture, read.fit, read.diagnostics)


_GMM = Kind(
    _read,
    lambda result: mixture_digest(result.mixture),
    lambda path, result, stamp, check: artifact.write_text(
        path, artifact.to_json(stamp, result.as_dict()), check
    ),
    lambda result: besides_mixture(result.fit, result.diagnostics),
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
