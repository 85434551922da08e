"""`avgap report`: options in, one call, result out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from avgap import console
from avgap.cli import options
from avgap.cli.common import STDOUT, command_line, one_result
from avgap.errors import UsageError

if TYPE_CHECKING:
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
    compared over seeds.

    \b
    avgap report run/gaps.h5
    avgap report run -o report.html
    avgap report gaps.h5 gmm.json --by speakers.csv
    avgap report run --format figures -o figures
    avgap report runs --reference concat -o comparison.html
    """
    console.setup(quiet=quiet)
    alone = len(paths) == 1 and not paths[0].is_dir() and output is None and format is None
    if verify and (not alone or by or trajectories):
        raise UsageError("--verify looks at one artifact and at nothing else")
    from avgap import report as stage

    files = [str(path) for path in paths if path.is_file()]
    if reference is not None and files:
        raise UsageError("--reference is of run folders, and these are files", files)
    if alone and not by and trajectories is None:
        text, data = stage.describe(paths[0], verify=verify)
        console.result(text, data, as_json=as_json)
        return
    single = {"--by": by, "--trajectories": trajectories}
    asked = [name for name, value in single.items() if value]
    from avgap.report.comparison import is_many

    several = output is None and format is None and not asked and is_many(paths)
    if reference is not None or several or any(is_many([path]) for path in paths):
        if asked:
            raise UsageError(
                f"{' and '.join(asked)}: of single runs, and these are compared",
                hint="name one run folder",
            )
        _compare(paths, output, format, reference, cache, as_json=as_json)
        return
    kind = _kind(output, format, as_json=as_json)
    from avgap.report.grouping import read_by

    views = stage.read_views(paths, cache, read_by(by or []))
    if trajectories is not None:
        stuck = stage.write_trajectories(views, trajectories)
        console.wrote(trajectories, f"{stuck:,} samples never moved")
    given = {"--format": format, "--trajectories": trajectories, "--cache": cache}
    made_by = _line(paths, output, given, [word for value in by or [] for word in ("--by", value)])
    _give(views, output, kind, made_by, as_json=as_json)


def _line(
    paths: list[Path], output: str | None, given: Mapping[str, object], more: Sequence[str] = ()
) -> str:
    """The command line that makes the same again."""
    target = [] if output is None else ["-o", Path(output) if output != STDOUT else output]
    words = [word for name, value in given.items() if value is not None for word in (name, value)]
    return command_line("report", *paths, *target, *words, *more)


def _compare(
    paths: list[Path],
    output: str | None,
    format: str | None,
    reference: str | None,
    cache: Path | None,
    *,
    as_json: bool,
) -> None:
    """Compare the trainings under folders, in the terminal or a file."""
    from avgap.report import comparisonfiles as files
    from avgap.report.comparison import compare

    kind = _kind(output, format, as_json=as_json)
    found = compare(paths, reference, cache)
    # Several paths with -o are a page of each run but where a reference is named.
    chosen = found.panels[0].reference if reference is None and len(paths) > 1 else reference
    given = {"--reference": chosen, "--format": format, "--cache": cache}
    made_by = _line(paths, output, given)
    for line in found.left_out:
        console.warn(f"left out: {line}")
    for line in found.notes:
        console.warn(line)
    if kind is None:
        console.result(files.terminal(found), files.as_dict(found), as_json=as_json)
        if not as_json:
            console.suggest(f"{made_by} -o comparison.html")
    elif output is None or output == STDOUT:
        console.artifact(files.FORMATS[kind](found, made_by))
    else:
        files.write(found, Path(output), kind, made_by)
        console.result("", {"output": output, **files.as_dict(found)}, as_json=as_json)
        console.wrote(output)


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
    exports.expect_writable(Path(output), kind)
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
