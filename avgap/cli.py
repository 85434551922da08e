"""The commands: options in, one call, result out. Work modules are imported inside each command."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from avgap import console, options
from avgap.errors import AvgapError, UsageError
from avgap.settings import AUDIO_RECIPES, Adaptive, Fit, FrameRecipe, Network, Training, override

_INTERRUPTED = 130
_STDOUT = "-"


class _Commands(TyperGroup):
    """Turns our errors into their text and exit status, whichever command raised them."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except AvgapError as error:
            console.error(error)
            raise SystemExit(error.exit_code) from error
        except KeyboardInterrupt as error:
            console.notice("interrupted: nothing is half written; the same command goes on")
            raise SystemExit(_INTERRUPTED) from error
        except BrokenPipeError as error:  # the reader of our stdout went away
            sys.stderr.close()
            raise SystemExit(0) from error


app = typer.Typer(
    name="avgap",
    cls=_Commands,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """The console script."""
    console.never_fail_on_a_letter()
    app(prog_name="avgap")


def _version(asked: bool) -> None:
    if asked:
        from avgap import __version__

        console.artifact(f"avgap {__version__}\n")
        raise typer.Exit


@app.callback()
def avgap(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Measure, model and mend the modality gap of audio-visual classifiers.

    Each stage reads the artifact of the one before:

    \b
    prepare → cache.h5 → warmup → checkpoint.pt → gaps → gaps.h5
    → fitgmm → gmm.json → adapt → checkpoint.pt → evaluate → report

    Try: avgap demo
    """


@app.command()
def prepare(
    dataset: options.Dataset,
    root: options.Root,
    output: options.OutputFile,
    splits: options.Splits = None,
    split_by: options.SplitBy = None,
    val_fraction: options.ValFraction = 0.1,
    leaks: options.Leaks = "keep",
    window: options.Window = "event",
    corrupt: options.Corrupt = None,
    frames: options.Frames = FrameRecipe.count,
    sampling: options.Sampling = FrameRecipe.sampling,
    frame_size: options.FrameSize = FrameRecipe.size,
    audio_recipe: options.AudioRecipeName = "ogm",
    sample_rate: options.SampleRate = None,
    seconds: options.Seconds = None,
    n_fft: options.NFft = None,
    hop_length: options.HopLength = None,
    mels: options.Mels = None,
    decoder: options.Decoder = "auto",
    workers: options.Workers = None,
    shard: options.Shard = None,
    keep_sound: options.KeepSound = False,
    allow_missing: options.AllowMissing = 0,
    limit: options.Limit = None,
    seed: options.Seed = 0,
    dry_run: options.DryRun = False,
    force: options.Force = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """① Decode media files into a cache.

    Spectrograms and frames, once, so that no later stage decodes anything.

    \b
    avgap prepare csv clips.csv -o cache.h5
    avgap prepare cremad CREMA-D -o cache.h5 --splits OGM-GE/data/CREMAD
    avgap prepare ave AVE_Dataset -o cache.h5 --leaks drop
    avgap prepare avdigits free-spoken-digit-dataset -o cache.h5 --corrupt visual:0.15
    avgap prepare embeddings features.npz -o cache.h5
    """
    console.setup(quiet=quiet)
    from avgap.data.shard import parse as parse_shard
    from avgap.errors import unknown
    from avgap.prepare import prepare as stage

    if audio_recipe not in AUDIO_RECIPES:
        raise unknown("audio recipe", audio_recipe, AUDIO_RECIPES)
    changes = {
        "sample_rate": sample_rate,
        "seconds": seconds,
        "n_fft": n_fft,
        "hop_length": hop_length,
        "mels": mels,
    }
    result = stage(
        dataset,
        root,
        output,
        audio=override(AUDIO_RECIPES[audio_recipe], **changes),
        frames=FrameRecipe(frames, frame_size, sampling),
        decoder=decoder,
        val_fraction=val_fraction,
        corrupt=corrupt,
        seed=seed,
        splits=splits,
        split_by=split_by,
        leaks=leaks,
        window=window,
        limit=limit,
        allow_missing=allow_missing,
        workers=workers,
        shard=None if shard is None else parse_shard(shard, os.environ),
        keep_sound=keep_sound,
        force=force,
        dry_run=dry_run,
    )
    console.result(result.table(), result.as_dict(), as_json=as_json)
    for line in result.notices():
        console.notice(line)
    if not dry_run:
        _done(output, result.status == "up to date")
        encoder = ["--encoder", "mlp"] if dataset == "embeddings" else []
        next_line = _line("warmup", output, "-o", "warmup", *encoder)
        console.suggest(next_line if shard is None else "avgap merge SHARD... -o cache.h5")


@app.command()
def merge(
    shards: options.Shards,
    output: options.OutputFile,
    force: options.Force = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Join the shards of a cache.

    Shards made by prepare --shard, on any machines, become the cache of one run.

    \b
    avgap prepare csv clips.csv -o shards/1.h5 --shard 1/2
    avgap prepare csv clips.csv -o shards/2.h5 --shard 2/2
    avgap merge shards -o cache.h5
    """
    console.setup(quiet=quiet)
    from avgap.merge import merge as stage

    result = stage(shards, output, force=force)
    console.result(result.table(), result.as_dict(), as_json=as_json)
    for line in result.notices():
        console.notice(line)
    _done(output, result.status == "up to date")
    console.suggest(_line("warmup", output, "-o", "warmup"))


@app.command()
def warmup(
    cache: options.CacheFile,
    output: options.OutputFolder,
    epochs: options.Epochs = Training.epochs,
    loss: options.WarmupLoss = "joint",
    encoder: options.Encoder = None,
    audio_encoder: options.AudioEncoder = Network.audio_encoder,
    visual_encoder: options.VisualEncoder = Network.visual_encoder,
    image_size: options.ImageSize = Network.image_size,
    batch_size: options.BatchSize = Training.batch_size,
    optimizer: options.OptimizerName = "sgd",
    lr: options.LearningRate = None,
    momentum: options.Momentum = Training.momentum,
    weight_decay: options.WeightDecay = Training.weight_decay,
    seed: options.Seed = Training.seed,
    precision: options.Precision = "auto",
    augment: options.Augment = "auto",
    device: options.Device = "auto",
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

    network = Network(encoder or audio_encoder, encoder or visual_encoder, image_size)
    settings = Training(
        epochs, batch_size, optimizer, lr, momentum, weight_decay, seed, precision, augment
    )
    result = stage(
        cache,
        output,
        loss=loss,
        network=network,
        settings=settings,
        device_name=device,
        force=force,
    )
    console.result("", result.as_dict(), as_json=as_json)
    _done(result.path, result.up_to_date)
    console.suggest(_line("gaps", cache, "--checkpoint", result.path, "-o", "gaps.h5"))


@app.command()
def gaps(
    cache: options.CacheFile,
    checkpoint: options.CheckpointFile,
    output: options.OutputOrStdout,
    split: options.Split = "train",
    logits: options.Logits = False,
    batch_size: options.InferenceBatchSize = 256,
    precision: options.Precision = "fp32",
    device: options.Device = "auto",
    force: options.Force = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """③ Measure the modality gap of every sample.

    Audio's minus visual's softmax score of the true class, Eq. 4 and 6.

    \b
    avgap gaps cache.h5 --checkpoint run/warmup/checkpoint.pt -o run/gaps.h5
    avgap gaps cache.h5 -c run/warmup/checkpoint.pt -o - | avgap fitgmm - -o -
    """
    console.setup(quiet=quiet)
    _one_result(output, as_json)
    from avgap.gapfile import gaps_as_csv
    from avgap.gaps import gaps as stage
    from avgap.summary import histogram

    result = stage(
        cache,
        checkpoint,
        output,
        split=split,
        logits=logits,
        batch_size=batch_size,
        precision=precision,
        device_name=device,
        force=force,
    )
    if output == _STDOUT:
        console.artifact(gaps_as_csv(result.table))
        return
    console.result(histogram(result.table.gap), result.as_dict(), as_json=as_json)
    _done(output, result.up_to_date)
    console.suggest(_line("fitgmm", Path(output), "-o", Path(output).with_name("gmm.json")))


@app.command()
def fitgmm(
    gaps: options.GapsFile,
    output: options.OutputOrStdout,
    n_init: options.NInit = Fit.n_init,
    tol: options.Tol = Fit.tol,
    reg_covar: options.RegCovar = Fit.reg_covar,
    max_iter: options.MaxIter = Fit.max_iter,
    seed: options.Seed = Fit.seed,
    plot: options.Plot = None,
    force: options.Force = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """④ Fit the Gaussian mixture of the gaps.

    Two components, balanced and imbalanced, Eq. 8, by EM from several starts.

    \b
    avgap fitgmm run/gaps.h5 -o run/gmm.json --plot run/gmm.svg
    """
    console.setup(quiet=quiet)
    _one_result(output, as_json)
    from avgap.fitgmm import fitgmm as stage

    settings = Fit(2, n_init, tol, reg_covar, max_iter, seed)
    result = stage(gaps, output, settings, plot=plot, force=force)
    if output == _STDOUT:
        console.artifact(result.text)
        console.notice(result.verdict)
        return
    console.result(result.verdict, result.as_dict(), as_json=as_json)
    _done(output, result.up_to_date)
    if plot is not None:
        console.wrote(plot)
    console.suggest("avgap adapt CACHE --checkpoint CHECKPOINT -o adapt")


@app.command()
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
    if gmm is not None and steps != 1 and _given(ctx, "steps"):
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
    _done(result.path, result.up_to_date)
    metrics = result.path.with_name("metrics.json")
    console.suggest(_line("evaluate", cache, "--checkpoint", result.path, "-o", metrics))


@app.command()
def evaluate(
    cache: options.CacheFile,
    checkpoint: options.CheckpointFile,
    output: options.OutputOrStdout,
    split: options.Split = "test",
    save_predictions: options.SavePredictions = None,
    batch_size: options.InferenceBatchSize = 256,
    precision: options.Precision = "fp32",
    device: options.Device = "auto",
    force: options.Force = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """⑥ Measure a checkpoint on a split.

    Accuracy, macro F1, average precision and calibration of fused, audio and visual.

    \b
    avgap evaluate cache.h5 --checkpoint run/adapt/checkpoint.pt -o run/adapt/metrics.json
    """
    console.setup(quiet=quiet)
    _one_result(output, as_json)
    from avgap.evaluate import evaluate as stage

    result = stage(
        cache,
        checkpoint,
        output,
        split=split,
        predictions=save_predictions,
        batch_size=batch_size,
        precision=precision,
        device_name=device,
        force=force,
    )
    if output == _STDOUT:
        console.artifact(result.text)
        return
    console.result(result.table(), result.as_dict(), as_json=as_json)
    _done(output, result.up_to_date)
    if save_predictions is not None:
        _done(save_predictions, result.up_to_date)
    console.suggest(_line("report", checkpoint.parent.parent, "-o", "report.html"))


@app.command()
def report(
    paths: options.Paths,
    output: options.Page = None,
    cache: options.CacheHint = None,
    verify: options.Verify = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """⑦ Describe an artifact, or make a page.

    One file: what it is, where from, a summary. Run folders: one page of pictures.

    \b
    avgap report run/gaps.h5
    avgap report run -o report.html
    """
    console.setup(quiet=quiet)
    if output is not None and verify:
        raise UsageError("--verify looks at one artifact, -o makes a page: choose one")
    from avgap import report as stage

    if output is None:
        if len(paths) != 1 or paths[0].is_dir():
            raise UsageError("run folders make a page", (), "-o report.html")
        text, data = stage.describe(paths[0], verify=verify)
        console.result(text, data, as_json=as_json)
        return
    result = stage.page(paths, output, cache)
    console.result("", result.as_dict(), as_json=as_json)
    console.wrote(output)


@app.command()
def demo(
    output: options.DemoFolder = Path("avgap-demo"),
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Run the pipeline on the built-in dataset.

    Media files, cache, warm-up, gaps, mixture, adaptation, metrics and a page, in
    about two minutes.

    \b
    avgap demo -o avgap-demo
    """
    console.setup(quiet=quiet)
    from avgap.demo import command_lines

    for line in command_lines(output):
        console.command(shlex.join(["avgap", *line]))
        # With --json the one object at the end is all that belongs on stdout.
        with contextlib.redirect_stdout(io.StringIO()) if as_json else contextlib.nullcontext():
            app([*line, *(["--quiet"] if quiet else [])], standalone_mode=False)
    console.setup(quiet=quiet)
    page = output / "report.html"
    console.result(f"report: {page}", {"report": str(page)}, as_json=as_json)


def _line(*words: object) -> str:
    """A command line to copy; a path that begins with a dash is not taken for an option."""
    marked = ["./" + str(w) if isinstance(w, Path) and str(w).startswith("-") else w for w in words]
    return shlex.join(["avgap", *map(str, marked)])


def _given(ctx: typer.Context, name: str) -> bool:
    """Whether an option stands on the command line, be it with its default."""
    source = ctx.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def _done(path: object, up_to_date: bool) -> None:
    (console.up_to_date if up_to_date else console.wrote)(path)


def _one_result(output: str, as_json: bool) -> None:
    if output == _STDOUT and as_json:
        raise UsageError("-o - prints the artifact, --json the result: choose one")
