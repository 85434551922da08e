"""`avgap report`: options in, one call, result out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from avgap import console, options
from avgap.cli.common import STDOUT, command_line, one_result
from avgap.errors import UsageError

if TYPE_CHECKING:
    from avgap.report.comparison import Comparison
    from avgap.report.runview import RunView


def report(
    paths: options.Paths,
    output: options.ReportOutput = None,
    format: options.ReportFormat = None,
    by: options.ByColumns = None,
    reference: options.Reference = None,
    trajectories: options.TrajectoriesFile = None,
    cache: options.CacheHint = None,
    verify: options.Verify = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """⑦ Describe an artifact, or report on runs and on any model's gaps.

    One file: what it is, where from, a summary. Run folders, or gaps with their mixture: words and
    tables, or with -o a page, tables or figures. Several run folders, or a folder of them, are
    compared over seeds in the terminal.

    \b
    avgap report run/gaps.h5
    avgap report run -o report.html
    avgap report gaps.h5 gmm.json --by speakers.csv
    avgap report run --format figures -o figures
    """
    console.setup(quiet=quiet)
    alone = len(paths) == 1 and not paths[0].is_dir() and output is None and format is None
    if verify and (not alone or by or trajectories):
        raise UsageError("--verify looks at one artifact and at nothing else")
    from avgap import report as stage

    if alone and not by and trajectories is None:
        text, data = stage.describe(paths[0], verify=verify)
        console.result(text, data, as_json=as_json)
        return
    plain = output is None and format is None and not by and trajectories is None
    if reference is not None and not plain:
        raise UsageError("--reference compares runs in the terminal", (), "without -o and --format")
    from avgap.report.comparison import compare, is_many

    if plain and (reference is not None or is_many(paths)):
        _compare(compare(paths, reference), as_json=as_json)
        return
    if len(paths) == 1 and is_many(paths):
        raise UsageError(
            f"{paths[0]} holds several runs, which are compared in the terminal or with --json",
            ["-o, --format, --by and --trajectories are of single runs"],
            f"{command_line('report', paths[0])}, or name the run folders",
        )
    kind = _kind(output, format, as_json=as_json)
    from avgap.report.grouping import read_by

    views = stage.read_views(paths, cache, read_by(by or []))
    if trajectories is not None:
        stuck = stage.write_trajectories(views, trajectories)
        console.wrote(trajectories, f"{stuck:,} samples never moved")
    given = {"--format": format, "--trajectories": trajectories, "--cache": cache}
    words = [word for name, value in given.items() if value is not None for word in (name, value)]
    words += [word for value in by or [] for word in ("--by", value)]
    target = [] if output is None else ["-o", Path(output) if output != STDOUT else output]
    made_by = command_line("report", *paths, *target, *words)
    _give(views, output, kind, made_by, as_json=as_json)


def _compare(found: Comparison, *, as_json: bool) -> None:
    for line in found.left_out:
        console.warn(f"left out: {line}")
    drawn = [console.table(list(t.columns), t.rows, t.title) for t in found.tables]
    tables = [table._asdict() for table in found.tables]
    data = {"tables": tables, "left_out": found.left_out}
    console.result("\n\n".join(drawn), data, as_json=as_json)


def _kind(output: str | None, format: str | None, *, as_json: bool) -> str | None:
    """The format to write, None for words in the terminal.

    Raises UsageError where the output cannot be what is asked for, OutputError: a foreign file.
    """
    one_result(output or "", as_json)
    if output in (None, STDOUT) and format in _PLACES:
        raise UsageError(f"--format {format} needs a place", (), f"-o {_PLACES[format]}")
    if output is None and format is not None and as_json:
        raise UsageError("--json and --format both want standard output", (), "-o FILE")
    if output is None or output == STDOUT:
        return format if output is None else format or "md"
    from avgap.report import exports

    kind = format or exports.format_of(Path(output))
    exports.settle(Path(output), kind)
    return kind


_PLACES = {"html": "report.html", "figures": "FOLDER"}


def _give(
    views: list[RunView], output: str | None, kind: str | None, made_by: str, *, as_json: bool
) -> None:
    from avgap import report as stage
    from avgap.report import exports
    from avgap.report.page import numbers

    if kind is None:
        runs = [view.numbers() for view in views]
        console.result(exports.terminal(views), numbers(runs), as_json=as_json)
        if not as_json:
            console.suggest(f"{made_by} -o report.html")
    elif output is None or output == STDOUT:
        console.artifact(exports.FORMATS[kind](views, made_by))
    else:
        result = stage.write(views, Path(output), kind, made_by)
        console.result("", result.as_dict(), as_json=as_json)
        console.wrote(output)
