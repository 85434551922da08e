"""Save, load and rebuild a model in training: tensors and plain values, so loading runs no code."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from avgap import artifact
from avgap.artifact import Question, Stamp
from avgap.artifact.schema import (
    LINE,
    by_name,
    count,
    each,
    expect_plain,
    flag,
    maybe,
    number,
    problems,
    text,
)
from avgap.errors import AvgapError, InputError, UsageError
from avgap.models import Description, build
from avgap.models.audiovisual import AudioVisual
from avgap.text import shorten

if TYPE_CHECKING:
    from avgap.data.cache.reader import Cache

# The plain values of a checkpoint.
_PROGRESS = dict.fromkeys(("step", "epoch", "phase_epoch", "step_epoch"), count)
_SCHEMA = {
    "description": {
        **dict.fromkeys(("audio_encoder", "visual_encoder", "network?"), text),
        **{"audio_shape": each(count), "visual_shape": each(count), "classes": each(text)},
    },
    "progress": {"phase": text, **_PROGRESS},
    "complete": flag,
    "selected": text,
    "history": each(LINE),
}
_MOST = 1_000_000  # plain values in a checkpoint: of 40,000 epochs

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

    def besides(self) -> dict[str, Any]:
        """What the digest does not cover: of it the stamp has a checksum."""
        return {name: getattr(self, name) for name in ("complete", "selected", "history")}


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
    """Write a checkpoint atomically, its stamp with the checksum."""
    stamp = replace(checkpoint.stamp, checksum=artifact.checksum(checkpoint.besides()))
    content = {
        **stamp.as_dict(),
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
    """Read a checkpoint onto the CPU.

    Raises InputError: unreadable, foreign, incomplete, or not what its stamp says.
    """
    path = Path(path)
    content = artifact.read_tensors(path)
    stamp = artifact.parse_stamp(content, path)
    artifact.expect(stamp, "avgap.checkpoint", path)
    _expect_structure(content, path)
    progress = {name: content["progress"][name] for name in ("phase", *_PROGRESS)}
    checkpoint = Checkpoint(
        stamp,
        Description.from_dict(content["description"]),
        content["model"],
        content["optimizer"],
        Progress(**progress),
        content["complete"],
        content["selected"],
        content["history"],
        content["state"],
    )
    artifact.expect_whole(stamp, checkpoint.content_digest(), path, checkpoint.besides())
    return checkpoint


def read_plain(path: str | Path) -> tuple[Stamp, dict[str, Any]]:
    """The stamp of a checkpoint and its plain values, without reading a weight.

    Raises InputError as `read_checkpoint`, but for what the tensors are.
    """
    path = Path(path)
    content = artifact.read_tensors(path, mapped=True)
    stamp = artifact.parse_stamp(content, path)
    artifact.expect(stamp, "avgap.checkpoint", path)
    _expect_structure(content, path)
    plain = {name: content[name] for name in _SCHEMA}
    if stamp.checksum is not None:
        besides = {name: plain[name] for name in ("complete", "selected", "history")}
        artifact.expect_whole(stamp, stamp.digest, path, besides)
    return stamp, plain


def _expect_structure(content: Mapping[str, Any], path: Path) -> None:
    """Raise InputError unless a checkpoint has the parts that it must have, each of its type."""
    optimizer = content.get("optimizer")
    plain = {name: content.get(name) for name in _SCHEMA}
    if isinstance(optimizer, Mapping):
        plain["param_groups"] = optimizer.get("param_groups")
    try:
        expect_plain(plain, _MOST)
    except ValueError as error:
        raise InputError(f"{path} is corrupt", [str(error)]) from error
    wrong = list(problems(content, _SCHEMA))
    for name in ("model", "state"):
        wrong += problems(content.get(name), by_name(_tensor), name)
    wrong += problems(optimizer, _OPTIMIZER, "optimizer")
    if wrong:
        raise InputError(f"{path} is corrupt", shorten(wrong))


def _tensor(value: Any, name: str) -> Iterator[str]:
    """A tensor whose every value stands in the file: none is shared, as an expanded one's are."""
    if not isinstance(value, torch.Tensor):
        yield f"{name} is no tensor"
    elif value.layout is not torch.strided or value.is_quantized or value.device.type != "cpu":
        yield f"{name} is no plain tensor"
    elif value.numel() * value.element_size() > value.untyped_storage().nbytes():
        yield f"{name} has fewer values than its shape {tuple(value.shape)}"


def _moments(value: Any, name: str) -> Iterator[str]:
    """What an optimizer keeps of each weight, by its number: tensors, counts, or nothing yet."""
    if not isinstance(value, Mapping) or not all(isinstance(key, int) for key in value):
        yield f"{name} is no record by number"
        return
    for key, kept in value.items():
        yield from problems(kept, by_name(_moment), f"{name}[{key}]")


def _moment(value: Any, name: str) -> Iterator[str]:
    if isinstance(value, torch.Tensor):
        yield from _tensor(value, name)
    else:
        yield from problems(value, maybe(number), name)


# What an optimizer keeps, and what holds for a group of weights, with their numbers.
_OPTIMIZER = {"state?": _moments, "param_groups?": each({"params": each(count)})}


def rebuild(checkpoint: Checkpoint, path: str | Path) -> AudioVisual:
    """The network with the checkpoint's weights, in evaluation mode, on the CPU."""
    with explain_misfit(path):
        _expect_shapes(checkpoint)
        model = build(checkpoint.description)
        model.load_state_dict(checkpoint.model)
    return model.eval()


def _expect_shapes(checkpoint: Checkpoint) -> None:
    """Raise ValueError unless the weights are those of the description's network.

    A network without memory is compared first: a description can ask for one of any size.
    """
    with torch.device("meta"):
        asked = build(checkpoint.description).state_dict()
    shapes = {name: tuple(value.shape) for name, value in asked.items()}
    there = {name: tuple(value.shape) for name, value in checkpoint.model.items()}
    names = sorted(name for name in {*shapes, *there} if shapes.get(name) != there.get(name))
    if names:
        lines = [f"{n}: {there.get(n, 'none')}, expected {shapes.get(n, 'none')}" for n in names]
        raise ValueError("\n".join(shorten(lines, 5)))


@contextmanager
def explain_misfit(path: str | Path) -> Iterator[None]:
    """Turn what torch says of weights or moments that do not fit into the error of their file."""
    try:
        yield
    except torch.OutOfMemoryError:  # of the device, which is told elsewhere
        raise
    except (RuntimeError, TypeError, ValueError, AttributeError, LookupError, ArithmeticError) as e:
        lines = [line.strip()[:200] for line in str(e).splitlines()[:5]]
        raise InputError(f"{path} is corrupt", lines) from e
    except UsageError as error:
        raise InputError(f"{path}: {error.what}", error.details) from error


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
    except AvgapError as error:
        if force:
            return None
        raise InputError(error.what, error.details, "--force to begin again") from error
