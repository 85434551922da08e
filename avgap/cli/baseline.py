"""`avgap baseline`: options in, one call, result out."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from avgap import console
from avgap.cli import options
from avgap.cli.common import finished, suggest_evaluate
from avgap.cli.scratch import FromScratch, from_scratch
from avgap.settings import BASELINE_EPOCHS


def _list(asked: bool) -> None:
    if asked:
        from avgap.baseline import listing

        console.artifact(listing())
        raise typer.Exit


@from_scratch
def baseline(
    method: options.MethodName,
    cache: options.CacheFile,
    output: options.OutputFolder,
    training: FromScratch,
    set_: options.Assignments = None,
    listing: Annotated[
        bool,
        typer.Option(
            "--list", is_eager=True, callback=_list, help="Every method's settings, and end."
        ),
    ] = False,
    epochs: options.Epochs = BASELINE_EPOCHS,
    force: options.Force = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train a comparison method from scratch.

    In the same loop, on the same cache. As many epochs as warmup and adapt have together.

    \b
    avgap baseline ogm-ge cache.h5 -o run/ogm-ge --set alpha=0.5 --set noise=false
    avgap baseline --list
    """
    console.setup(quiet=quiet)
    from avgap.baseline import baseline as stage

    result = stage(
        method,
        cache,
        output,
        assignments=set_ or (),
        network=training.network,
        settings=replace(training.settings, epochs=epochs),
        running=training.running,
        force=force,
    )
    console.result("", result.as_dict(), as_json=as_json)
    finished(result.path, result.up_to_date)
    suggest_evaluate(cache, result.path)
