"""`avgap demo`: options in, one call, result out."""

from __future__ import annotations

import contextlib
import io
import shlex
from pathlib import Path

import typer

from avgap import console
from avgap.cli import options


def demo(
    ctx: typer.Context,
    output: options.DemoFolder = Path("avgap-demo"),
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Run the pipeline on the built-in dataset.

    Media files, cache, warm-up, gaps, mixture, adaptation, metrics and a page, in
    about two minutes.

    \b
    avgap demo -o avgap-demo
    """
    console.setup(quiet=quiet)
    from avgap.demo import command_lines

    avgap = ctx.find_root().command
    for line in command_lines(output):
        console.command(shlex.join(["avgap", *line]))
        # With --json the one object at the end is all that belongs on stdout.
        with contextlib.redirect_stdout(io.StringIO()) if as_json else contextlib.nullcontext():
            avgap.main([*line, *(["--quiet"] if quiet else [])], standalone_mode=False)
    console.setup(quiet=quiet)
    page = output / "report.html"
    console.result(f"report: {page}", {"report": str(page)}, as_json=as_json)
