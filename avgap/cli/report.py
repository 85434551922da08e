"""`avgap report`: options in, one call, result out."""

from __future__ import annotations

from avgap import console, options
from avgap.errors import UsageError


def report(
    paths: options.Paths,
    output: options.Page = None,
    cache: options.CacheHint = None,
    verify: options.Verify = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """⑦ Describe an artifact, or make a page.

    One file: what it is, where from, a summary. Run folders: one page of pictures.

    \b
    avgap report run/gaps.h5
    avgap report run -o report.html
    """
    console.setup(quiet=quiet)
    if output is not None and verify:
        raise UsageError("--verify looks at one artifact, -o makes a page: choose one")
    from avgap import report as stage

    if output is None:
        if len(paths) != 1 or paths[0].is_dir():
            raise UsageError("run folders make a page", (), "-o report.html")
        text, data = stage.describe(paths[0], verify=verify)
        console.result(text, data, as_json=as_json)
        return
    result = stage.page(paths, output, cache)
    console.result("", result.as_dict(), as_json=as_json)
    console.wrote(output)
