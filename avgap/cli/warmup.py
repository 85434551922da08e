"""`avgap warmup`: options in, one call, result out."""

from __future__ import annotations

from dataclasses import replace

from avgap import console
from avgap.cli import options
from avgap.cli.common import command_line, finished
from avgap.cli.scratch import FromScratch, from_scratch
from avgap.settings import Training


@from_scratch
def warmup(
    cache: options.CacheFile,
    output: options.OutputFolder,
    training: FromScratch,
    epochs: options.Epochs = Training.epochs,
    loss: options.WarmupLoss = "joint",
    force: options.Force = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """② Train both encoders from scratch.

    The loss is Eq. 7 of the paper: fused, audio and visual cross-entropy.

    \b
    avgap warmup cache.h5 -o run/warmup --epochs 30
    """
    console.setup(quiet=quiet)
    from avgap.warmup import warmup as stage

    result = stage(
        cache,
        output,
        loss=loss,
        network=training.network,
        settings=replace(training.settings, epochs=epochs),
        running=training.running,
        force=force,
    )
    console.result("", result.as_dict(), as_json=as_json)
    finished(result.path, result.up_to_date)
    table = result.path.parent.with_name("gaps.h5")
    console.suggest(command_line("gaps", cache, "--checkpoint", result.path, "-o", table))
