"""`avgap crossfit`: options in, one call, result out."""

from __future__ import annotations

from typing import Annotated

import typer

from avgap import console
from avgap.cli import early, options
from avgap.cli.common import command_line, finished
from avgap.settings import Crossfit, Network, Running, Training, Warmup


@options.from_settings
def crossfit(
    cache: options.CacheFile,
    output: options.OutputFolder,
    *,
    folds: Crossfit,
    fold: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="I",
            help="Train the network without fold I alone; without it, all, and gather the gaps.",
            show_default=False,
            rich_help_panel="Folds",
        ),
    ] = None,
    phase: Warmup,
    encoder: options.Encoder = None,
    network: Network,
    training: Training,
    running: Running,
    logits: options.Logits = False,
    force: options.Force = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """② ③ Measure every training sample by a network that has not seen it.

    The training split goes into folds; a network is warmed up without each, and measures it.

    \b
    avgap crossfit cache.h5 -o run/crossfit --folds 5 --epochs 5
    avgap crossfit cache.h5 -o run/crossfit --fold "$SLURM_ARRAY_TASK_ID" --epochs 5
    """
    console.setup(quiet=quiet)
    network = network.with_encoder(encoder)
    if fold is not None:
        early.expect_fold(fold, folds.folds)
    early.expect_training([cache], output, running, network)
    from avgap.crossfit import Trainings, crossfit_fold
    from avgap.crossfit import crossfit as stage

    asked = Trainings(cache, output, folds, phase.loss, network, training, running, force)
    if fold is not None:
        one = crossfit_fold(asked, fold)
        console.result("", one.as_dict(), as_json=as_json)
        finished(one.trained.path, one.trained.up_to_date)
        console.notice(_left(one.left))
        return
    result = stage(asked, logits=logits)
    from avgap.mixture.verdict import histogram

    console.result(histogram(result.gaps.table.gap), result.as_dict(), as_json=as_json)
    finished(result.gaps.path, result.gaps.up_to_date)
    words = (asked.gaps, "-o", asked.gaps.with_name("gmm.json"), "--criterion", "nec")
    console.suggest(command_line("fitgmm", *words))


def _left(folds: list[int]) -> str:
    """What an array still has to do."""
    if not folds:
        return "every fold is trained: the same command without --fold gathers the gaps"
    return f"not trained yet: fold {', '.join(map(str, folds))}"
