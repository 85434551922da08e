"""`avgap adapt`: options in, one call, result out."""

from __future__ import annotations

import typer

from avgap import console, options
from avgap.cli.common import command_line, finished, given
from avgap.errors import UsageError
from avgap.settings import Adaptive


def adapt(
    ctx: typer.Context,
    cache: options.CacheFile,
    checkpoint: options.CheckpointFile,
    output: options.OutputFolder,
    alpha: options.Alpha = Adaptive.alpha,
    beta: options.Beta = Adaptive.beta,
    gamma: options.Gamma = Adaptive.gamma,
    anneal: options.Anneal = Adaptive.anneal,
    weights: options.Weights = "posterior",
    steps: options.Steps = Adaptive.steps,
    epochs: options.StepEpochs = Adaptive.epochs,
    keep_optimizer: options.KeepOptimizer = False,
    gmm: options.Gmm = None,
    batch_size: options.SameBatchSize = None,
    optimizer: options.SameOptimizer = None,
    lr: options.SameLearningRate = None,
    momentum: options.SameMomentum = None,
    weight_decay: options.SameWeightDecay = None,
    seed: options.SameSeed = None,
    precision: options.SamePrecision = None,
    augment: options.SameAugment = None,
    device: options.Device = "auto",
    force: options.Force = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """⑤ Train with the adaptive loss.

    Eq. 10, with gaps and mixture renewed at every step (Algorithm 1).

    \b
    avgap adapt cache.h5 --checkpoint run/warmup/checkpoint.pt -o run/adapt --steps 4 --epochs 10
    """
    console.setup(quiet=quiet)
    if gmm is not None and steps != 1 and given(ctx, "steps"):
        raise UsageError(f"--gmm is one step with that mixture, --steps {steps} asks for more")
    from avgap.adapt import adapt as stage

    changes = {
        "batch_size": batch_size,
        "optimizer": optimizer,
        "lr": lr,
        "momentum": momentum,
        "weight_decay": weight_decay,
        "seed": seed,
        "precision": precision,
        "augment": augment,
    }
    settings = Adaptive(alpha, beta, gamma, anneal, weights, steps, epochs, keep_optimizer)
    result = stage(
        cache,
        checkpoint,
        output,
        settings=settings,
        changes=changes,
        gmm=gmm,
        device_name=device,
        force=force,
    )
    console.result("", result.as_dict(), as_json=as_json)
    finished(result.path, result.up_to_date)
    metrics = result.path.with_name("metrics.json")
    console.suggest(command_line("evaluate", cache, "--checkpoint", result.path, "-o", metrics))
