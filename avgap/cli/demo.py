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

    Media files, cache, held-out gaps, mixture, warm-up, three ways to train on, metrics
    and two pages, in two to three minutes.

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
    console.notice(
        "compared are, after the same warm-up, the paper's loss (paper), plain training "
        "(plain), and a loss by which the weaker modality abstains where held-out gaps say "
        "that it knows nothing (mend); docs/results.md has the same on real data"
    )
    pages = {name: str(output / f"{name}.html") for name in ("comparison", "report")}
    words = "\n".join(f"{name}: {page}" for name, page in pages.items())
    console.result(words, pages, as_json=as_json)
