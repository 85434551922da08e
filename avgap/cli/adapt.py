"""`avgap adapt`: options in, one call, result out."""

from __future__ import annotations

from dataclasses import replace

import typer

from avgap import console
from avgap.cli import early, options
from avgap.cli.common import finished, given, suggest_evaluate
from avgap.errors import UsageError
from avgap.settings import CONTROLS, PRESETS, Adaptive, Fit, Rounds, Running, unused


@options.from_settings
def adapt(
    ctx: typer.Context,
    cache: options.CacheFile,
    checkpoint: options.CheckpointFile,
    output: options.OutputFolder,
    *,
    rounds: Rounds,
    posteriors: options.Posteriors = None,
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
    avgap adapt cache.h5 -c run/warmup/checkpoint.pt -o run/kept --preset kept
    avgap adapt cache.h5 -c run/warmup -o run/best --preset best --posteriors run/crossfit/gaps.h5
    """
    console.setup(quiet=quiet)
    preset = {n: value for n, value in PRESETS[rounds.preset].items() if not given(ctx, n)}
    adaptive = replace(adaptive, **preset)
    _expect_meant(ctx, adaptive.loss)
    if posteriors is not None and adaptive.weights != "posterior":
        raise UsageError(f"--weights {adaptive.weights} looks at no --posteriors: choose one")
    if posteriors is None and adaptive.loss == "mend":
        name = "--loss mend" if given(ctx, "loss") else "--preset best"
        raise UsageError(
            f"{name} decides by held-out scores", hint="--posteriors GAPS, of avgap crossfit"
        )
    for name in ("components", "criterion"):
        if gmm is not None and given(ctx, name):
            raise UsageError(f"--gmm is a mixture already, --{name} fits one: choose one")
    one_round = gmm is not None and posteriors is None
    if one_round and adaptive.steps != 1 and given(ctx, "steps"):
        raise UsageError(
            f"--gmm is one round with that mixture, --steps {adaptive.steps} asks for more"
        )
    early.expect_training([cache, checkpoint, posteriors, gmm], output, running)
    if posteriors is not None:
        early.expect_gaps([str(posteriors)])
    from avgap.adapt import adapt as stage

    criterion = rounds.criterion or ("likelihood" if posteriors is None else "nec")
    result = stage(
        cache,
        checkpoint,
        output,
        settings=adaptive,
        changes=changes,
        posteriors=posteriors,
        gmm=gmm,
        fit=Fit(rounds.components, criterion=criterion),
        running=running,
        force=force,
    )
    console.result("", result.as_dict(), as_json=as_json)
    finished(result.path, result.up_to_date)
    if adaptive.loss not in CONTROLS:
        console.notice(
            f"compare it with plain training: avgap baseline joint, the same options, --epochs "
            f"{result.checkpoint.progress.epoch}"
        )
    suggest_evaluate(cache, result.path)


def _expect_meant(ctx: typer.Context, loss: str) -> None:
    """Raise UsageError where another loss than Eq. 10 is given what it does not look at."""
    names = () if loss == "adaptive" else unused(loss)
    if loss != "adaptive" and given(ctx, "loss"):
        names = ("preset", *names)
    if loss in CONTROLS:
        names = (*names, "posteriors", "gmm")
    beside = [f"--{name.replace('_', '-')}" for name in names if given(ctx, name)]
    if beside:
        by_loss = given(ctx, "loss")
        chosen, instead = (
            (f"--loss {loss}", "--loss adaptive")
            if by_loss
            else ("--preset best", "--preset paper")
        )
        raise UsageError(f"{chosen} has no {', '.join(beside)}", hint=instead)
