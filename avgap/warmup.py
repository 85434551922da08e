"""② Warm-up training: cache → checkpoint. Eq. 5 and 7, Algorithm 1 phase 1."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from avgap import artifact, console
from avgap.artifact import Question
from avgap.checkpoint import Checkpoint, Progress, read_checkpoint
from avgap.data.cache import Cache, open_cache
from avgap.device import choose_device, choose_precision
from avgap.methods import Method
from avgap.methods.concat import Concat
from avgap.methods.joint import Joint
from avgap.models import Description, build
from avgap.models.audiovisual import Statistics
from avgap.run import Folder, augment_setting, load_stage, visual_input
from avgap.settings import Network, Training, parameters
from avgap.training import Trainee, make_optimizer, train

# A warm-up loss: joint is the paper's Eq. 7, fused the concatenation baseline's L_MM alone.
LOSSES: dict[str, Method] = {"joint": Joint(), "fused": Concat()}


@dataclass(frozen=True)
class Trained:
    """The outcome of warmup or adapt."""

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


def warmup(
    cache_path: Path,
    output: Path,
    *,
    loss: str,
    network: Network,
    settings: Training,
    device_name: str = "auto",
    force: bool = False,
) -> Trained:
    """Train from scratch on the cache's training split into the folder output.

    The same call again continues a broken run, or confirms a finished one. Raises InputError,
    OutputError.
    """
    begun = time.monotonic()
    cache = open_cache(cache_path)
    device = choose_device(device_name)
    settings = replace(
        settings,
        lr=settings.learning_rate,
        precision=choose_precision(settings.precision, device),
        augment=augment_setting(settings.augment, cache),
    )
    description = describe(cache, network)
    question = Question(
        "avgap.checkpoint",
        {"cache": cache.stamp.digest},
        {"phase": "warmup", "loss": loss, **parameters(network), **parameters(settings)},
    )
    hints = {"cache": artifact.hint(output / "checkpoint.pt", cache_path)}
    folder = Folder(output, question, description, hints, str(device))
    there = folder.settle(force=force)
    if there is not None and there.complete:
        folder.write_log(there.history)
        return Trained(there, folder.checkpoint, up_to_date=True)

    statistics = Statistics(cache.audio_mean, cache.audio_std, cache.visual_mean, cache.visual_std)
    model = build(description, settings.seed, statistics).to(device)
    trainee = Trainee(model, make_optimizer(model, settings), Progress("warmup"))
    if there is not None:
        resume(trainee, there)
    stage = load_stage(cache, description.image_size, settings, device)

    def save(now: Trainee) -> None:
        folder.save(now, complete=now.progress.epoch == settings.epochs, started=begun)

    with console.progress("warmup", settings.epochs * stage.batches_per_epoch, "steps") as bar:
        bar.resume(trainee.progress.epoch * stage.batches_per_epoch)
        train(trainee, LOSSES[loss], stage, settings.epochs, save, bar)
    return Trained(read_checkpoint(folder.checkpoint), folder.checkpoint, up_to_date=False)


def describe(cache: Cache, network: Network) -> Description:
    """The network's description for this cache."""
    return Description(
        network.audio_encoder,
        network.visual_encoder,
        cache.audio_shape,
        visual_input(cache, network.image_size),
        cache.classes,
    )


def resume(trainee: Trainee, there: Checkpoint) -> None:
    """Take over weights, optimizer state, progress and history of a broken run."""
    trainee.model.load_state_dict(there.model)
    trainee.optimizer.load_state_dict(dict(there.optimizer))
    trainee.progress = there.progress
    trainee.history = list(there.history)
    device = next(trainee.model.parameters()).device
    trainee.state = {name: value.to(device) for name, value in there.state.items()}
    console.notice(f"continuing after {there.progress.phase} epoch {there.progress.phase_epoch}")
