"""`avgap adapt`: options in, one call, result out."""

from __future__ import annotations

import typer

from avgap import console
from avgap.cli import options
from avgap.cli.common import finished, given, suggest_evaluate
from avgap.errors import UsageError
from avgap.settings import OF_EQ_10, PRESETS, Adaptive, Fit, Running, Training, parameters

# Here `epochs` is a step's.
_OF_TRAINING = parameters(Training()).keys() - {"epochs"}


def adapt(
    ctx: typer.Context,
    cache: options.CacheFile,
    checkpoint: options.CheckpointFile,
    output: options.OutputFolder,
    preset: options.Preset = "paper",
    loss: options.AdaptLoss = "adaptive",
    alpha: options.Alpha = Adaptive.alpha,
    beta: options.Beta = Adaptive.beta,
    gamma: options.Gamma = Adaptive.gamma,
    anneal: options.Anneal = Adaptive.anneal,
    weights: options.Weights = "posterior",
    pull: options.Pull = "both",
    keep_unimodal: options.KeepUnimodal = Adaptive.keep_unimodal,
    unsupported: options.Unsupported = "keep",
    steps: options.Steps = Adaptive.steps,
    epochs: options.StepEpochs = Adaptive.epochs,
    keep_optimizer: options.KeepOptimizer = False,
    components: options.AdaptComponents = "2",
    gmm: options.Gmm = None,
    batch_size: options.SameBatchSize = None,
    optimizer: options.SameOptimizer = None,
    lr: options.SameLearningRate = None,
    momentum: options.SameMomentum = None,
    weight_decay: options.SameWeightDecay = None,
    seed: options.SameSeed = None,
    precision: options.SamePrecision = None,
    augment: options.SameAugment = None,
    lr_schedule: options.SameLrSchedule = None,
    lr_step: options.SameLrStep = None,
    lr_decay: options.SameLrDecay = None,
    clip: options.SameClip = None,
    tf32: options.SameTf32 = None,
    sync_batchnorm: options.SameSyncBatchNorm = None,
    log_test: options.SameLogTest = None,
    device: options.Device = "auto",
    resident: options.ResidentAt = "auto",
    graph: options.Graph = "auto",
    compile: options.Compile = "auto",
    deterministic: options.Deterministic = False,
    tensorboard: options.TensorBoard = False,
    force: options.Force = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """⑤ Train with the adaptive loss.

    Eq. 10, with gaps and mixture renewed at every step (Algorithm 1).

    \b
    avgap adapt cache.h5 --checkpoint run/warmup/checkpoint.pt -o run/adapt --steps 4 --epochs 10
    avgap adapt cache.h5 -c run/warmup/checkpoint.pt -o run/best --preset best
    """
    console.setup(quiet=quiet)
    _control(ctx, loss)
    if gmm is not None and given(ctx, "components"):
        raise UsageError("--gmm is a mixture already, --components fits one: choose one")
    if gmm is not None and steps != 1 and given(ctx, "steps"):
        raise UsageError(f"--gmm is one step with that mixture, --steps {steps} asks for more")
    from avgap.adapt import adapt as stage

    changes = {n: v for n, v in ctx.params.items() if n in _OF_TRAINING}
    values = {name: ctx.params[name] for name in parameters(Adaptive())}
    values |= {n: value for n, value in PRESETS[preset].items() if not given(ctx, n)}
    settings = Adaptive(**values)
    result = stage(
        cache,
        checkpoint,
        output,
        settings=settings,
        changes=changes,
        gmm=gmm,
        fit=Fit(components if components == "auto" else int(components)),
        running=Running(device, resident, graph, compile, deterministic, tensorboard),
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
