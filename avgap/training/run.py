"""How warmup, adapt and baseline run: confirmed, continued or begun, trained, saved.

`run` is the skeleton of all three; a `Plan` is what sets one command apart from another.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from avgap import artifact, console
from avgap.artifact import Question
from avgap.artifact.checkpoint import (
    Checkpoint,
    Progress,
    explain_misfit,
    read_checkpoint,
    visual_input,
)
from avgap.data.cache.reader import Cache, open_cache
from avgap.data.loading.resident import Resident, Splits, subset
from avgap.errors import OutputError, UsageError
from avgap.methods import Method
from avgap.models import Description, build
from avgap.models.audiovisual import AudioVisual, Statistics
from avgap.settings import Network, Running, Training, override, parameters
from avgap.training import TrainSetup, TrainState, distributed, make_optimizer, restore, train
from avgap.training.device import (
    choose_device,
    choose_precision,
    explain_out_of_memory,
    in_words,
    set_numerics,
    to_device,
)
from avgap.training.folder import Folder

# Compiling two ResNet-18 takes about 70 s and saves about 1 ms of a step.
_COMPILING_PAYS = 70_000  # steps
_READ_FROM = {"host": "pinned memory, a copy for each batch", "file": "its file, batch by batch"}


class Round(NamedTuple):
    """What is trained next: a method, and what the record of each of its epochs says besides."""

    method: Method
    note: Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """What sets one training command apart from another.

    inputs: paths by the names in the question. model, progress, optimizer: what it begins with; of
    the optimizer a state to go on with, None for a fresh one. rounds: each of so many epochs.
    begin: the next round, or the one that was broken off. graph: whether steps may be captured.
    rows: of the training split, what is trained on, (n,) on the CPU; None: all. grows: as Folder.
    """

    question: Question
    inputs: Mapping[str, Path]
    description: Description
    settings: Training  # resolved
    model: Callable[[], AudioVisual]
    progress: Progress
    rounds: int
    epochs: int
    begin: Callable[[TrainState, TrainSetup, Folder], Round]
    graph: bool = True
    optimizer: Mapping[str, Any] | None = None
    rows: Tensor | None = None
    grows: str = "epochs"

    @property
    def new_epochs(self) -> int:
        """The epochs of all rounds."""
        return self.rounds * self.epochs

    @property
    def phase_epochs(self) -> int:
        """The epochs of the phase when all rounds are done."""
        return self.progress.phase_epoch + self.new_epochs


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


def run(
    make_plan: Callable[[Cache, torch.device], Plan],
    cache_path: Path,
    output: Path,
    running: Running,
    *,
    force: bool,
    splits: Splits | None = None,
) -> Trained:
    """Train by the plan for this cache and device into the folder output.

    splits: of the cache, where several runs share them. The same call again continues a broken run,
    or confirms a finished one. Raises UsageError, InputError, OutputError.
    """
    started = time.monotonic()
    splits = splits or open_splits(cache_path, running)
    plan = make_plan(splits.cache, splits.device)
    folder = folder_of(plan, output, splits.device)
    there = folder.reuse(force=force)
    if there is not None and there.complete:
        return _confirmed(folder, there)
    with folder.locked():
        there = folder.reuse(force=force)  # another may have ended here in the meantime
        if there is not None and there.complete:
            return _confirmed(folder, there)
        return _train(plan, folder, there, splits, running, started)


def _confirmed(folder: Folder, there: Checkpoint) -> Trained:
    """A finished training; its log is restored, where the disk lets us."""
    with suppress(OutputError):
        folder.write_log(there.history)
    return Trained(there, folder.checkpoint, up_to_date=True)


def _train(
    plan: Plan,
    folder: Folder,
    there: Checkpoint | None,
    splits: Splits,
    running: Running,
    started: float,
) -> Trained:
    """Begin, or go on from the checkpoint there is."""
    model = plan.model()
    setup = load_setup(plan, splits, running)
    state = begin_state(plan, model, setup)
    if there is not None:
        continue_state(state, there, folder.checkpoint)

    def save(state: TrainState) -> None:
        state.history[-1].update(current.note)
        complete = state.progress.phase_epoch == plan.phase_epochs
        folder.save(state, complete=complete, started=started)

    done, steps = len(state.history), setup.batches_per_epoch
    with (
        folder.writing(events=running.tensorboard, done=done),
        console.training(plan.progress.phase, plan.new_epochs * steps) as bar,
    ):
        bar.resume(done * steps)
        while state.progress.phase_epoch < plan.phase_epochs:
            current = plan.begin(state, setup, folder)
            train(state, current.method, setup, plan.epochs, save, bar)
    checkpoint = distributed.from_first(lambda: read_checkpoint(folder.checkpoint))
    return Trained(checkpoint, folder.checkpoint, up_to_date=False)


def folder_of(plan: Plan, output: Path, device: torch.device) -> Folder:
    """The training folder of a plan."""
    hints = {n: artifact.hint(output / "checkpoint.pt", path) for n, path in plan.inputs.items()}
    fixed = plan.settings.lr_schedule == "cosine"
    return Folder(
        output,
        plan.question,
        plan.description,
        hints,
        str(device),
        plan.grows,
        fixed=fixed,
        inputs=tuple(plan.inputs.values()),
    )


def open_splits(cache_path: Path, running: Running) -> Splits:
    """The splits of a cache where they shall run. Raises UsageError, InputError."""
    device = choose_device(running.device)
    return Splits(open_cache(cache_path), device, running.resident)


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

    chosen: what says which method it is, for the record. Raises as `run`.
    """

    def plan(cache: Cache, device: torch.device) -> Plan:
        return plan_from_scratch(cache, device, phase, method, chosen, network, settings)

    return run(plan, cache_path, output, running, force=force)


def plan_from_scratch(
    cache: Cache,
    device: torch.device,
    phase: str,
    method: Method,
    chosen: Mapping[str, Any],
    network: Network,
    settings: Training,
) -> Plan:
    """The plan of a training from random weights: one round. chosen: as `from_scratch`."""
    resolved = resolve(settings, cache, device)
    _tell_of_size(cache, network.image_size)
    description = Description(
        network.audio_encoder,
        network.visual_encoder,
        cache.audio_shape,
        visual_input(cache, network.image_size),
        cache.classes,
        method.network,
    )
    statistics = Statistics(cache.audio_mean, cache.audio_std, cache.visual_mean, cache.visual_std)
    parts = {"phase": phase, **chosen, **parameters(network), **parameters(resolved)}
    return Plan(
        Question("avgap.checkpoint", {"cache": cache.stamp.digest}, parts),
        {"cache": cache.path},
        description,
        resolved,
        lambda: build(description, resolved.seed, statistics),
        Progress(phase),
        rounds=1,
        epochs=resolved.epochs,
        begin=lambda *_: Round(method, {}),
        graph=method.graph,
    )


def _tell_of_size(cache: Cache, asked: int) -> None:
    """Say where more pixels are asked for than the cache has; the default asks for none."""
    there = visual_input(cache, asked)
    if cache.kind != "embedding" and asked != Network.image_size and there[-1] < asked:
        console.notice(
            f"--image-size {asked}: the cached frames have {there[-1]} px, and are used as they are"
        )


def resolve(settings: Training, cache: Cache, device: torch.device) -> Training:
    """The settings with what `auto` and None stand for on this cache and device.

    Raises UsageError: augmentation of embeddings.
    """
    augment = settings.augment
    if cache.kind == "embedding" and augment == "on":
        raise UsageError("embeddings cannot be cropped or mirrored", hint="--augment off")
    if augment == "auto":  # as the dataset says: off where mirroring changes the meaning
        augment = "on" if cache.augment else "off"
    return override(
        settings,
        lr=settings.learning_rate,
        precision=choose_precision(settings.precision, device),
        augment=augment,
    )


def load_setup(plan: Plan, splits: Splits, running: Running) -> TrainSetup:
    """Put the splits that training needs where there is room for them, once."""
    settings, told = plan.settings, bool(splits.held)
    set_numerics(tf32=settings.tf32, deterministic=running.deterministic)

    def held(name: str) -> Resident:
        with explain_out_of_memory("device", settings.batch_size, resident=True):
            return splits[name]

    if not told:
        console.notice(f"on {in_words(splits.device)}, {settings.precision}")
    train = held("train")
    if train.location != "device" and not told:
        console.notice(f"the training split is read from {_READ_FROM[train.location]}")
    return TrainSetup(
        train if plan.rows is None else subset(train, plan.rows),
        held("val") if splits.cache.sizes.get("val") else None,
        held("test") if settings.log_test else None,
        plan.description.image_size,
        settings,
        running,
        plan.phase_epochs,
    )


def begin_state(plan: Plan, model: AudioVisual, setup: TrainSetup) -> TrainState:
    """The state before the first epoch: the model on the device, its optimizer."""
    model = prepare_model(model, setup, plan.new_epochs * setup.batches_per_epoch)
    optimizer = make_optimizer(model, setup.settings, capturable=setup.graph and plan.graph)
    if plan.optimizer is not None:
        with explain_misfit(plan.inputs["checkpoint"]):
            restore(optimizer, dict(plan.optimizer))
    return TrainState(model, optimizer, plan.progress)


def prepare_model(model: AudioVisual, setup: TrainSetup, steps: int) -> AudioVisual:
    """The model on the device, prepared for so many steps: batch statistics, compilation."""
    if setup.settings.sync_batchnorm and distributed.size() > 1:
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    model = to_device(model, setup.device)
    asked, gpu = setup.running.compile, setup.device.type == "cuda"
    if asked == "on" or (asked == "auto" and gpu and steps >= _COMPILING_PAYS):
        # In place, so that the names of the weights stay.
        model.audio_encoder.compile()
        model.visual_encoder.compile()
    return model


def continue_state(state: TrainState, there: Checkpoint, path: Path) -> None:
    """Take over weights, optimizer state, progress and history of a broken run.

    Raises InputError where they are not this network's; path: of the checkpoint.
    """
    with explain_misfit(path):
        state.model.load_state_dict(there.model)
        restore(state.optimizer, dict(there.optimizer))
    state.progress = there.progress
    state.history = list(there.history)
    device = next(state.model.parameters()).device
    state.method_state = {name: value.to(device) for name, value in there.state.items()}
    console.notice(f"continuing after {there.progress.phase} epoch {there.progress.phase_epoch}")
