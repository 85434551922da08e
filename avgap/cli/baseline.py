"""`avgap baseline`: options in, one call, result out."""

from __future__ import annotations

from typing import Annotated

import typer

from avgap import console
from avgap.cli import early, options
from avgap.cli.common import finished, suggest_evaluate
from avgap.settings import BASELINE, Network, Running, Training


def _list(asked: bool) -> None:
    if asked:
        from avgap.baseline import listing

        console.artifact(listing())
        raise typer.Exit


@options.from_settings
def baseline(
    method: options.MethodName,
    cache: options.CacheFile,
    output: options.OutputFolder,
    *,
    set_: options.Assignments = None,
    listing: Annotated[
        bool,
        typer.Option(
            "--list", is_eager=True, callback=_list, help="Every method's settings, and end."
        ),
    ] = False,
    encoder: options.Encoder = None,
    network: Network,
    training: Training = BASELINE,
    running: Running,
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
    network = network.with_encoder(encoder)
    early.expect_method(method, set_ or ())
    early.expect_training([cache], output, running, network)
    from avgap.baseline import baseline as stage

    result = stage(
        method,
        cache,
        output,
        assignments=set_ or (),
        network=network,
        settings=training,
        running=running,
        force=force,
    )
    console.result("", result.as_dict(), as_json=as_json)
    finished(result.path, result.up_to_date)
    suggest_evaluate(cache, result.path)
