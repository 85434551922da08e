"""`avgap fitgmm`: options in, one call, result out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from avgap import console
from avgap.cli import early, options
from avgap.cli.common import STDOUT, command_line, finished, one_result
from avgap.errors import UsageError
from avgap.settings import Fit

_OF_TRAINING = ("cache", "checkpoint")


@options.from_settings
def fitgmm(
    gaps: options.GapsFiles,
    output: options.OutputOrStdout,
    *,
    settings: Fit,
    plot: options.Plot = None,
    force: options.Force = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """④ Fit the Gaussian mixture of the gaps.

    One balanced component and one imbalanced, Eq. 8, or one for either side (--components 3), by EM
    from several starts. Several tables are fitted as one.

    \b
    avgap fitgmm run/gaps.h5 -o run/gmm.json --plot run/gmm.svg
    avgap fitgmm a.h5 b.h5 -o gmm.json --components auto --bootstrap 200
    """
    console.setup(quiet=quiet)
    one_result(output, as_json)
    if settings.bootstrap == 1:
        raise UsageError("one resample has no spread", hint="--bootstrap 200")
    early.expect_gaps(gaps)
    early.expect_name(output, "gmm")
    early.expect_figure(plot)
    from avgap.fitgmm import fitgmm as stage

    result = stage(gaps, output, settings, plot=plot, force=force)
    if output == STDOUT:
        console.artifact(result.text)
        console.notice(result.verdict)
        return
    console.result(result.verdict, result.as_dict(), as_json=as_json)
    finished(output, result.up_to_date)
    if plot is not None:
        console.wrote(plot)
    console.suggest(_next(gaps, Path(output), result.stamp.hints))


def _next(gaps: Sequence[str], output: Path, hints: Mapping[str, str]) -> str:
    """Training goes on where the gaps' cache and checkpoint are known; else there is a report."""
    places = [Path(os.path.normpath(output.parent / hints[n])) for n in _OF_TRAINING if n in hints]
    if len(places) == len(_OF_TRAINING) and all(place.exists() for place in places):
        cache, checkpoint = places
        run = checkpoint.parent.parent
        return command_line("adapt", cache, "--checkpoint", checkpoint, "-o", run / "adapt")
    page = output.with_name("report.html")
    return command_line("report", *map(Path, gaps), output, "-o", page)
