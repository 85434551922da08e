"""`avgap warmup`: options in, one call, result out."""

from __future__ import annotations

from avgap import console, options
from avgap.cli.common import command_line, finished
from avgap.settings import Network, Running, Training


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
    lr_schedule: options.LrSchedule = "constant",
    lr_step: options.LrStep = Training.lr_step,
    lr_decay: options.LrDecay = Training.lr_decay,
    clip: options.Clip = None,
    tf32: options.Tf32 = False,
    sync_batchnorm: options.SyncBatchNorm = False,
    log_test: options.LogTest = False,
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
    """② Train both encoders from scratch.

    The loss is Eq. 7 of the paper: fused, audio and visual cross-entropy.

    \b
    avgap warmup cache.h5 -o run/warmup --epochs 30
    """
    console.setup(quiet=quiet)
    from avgap.warmup import warmup as stage

    network = Network(encoder or audio_encoder, encoder or visual_encoder, image_size)
    settings = Training(
        epochs,
        batch_size,
        optimizer,
        lr,
        momentum,
        weight_decay,
        seed,
        precision,
        augment,
        lr_schedule,
        lr_step,
        lr_decay,
        clip,
        tf32,
        sync_batchnorm,
        log_test,
    )
    running = Running(device, resident, graph, compile, deterministic, tensorboard)
    result = stage(
        cache,
        output,
        loss=loss,
        network=network,
        settings=settings,
        running=running,
        force=force,
    )
    console.result("", result.as_dict(), as_json=as_json)
    finished(result.path, result.up_to_date)
    console.suggest(command_line("gaps", cache, "--checkpoint", result.path, "-o", "gaps.h5"))
