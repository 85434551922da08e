"""The one loop: data, optimizer, precision, device and epochs, for every method and both phases."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from avgap.checkpoint import Progress
from avgap.console import Bar
from avgap.data.augment import random_crops, whole_frames
from avgap.data.resident import Resident, batches, generator
from avgap.device import autocast
from avgap.errors import InputError
from avgap.inference import predict
from avgap.methods import Batch, Method, Now
from avgap.models.audiovisual import AudioVisual
from avgap.settings import Training

INFERENCE_BATCH_SIZE = 256
# What a generator's randomness is for, so that no two purposes share a stream.
_SHUFFLE, _AUGMENT, _METHOD = 1, 2, 3


@dataclass
class Trainee:
    """What an epoch changes: the weights, the optimizer's state, the progress and its history."""

    model: AudioVisual
    optimizer: torch.optim.Optimizer
    progress: Progress
    history: list[dict[str, Any]] = field(default_factory=list)
    state: dict[str, torch.Tensor] = field(default_factory=dict)  # the method's own


@dataclass(frozen=True)
class Stage:
    """What an epoch only reads. validation: None when the cache has no validation split."""

    train: Resident
    validation: Resident | None
    image_size: int
    settings: Training  # resolved: precision fp32 | bf16, augment on | off

    @property
    def batches_per_epoch(self) -> int:
        """Steps of one epoch; the last, partial batch counts."""
        return math.ceil(len(self.train) / self.settings.batch_size)


def make_optimizer(model: AudioVisual, settings: Training) -> torch.optim.Optimizer:
    """A fresh optimizer: SGD with momentum, or Adam."""
    weights, lr, decay = model.parameters(), settings.learning_rate, settings.weight_decay
    if settings.optimizer == "adam":
        return torch.optim.Adam(weights, lr=lr, weight_decay=decay)
    return torch.optim.SGD(weights, lr=lr, momentum=settings.momentum, weight_decay=decay)


def train(
    trainee: Trainee,
    method: Method,
    stage: Stage,
    epochs: int,
    save: Callable[[Trainee], None],
    bar: Bar,
) -> None:
    """Train until the progress counts `epochs` epochs of this step; save after every epoch.

    Raises InputError when the loss is no longer finite, or the device has too little memory; what
    was saved stays.
    """
    while trainee.progress.step_epoch < epochs:
        started = time.monotonic()
        try:
            losses = _train_epoch(trainee, method, stage, bar)
            validation = _validate(trainee.model, stage)
        except torch.OutOfMemoryError as error:
            raise InputError(
                "the device is out of memory",
                [f"with the data resident on it and batches of {stage.settings.batch_size}"],
                f"--batch-size {max(stage.settings.batch_size // 2, 1)}",
            ) from error
        p = trainee.progress
        if not math.isfinite(losses["loss"]):
            raise InputError(
                f"the loss is {losses['loss']} in epoch {p.phase_epoch + 1} of {p.phase}",
                ["the last good checkpoint, if any, is kept"],
                f"a smaller --lr than {stage.settings.learning_rate:g}",
            )
        trainee.progress = replace(
            p, epoch=p.epoch + 1, phase_epoch=p.phase_epoch + 1, step_epoch=p.step_epoch + 1
        )
        seconds = time.monotonic() - started
        record = _record(trainee.progress, stage, losses, validation, seconds)
        trainee.history.append(record)
        save(trainee)
        bar.say(_line(record))


def _train_epoch(trainee: Trainee, method: Method, stage: Stage, bar: Bar) -> dict[str, float]:
    """One pass over the training split; the mean loss and its terms over samples."""
    settings, model, epoch = stage.settings, trainee.model, trainee.progress.epoch
    device = stage.train.device
    # Drawn on the CPU, so that every device sees the same order.
    order = torch.randperm(
        len(stage.train), generator=generator("cpu", settings.seed, epoch, _SHUFFLE)
    )
    augmenting = generator(device, settings.seed, epoch, _AUGMENT)
    now = Now(
        torch.tensor(trainee.progress.phase_epoch, dtype=torch.float64, device=device),
        trainee.state,
        generator(device, settings.seed, epoch, _METHOD),
    )
    sums: dict[str, torch.Tensor] = {}
    model.train()
    for part in batches(stage.train, order.to(device), settings.batch_size):
        if settings.augment == "on":
            frames = random_crops(part.visual, stage.image_size, augmenting)
        else:
            frames = whole_frames(part.visual, stage.image_size)
        trainee.optimizer.zero_grad(set_to_none=True)
        with autocast(device, settings.precision):
            loss = method.step(model, Batch(part.audio, frames, part.label), now)
        method.backward(model, loss, now)
        trainee.optimizer.step()
        # Sums stay on the device: reading one here would make the loop wait for it.
        for name, value in {"loss": loss.total, **loss.terms}.items():
            sums[name] = sums.get(name, 0) + value.detach() * len(part.label)
        bar.advance()
    return {name: value.item() / len(stage.train) for name, value in sums.items()}


def _validate(model: AudioVisual, stage: Stage) -> dict[str, float] | None:
    """Accuracy of fused, audio and visual on the validation split."""
    data = stage.validation
    if data is None:
        return None
    logits = predict(model, data, stage.image_size, INFERENCE_BATCH_SIZE, stage.settings.precision)
    outputs = {"fused": logits.fused, "audio": logits.audio, "visual": logits.visual}
    return {n: (z.argmax(dim=1) == data.label).double().mean().item() for n, z in outputs.items()}


def _record(
    progress: Progress,
    stage: Stage,
    losses: dict[str, float],
    validation: dict[str, float] | None,
    seconds: float,
) -> dict[str, Any]:
    """One line of log.jsonl."""
    return {
        "phase": progress.phase,
        "step": progress.step,
        "epoch": progress.phase_epoch,
        "lr": stage.settings.learning_rate,
        "loss": losses["loss"],
        "terms": {name: value for name, value in losses.items() if name != "loss"},
        "val": validation,
        "seconds": round(seconds, 3),
        "samples_per_second": round(len(stage.train) / seconds, 1),
    }


def _line(record: dict[str, Any]) -> str:
    where = f"{record['phase']} epoch {record['epoch']}"
    if record["step"]:
        where = f"{record['phase']} step {record['step']} epoch {record['epoch']}"
    val = record["val"]
    accuracy = " ".join(f"{n} {100 * v:.1f}" for n, v in val.items()) if val else "none"
    return f"{where}: loss {record['loss']:.4f}, validation % {accuracy}"
