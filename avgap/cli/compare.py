"""`avgap compare`: options in, one call, result out."""

from __future__ import annotations

from avgap import console
from avgap.cli import options
from avgap.cli.document import format_to_write, give, line_of


def compare(
    runs: options.Runs,
    output: options.ReportOutput = None,
    format: options.ReportFormat = None,
    reference: options.Reference = None,
    names: options.Names = "settings",
    cache: options.CacheHint = None,
    spreadsheet: options.Spreadsheet = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """⑧ Compare runs over seeds against a reference.

    Run folders, or folders of them: every training that no other continues, those that differ in
    the seed alone as one group. Words and tables, or with -o a page, tables or figures.

    \b
    avgap compare runs
    avgap compare runs --reference concat -o comparison.html
    avgap compare runs/a runs/b --format csv
    """
    console.setup(quiet=quiet)
    kind = format_to_write(output, format, runs, as_json=as_json)
    from avgap.compare import compare
    from avgap.report.comparison import document

    found = compare(runs, reference, cache, names)
    for line in found.left_out:
        console.warn(f"left out: {line}")
    for line in found.notes:
        console.warn(line)
    given: dict[str, object] = {"--reference": reference, "--format": format, "--cache": cache}
    given |= {} if names == "settings" else {"--names": names}
    given["--spreadsheet"] = spreadsheet
    made_by = line_of("compare", runs, output, given)
    whole = document(found, made_by)
    give(
        whole,
        found.as_dict(),
        output,
        kind,
        "comparison.html",
        as_json=as_json,
        spreadsheet=spreadsheet,
    )
