"""Save, load and rebuild a model in training: tensors and plain values, so loading runs no code."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from avgap import artifact
from avgap.artifact import Question, Stamp
from avgap.errors import AvgapError, InputError, UsageError
from avgap.models import Description, build
from avgap.models.audiovisual import AudioVisual

if TYPE_CHECKING:
    from avgap.data.cache.reader import Cache

LAST = "last"
BEST = "best on validation"


@dataclass(frozen=True)
class Progress:
    """How far training has come. Epochs and steps are counted as completed.

    phase: warmup | adapt. step: 0 in warm-up, 1…S in adaptation (Algorithm 1). epoch: over both
    phases; it seeds the shuffle. phase_epoch: within the phase; λ's epoch in adaptation (Eq. 10).
    step_epoch: within the adaptive step.
    """

    phase: str
    step: int = 0
    epoch: int = 0
    phase_epoch: int = 0
    step_epoch: int = 0


@dataclass(frozen=True)
class Checkpoint:
    """All that a checkpoint file holds.

    history: the lines of log.jsonl, one dict per epoch. state: the method's own tensors.
    """

    stamp: Stamp
    description: Description
    model: Mapping[str, torch.Tensor]
    optimizer: Mapping[str, Any]
    progress: Progress
    complete: bool
    selected: str
    history: list[dict[str, Any]]
    state: Mapping[str, torch.Tensor] = field(default_factory=dict)

    @property
    def validation(self) -> dict[str, float]:
        """Validation accuracy of fused, audio and visual (empty: no validation)."""
        return dict(self.history[-1]["val"] or {}) if self.history else {}

    def content_digest(self) -> str:
        """The digest of model, optimizer and progress, which the stamp carries."""
        return content_digest(
            self.description, self.model, self.optimizer, self.progress, self.state
        )


def content_digest(
    description: Description,
    model: Mapping[str, torch.Tensor],
    optimizer: Mapping[str, Any],
    progress: Progress,
    state: Mapping[str, torch.Tensor],
) -> str:
    """The digest of what a checkpoint holds: the same training gives the same digest anywhere."""
    parts = {"model": dict(model), "optimizer": dict(optimizer), "state": dict(state)}
    return artifact.digest(
        "checkpoint",
        description.as_dict(),
        vars(progress),
        torch.utils._pytree.tree_map(_plain, parts),
    )


def _plain(value: Any) -> Any:
    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else value


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint atomically."""
    content = {
        **checkpoint.stamp.as_dict(),
        "description": checkpoint.description.as_dict(),
        "model": dict(checkpoint.model),
        "optimizer": dict(checkpoint.optimizer),
        "progress": vars(checkpoint.progress),
        "complete": checkpoint.complete,
        "selected": checkpoint.selected,
        "history": checkpoint.history,
        "state": dict(checkpoint.state),
    }
    # By way of memory: torch tells of a full disk by an exception of its own making.
    image = io.BytesIO()
    torch.save(content, image)
    with artifact.atomic(path) as part:
        part.write_bytes(image.getbuffer())


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint onto the CPU. Raises InputError: unreadable, foreign, incomplete."""
    path = Path(path)
    content = artifact.read_tensors(path)
    stamp = artifact.parse_stamp(content, path)
    artifact.expect(stamp, "avgap.checkpoint", path)
    kinds = {"model": dict, "optimizer": dict, "history": list, "state": dict}
    wrong = [f"{name} is no {kind.__name__}" for name, kind in kinds.items()
             if not isinstance(content.get(name), kind)]  # fmt: skip
    if wrong:
        raise InputError(f"{path} is corrupt", wrong)
    try:
        return Checkpoint(
            stamp,
            Description.from_dict(content["description"]),
            content["model"],
            content["optimizer"],
            Progress(**content["progress"]),
            content["complete"],
            content["selected"],
            content["history"],
            content["state"],
        )
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} is corrupt", [f"{type(error).__name__}: {error}"]) from error


def rebuild(checkpoint: Checkpoint, path: str | Path) -> AudioVisual:
    """The network with the checkpoint's weights, in evaluation mode, on the CPU."""
    try:
        model = build(checkpoint.description)
        model.load_state_dict(checkpoint.model)
    except (RuntimeError, TypeError, ValueError, AttributeError) as error:
        lines = [line.strip()[:200] for line in str(error).splitlines()[:5]]
        raise InputError(f"{path} is corrupt", lines) from error
    except UsageError as error:
        raise InputError(f"{path}: {error.what}", error.details) from error
    return model.eval()


def load_checkpoint(path: str | Path) -> AudioVisual:
    """For Python users: the trained network of a checkpoint file, in evaluation mode, on the CPU.

    model(audio, frames) takes spectrograms (N, F, T) and frames (N, K, 3, H, W) in 0…255 and gives
    unimodal logits; `.fused` is their sum. Raises InputError.
    """
    return rebuild(read_checkpoint(path), path)


def check_fits(cache: Cache, description: Description, checkpoint: str | Path) -> None:
    """Raise InputError unless the network was built for the cache's classes and shapes."""
    visual = visual_input(cache, description.image_size)
    pairs = {
        "classes": (list(cache.classes), list(description.classes)),
        "audio (F, T)": (cache.audio_shape, description.audio_shape),
        "frames (K, S, S)": (visual, description.visual_shape),
    }
    lines = [
        f"{n}: {a} in the cache, {b} in the checkpoint" for n, (a, b) in pairs.items() if a != b
    ]
    if lines:
        raise InputError(
            f"{checkpoint} does not fit {cache.path}",
            lines,
            "the cache it was trained on, or another with the same recipes and classes",
        )


def visual_input(cache: Cache, image_size: int) -> tuple[int, ...]:
    """The network's visual input per clip: (K, S, S), small frames as they are; or (d,)."""
    if cache.kind == "embedding":
        return cache.visual_shape
    count, height = cache.visual_shape[:2]
    size = min(height, image_size)
    return count, size, size


def reuse_checkpoint(path: Path, question: Question, *, force: bool) -> Checkpoint | None:
    """The checkpoint to continue or confirm; None to begin. Raises OutputError as `reuse`."""
    if artifact.reuse(path, question, force=force) is None:
        return None
    try:
        return read_checkpoint(path)
    except AvgapError:
        if force:
            return None
        raise
