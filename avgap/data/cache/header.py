"""What a cache file says of itself, and that its arrays are what it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from avgap import artifact
from avgap.artifact import schema
from avgap.data.media.spectrogram import playable_length
from avgap.errors import InputError
from avgap.settings import SPLITS, AudioRecipe, Embedding, FrameRecipe
from avgap.text import shorten

_AUDIO = {
    **dict.fromkeys(("name", "transform", "normalise"), schema.text),
    **dict.fromkeys(("sample_rate", "n_fft", "hop_length"), schema.size),
    **{"seconds": schema.number, "mels": schema.maybe(schema.size)},
}
_FRAMES = {"count": schema.size, "size": schema.size, "sampling": schema.text}
_EMBEDDING = {"size": schema.size}
_AGAIN = "make it again with avgap prepare"
_STATISTICS = ("audio_mean", "audio_std", "visual_mean", "visual_std")


class Header(NamedTuple):
    """What a cache says of itself besides its stamp.

    classes: names, index = label. augment: whether mirroring and cropping keep the meaning.
    sound: whether every clip's sound is kept for the ear.
    """

    dataset: str
    classes: tuple[str, ...]
    augment: bool
    audio_recipe: AudioRecipe | Embedding
    frame_recipe: FrameRecipe | Embedding
    sound: bool = False

    @property
    def kind(self) -> str:
        """media or embedding."""
        return "embedding" if isinstance(self.audio_recipe, Embedding) else "media"

    @property
    def audio_shape(self) -> tuple[int, ...]:
        """(F, T), or (d,) of an embedding."""
        return self.audio_recipe.shape

    @property
    def visual_shape(self) -> tuple[int, ...]:
        """(K, H, W, 3), or (d,) of an embedding."""
        return self.frame_recipe.shape

    @property
    def arrays(self) -> dict[str, tuple[tuple[int, ...], str]]:
        """Shape and type of what is stored of every clip."""
        if isinstance(self.audio_recipe, Embedding):
            return {"audio": (self.audio_shape, "<f4"), "visual": (self.visual_shape, "<f4")}
        arrays: dict[str, tuple[tuple[int, ...], str]] = {
            "audio": (self.audio_shape, "<f2"),
            "visual": (self.visual_shape, "|u1"),
        }
        if self.sound:
            arrays["sound"] = ((playable_length(self.audio_recipe),), "<i2")
        return arrays


def read_header(file: Any, path: Path) -> Header:
    """The header of an open cache file. Raises InputError: none, or one that cannot be."""
    try:
        embedding = str(file.attrs.get("kind")) == "embedding"
        audio, frames = (
            artifact.parse_json(str(file.attrs[f"{part}_recipe"])) for part in ("audio", "frame")
        )
        wrong = list(schema.problems(audio, _EMBEDDING if embedding else _AUDIO, "audio_recipe"))
        wrong += schema.problems(frames, _EMBEDDING if embedding else _FRAMES, "frame_recipe")
        if wrong:
            raise ValueError(", ".join(wrong))
        return Header(
            str(file.attrs["dataset"]),
            tuple(map(str, artifact.attribute(file, "classes"))),
            bool(file.attrs["augment"]),
            Embedding(**audio) if embedding else AudioRecipe(**audio),
            Embedding(**frames) if embedding else FrameRecipe(**frames),
            "sound_rate" in file.attrs,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is corrupt", [f"its root attributes: {error}"]) from error


def read_statistics(file: Any, header: Header, path: Path) -> dict[str, Any]:
    """The statistics by name, None where there are none. Raises InputError: of other shapes."""
    shapes: dict[str, tuple[int, ...]] = {"audio_mean": (), "audio_std": ()}
    if header.kind == "embedding":
        audio, visual = header.audio_shape, header.visual_shape
        shapes = dict(zip(_STATISTICS, (audio, audio, visual, visual), strict=True))
    there = {name: artifact.attribute(file, name) for name in shapes}
    found = {name: np.asarray(value) for name, value in there.items() if value is not None}
    wrong = [
        f"{name} is no {shape} of finite numbers"
        for name, shape in shapes.items()
        if name not in found
        or found[name].shape != shape
        or found[name].dtype.kind not in "fiu"
        or not np.isfinite(found[name]).all()
    ]
    if wrong:
        raise InputError(f"{path} is corrupt", wrong, _AGAIN)
    return {name: found.get(name) for name in _STATISTICS}


def expect_shapes(file: Any, header: Header, path: Path) -> None:
    """Raise InputError unless an open file holds the arrays that its header says."""
    wrong = [line for name in SPLITS for line in _disagreements(file, name, header)]
    wrong += _missing_disagrees(file)
    if wrong:
        raise InputError(f"{path} is corrupt", shorten(wrong), _AGAIN)


def _datasets(group: Any, prefix: str) -> Iterator[str]:
    """What of a split should be a dataset and is none."""
    for name, item in group.items():
        if name == "meta":
            if not isinstance(item, Mapping):
                yield f"{prefix}/{name} is no group"
            elif any(isinstance(column, Mapping) for column in item.values()):
                yield f"{prefix}/{name} holds a group"
        elif isinstance(item, Mapping) or item is None:
            yield f"{prefix}/{name} is no dataset"


def _missing_disagrees(file: Any) -> list[str]:
    """What is wrong with the list of clips that could not be read."""
    group = file.get("missing")
    lists: list[Any] = [None]
    if isinstance(group, Mapping):
        lists = [group.get(name) for name in ("id", "reason")]
    if any(getattr(one, "ndim", None) != 1 or one.dtype.kind != "O" for one in lists):
        return ["missing holds no lists of ids and reasons"]
    return [] if len({len(one) for one in lists}) == 1 else ["missing: lists of different lengths"]


def _disagreements(file: Any, name: str, header: Header) -> list[str]:
    parts = ("id", "label", *header.arrays)
    group = file.get(name)
    if not isinstance(group, Mapping):
        return [f"{name} is no group"]
    wrong = [f"{name} has no {part}" for part in parts if part not in group]
    wrong += _datasets(group, name)
    if wrong:
        return wrong
    if group["label"].ndim != 1:
        return [f"{name}/label is not one column"]
    size = len(group["label"])
    expected = {
        "id": ((size,), "O"),
        "label": ((size,), "<i8"),
        **{part: ((size, *shape), kind) for part, (shape, kind) in header.arrays.items()},
        **{f"meta/{column}": ((size,), "O") for column in group.get("meta", ())},
    }
    return [
        f"{name}/{part} is {group[part].dtype.str} {group[part].shape}, expected {kind} {shape}"
        for part, (shape, kind) in expected.items()
        if (group[part].shape, group[part].dtype.str.lstrip("|")) != (shape, kind.lstrip("|"))
    ]
