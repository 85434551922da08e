"""`avgap warmup`: options in, one call, result out."""

from __future__ import annotations

from avgap import console
from avgap.cli import early, options
from avgap.cli.common import command_line, finished
from avgap.settings import Network, Running, Training, Warmup


@options.from_settings
def warmup(
    cache: options.CacheFile,
    output: options.OutputFolder,
    *,
    phase: Warmup,
    encoder: options.Encoder = None,
    network: Network,
    training: Training,
    running: Running,
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
    network = network.with_encoder(encoder)
    early.expect_training([cache], output, running, network)
    from avgap.warmup import warmup as stage

    result = stage(
        cache,
        output,
        loss=phase.loss,
        network=network,
        settings=training,
        running=running,
        force=force,
    )
    console.result("", result.as_dict(), as_json=as_json)
    finished(result.path, result.up_to_date)
    table = result.path.parent.with_name("gaps.h5")
    console.suggest(command_line("gaps", cache, "--checkpoint", result.path, "-o", table))
