"""What warmup, adapt and baseline share: settings resolved, the data and the model in place."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from avgap import artifact, console
from avgap.artifact import Question
from avgap.artifact.checkpoint import Checkpoint, Progress, read_checkpoint, visual_input
from avgap.data.cache.reader import Cache, open_cache
from avgap.data.loading.resident import Resident, resident
from avgap.errors import UsageError
from avgap.methods import Method
from avgap.models import Description, build
from avgap.models.audiovisual import AudioVisual, Statistics
from avgap.settings import Network, Running, Training, parameters
from avgap.training import Stage, Trainee, distributed, make_optimizer, restore, train
from avgap.training.device import (
    choose_device,
    choose_precision,
    in_words,
    memory_told,
    place,
    set_numerics,
)
from avgap.training.folder import Folder

# Compiling two ResNet-18 takes about 70 s and saves about 1 ms of a step.
_PAYS = 70_000
PLACES = {"host": "pinned memory, a copy for each batch", "file": "its file, batch by batch"}


def load_stage(
    cache: Cache,
    image_size: int,
    settings: Training,
    running: Running,
    device: torch.device,
    phase_epochs: int,
) -> Stage:
    """Put the splits that training needs where there is room for them, once."""
    set_numerics(tf32=settings.tf32, deterministic=running.deterministic)

    def held(name: str) -> Resident:
        with memory_told("device", settings.batch_size, resident=True):
            return resident(cache, name, device, running.resident)

    console.notice(f"on {in_words(device)}, {settings.precision}")
    train = held("train")
    if train.place != "device":
        console.notice(f"the training split is read from {PLACES[train.place]}")
    return Stage(
        train,
        held("val") if cache.sizes.get("val") else None,
        held("test") if settings.log_test else None,
        image_size,
        settings,
        running,
        phase_epochs,
    )


def augment_setting(asked: str, cache: Cache) -> str:
    """on or off. auto: as the dataset says (off where mirroring changes the meaning)."""
    if cache.kind == "embedding" and asked == "on":
        raise UsageError("embeddings cannot be cropped or mirrored", hint="--augment off")
    if asked != "auto":
        return asked
    return "on" if cache.augment else "off"


def resolve(settings: Training, cache: Cache, device: torch.device) -> Training:
    """The settings with what `auto` and None stand for on this cache and device."""
    return replace(
        settings,
        lr=settings.learning_rate,
        precision=choose_precision(settings.precision, device),
        augment=augment_setting(settings.augment, cache),
    )


def place_model(model: AudioVisual, stage: Stage, steps: int) -> AudioVisual:
    """The model on the device, prepared for so many steps: batch statistics, compilation."""
    if stage.settings.sync_batchnorm and distributed.size() > 1:
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    model = place(model, stage.device)
    asked = stage.running.compile
    if asked == "on" or (asked == "auto" and stage.device.type == "cuda" and steps >= _PAYS):
        # In place, so that the names of the weights stay.
        model.audio_encoder.compile()
        model.visual_encoder.compile()
    return model


@dataclass(frozen=True)
class Trained:
    """The outcome of a training command."""

    checkpoint: Checkpoint
    path: Path
    up_to_date: bool

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        c = self.checkpoint
        return {
            "checkpoint": str(self.path),
            "digest": c.stamp.digest,
            "up_to_date": self.up_to_date,
            **vars(c.progress),
            "loss": c.history[-1]["loss"],
            "validation": c.validation,
        }


def from_scratch(
    cache_path: Path,
    output: Path,
    phase: str,
    method: Method,
    chosen: Mapping[str, Any],
    network: Network,
    settings: Training,
    running: Running,
    *,
    force: bool,
) -> Trained:
    """Train a method from random weights on the cache's training split into the folder output.

    chosen: what says which method it is, for the record. The same call again continues a broken
    run, or confirms a finished one. Raises UsageError, InputError, OutputError.
    """
    begun = time.monotonic()
    device = choose_device(running.device)
    cache = open_cache(cache_path)
    settings = resolve(settings, cache, device)
    description = describe(cache, network, method.network)
    question = Question(
        "avgap.checkpoint",
        {"cache": cache.stamp.digest},
        {"phase": phase, **chosen, **parameters(network), **parameters(settings)},
    )
    hints = {"cache": artifact.hint(output / "checkpoint.pt", cache_path)}
    folder = Folder(output, question, description, hints, str(device))
    there = folder.reuse(force=force)
    if there is not None and there.complete:
        return folder_done(folder, there)

    statistics = Statistics(cache.audio_mean, cache.audio_std, cache.visual_mean, cache.visual_std)
    model = build(description, settings.seed, statistics)
    stage = load_stage(cache, description.image_size, settings, running, device, settings.epochs)
    trainee = make_trainee(model, stage, Progress(phase), settings.epochs, graph=method.graph)
    if there is not None:
        resume(trainee, there)

    def save(now: Trainee) -> None:
        folder.save(now, complete=now.progress.epoch == settings.epochs, started=begun)

    with (
        folder.writing(events=running.tensorboard, done=len(trainee.history)),
        console.training(phase, settings.epochs * stage.batches_per_epoch) as bar,
    ):
        bar.resume(trainee.progress.epoch * stage.batches_per_epoch)
        train(trainee, method, stage, settings.epochs, save, bar)
    return trained(folder)


def describe(cache: Cache, network: Network, variant: str = "concat") -> Description:
    """The network's description for this cache; variant: one of models.NETWORKS."""
    return Description(
        network.audio_encoder,
        network.visual_encoder,
        cache.audio_shape,
        visual_input(cache, network.image_size),
        cache.classes,
        variant,
    )


def make_trainee(
    model: AudioVisual, stage: Stage, progress: Progress, epochs: int, *, graph: bool = True
) -> Trainee:
    """A trainee at the beginning of so many epochs: the model in place, a fresh optimizer.

    graph: whether the method's step may be captured.
    """
    model = place_model(model, stage, epochs * stage.batches_per_epoch)
    optimizer = make_optimizer(model, stage.settings, capturable=stage.graph and graph)
    return Trainee(model, optimizer, progress)


def resume(trainee: Trainee, there: Checkpoint) -> None:
    """Take over weights, optimizer state, progress and history of a broken run."""
    trainee.model.load_state_dict(there.model)
    restore(trainee.optimizer, dict(there.optimizer))
    trainee.progress = there.progress
    trainee.history = list(there.history)
    device = next(trainee.model.parameters()).device
    trainee.state = {name: value.to(device) for name, value in there.state.items()}
    console.notice(f"continuing after {there.progress.phase} epoch {there.progress.phase_epoch}")


def folder_done(folder: Folder, there: Checkpoint) -> Trained:
    """The outcome of a run that was complete already; its log is written again."""
    folder.write_log(there.history)
    return Trained(there, folder.checkpoint, up_to_date=True)


def trained(folder: Folder) -> Trained:
    """The outcome of a run that has just ended."""
    checkpoint = distributed.from_first(lambda: read_checkpoint(folder.checkpoint))
    return Trained(checkpoint, folder.checkpoint, up_to_date=False)
