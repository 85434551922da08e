"""`avgap adapt`: options in, one call, result out."""

from __future__ import annotations

from dataclasses import replace

import typer

from avgap import console
from avgap.cli import early, options
from avgap.cli.common import finished, given, suggest_evaluate
from avgap.errors import UsageError
from avgap.settings import OF_EQ_10, PRESETS, Adaptive, Fit, Rounds, Running


@options.from_settings
def adapt(
    ctx: typer.Context,
    cache: options.CacheFile,
    checkpoint: options.CheckpointFile,
    output: options.OutputFolder,
    *,
    rounds: Rounds,
    gmm: options.Gmm = None,
    adaptive: Adaptive,
    changes: options.Changes,
    running: Running,
    force: options.Force = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """⑤ Train with the adaptive loss.

    Eq. 10, with gaps and mixture renewed in every round (Algorithm 1).

    \b
    avgap adapt cache.h5 --checkpoint run/warmup/checkpoint.pt -o run/adapt --steps 4 --epochs 10
    avgap adapt cache.h5 -c run/warmup/checkpoint.pt -o run/best --preset best
    """
    console.setup(quiet=quiet)
    _control(ctx, adaptive.loss)
    if gmm is not None and given(ctx, "components"):
        raise UsageError("--gmm is a mixture already, --components fits one: choose one")
    if gmm is not None and adaptive.steps != 1 and given(ctx, "steps"):
        raise UsageError(
            f"--gmm is one round with that mixture, --steps {adaptive.steps} asks for more"
        )
    early.expect_training([cache, checkpoint, gmm], output, running)
    from avgap.adapt import adapt as stage

    preset = {n: value for n, value in PRESETS[rounds.preset].items() if not given(ctx, n)}
    result = stage(
        cache,
        checkpoint,
        output,
        settings=replace(adaptive, **preset),
        changes=changes,
        gmm=gmm,
        fit=Fit(rounds.components),
        running=running,
        force=force,
    )
    console.result("", result.as_dict(), as_json=as_json)
    finished(result.path, result.up_to_date)
    suggest_evaluate(cache, result.path)


def _control(ctx: typer.Context, loss: str) -> None:
    """Raise UsageError where a control, another loss than Eq. 10, is given what only that has."""
    names = () if loss == "adaptive" else ("preset", *OF_EQ_10, "gmm")
    beside = [f"--{name.replace('_', '-')}" for name in names if given(ctx, name)]
    if beside:
        raise UsageError(f"--loss {loss} has no {', '.join(beside)}", hint="--loss adaptive")
