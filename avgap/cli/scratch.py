"""The options of training from random weights, declared once for the commands that do."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from avgap.cli import options
from avgap.settings import Network, Running, Training

_LAST = ("force", "as_json", "quiet")  # options of every command, at the end of its help


@dataclass(frozen=True)
class FromScratch:
    """What the options say, but for the epochs, which each command has a default of its own for."""

    network: Network
    settings: Training
    running: Running


def _read(
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
) -> FromScratch:
    network = Network(encoder or audio_encoder, encoder or visual_encoder, image_size)
    settings = Training(
        batch_size=batch_size,
        optimizer=optimizer,
        lr=lr,
        momentum=momentum,
        weight_decay=weight_decay,
        seed=seed,
        precision=precision,
        augment=augment,
        lr_schedule=lr_schedule,
        lr_step=lr_step,
        lr_decay=lr_decay,
        clip=clip,
        tf32=tf32,
        sync_batchnorm=sync_batchnorm,
        log_test=log_test,
    )
    running = Running(device, resident, graph, compile, deterministic, tensorboard)
    return FromScratch(network, settings, running)


def from_scratch(command: Callable[..., None]) -> Callable[..., None]:
    """The command with these options after its own ones; it is handed them as `training`."""
    mine = inspect.signature(command, eval_str=True).parameters
    shared = inspect.signature(_read, eval_str=True).parameters

    @functools.wraps(command)
    def run(**values: Any) -> None:
        training = _read(**{name: values.pop(name) for name in shared})
        command(**values, training=training)

    asked = [p for p in mine.values() if p.default is p.empty and p.name != "training"]
    own = [p for p in mine.values() if p.default is not p.empty]
    tail = [p for p in own if p.name in _LAST]
    head = [p for p in own if p.name not in _LAST]
    merged = [*asked, *head, *shared.values(), *tail]
    # Typer reads both of a command.
    run.__signature__ = inspect.Signature(merged)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in merged} | {"return": None}
    return run
