"""`avgap report`: options in, one call, result out."""

from __future__ import annotations

from avgap import console
from avgap.cli import options
from avgap.cli.document import format_to_write, give, line_of
from avgap.errors import UsageError


def report(
    paths: options.Paths,
    output: options.ReportOutput = None,
    format: options.ReportFormat = None,
    by: options.ByColumns = None,
    trajectories: options.TrajectoriesFile = None,
    cache: options.CacheHint = None,
    spreadsheet: options.Spreadsheet = False,
    verify: options.Verify = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """⑦ Describe an artifact, or report on a run and on any model's gaps.

    One file: what it is, where from, a summary. A run folder, or gaps with their mixture: words and
    tables, or with -o a page, tables or figures. Several runs: avgap compare.

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
    kind = format_to_write(output, format, [*paths, *(by or [])], as_json=as_json)
    from avgap.report.grouping import read_by
    from avgap.report.rundocument import document, numbers
    from avgap.report.runfolder import several_runs

    if several_runs(paths):
        asked = {"--format": format, "--cache": cache}
        raise UsageError(
            "these are several runs, and `report` is of one",
            ["`compare` puts them side by side, over seeds"],
            line_of("compare", paths, output, asked) + (" --json" if as_json else ""),
        )
    views = stage.read_views(paths, cache, read_by(by or []))
    if trajectories is not None:
        stuck = stage.write_trajectories(views, trajectories, spreadsheet=spreadsheet)
        console.wrote(trajectories, f"{stuck:,} samples never moved")
    given: dict[str, object] = {
        "--format": format,
        "--trajectories": trajectories,
        "--cache": cache,
        "--by": by,
        "--spreadsheet": spreadsheet,
    }
    made_by = line_of("report", paths, output, given)
    told = numbers([view.numbers() for view in views])
    give(
        document(views, made_by),
        told,
        output,
        kind,
        "report.html",
        as_json=as_json,
        spreadsheet=spreadsheet,
    )
