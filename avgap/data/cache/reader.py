"""The cache: every clip of a dataset as fixed-size arrays in one HDF5 file (docs/formats.md).

A group per split holds `id` (N,), `label` (N,) int64, `audio` (N, F, T) float16, `visual`
(N, K, H, W, 3) uint8 and the columns of `meta`; of embeddings, `audio` and `visual` are (N, d)
float32. One chunk is one clip, uncompressed, so that a
whole split is read in one slab and clips can be written in any order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from avgap import artifact
from avgap.artifact import Stamp
from avgap.data.cache.header import Header, expect_shapes, read_header, read_statistics
from avgap.errors import InputError
from avgap.settings import SPLITS, AudioRecipe, Embedding, FrameRecipe, parameters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from avgap.data.audit import Audit

FORMAT = "avgap.cache"


@dataclass(frozen=True)
class Split:
    """One split in memory: N clips in the cache's order.

    label: class index (N,). audio: log spectrogram (N, F, T) float16. visual: RGB frames
    (N, K, H, W, 3) uint8. Of embeddings both are (N, d) float32. meta: columns of
    text, "" where a clip has none.
    """

    name: str
    id: list[str]
    label: NDArray[np.int64]
    audio: NDArray[Any]
    visual: NDArray[Any]
    meta: dict[str, list[str]]

    def __len__(self) -> int:
        return len(self.id)


class CachedClip(NamedTuple):
    """One clip of a cache: audio (F, T), visual (K, H, W, 3), meta: its columns of text.

    sound: int16 at 16 kHz, where it is kept.
    """

    id: str
    label: int
    audio: NDArray[Any]
    visual: NDArray[Any]
    meta: dict[str, str]
    sound: NDArray[np.int16] | None


@dataclass(frozen=True)
class Cache:
    """An opened cache: everything but the arrays, which `split` reads.

    sound: whether the clips' sound is kept. audio_mean, audio_std: over every value of the
    training split's spectrograms; of embeddings, as visual_mean and visual_std, of each of the d
    values (d,).
    sizes: clips per split. missing: clips that could not be read, id → reason.
    """

    path: Path
    stamp: Stamp
    dataset: str
    classes: tuple[str, ...]
    augment: bool
    audio_recipe: AudioRecipe | Embedding
    frame_recipe: FrameRecipe | Embedding
    sound: bool
    audio_mean: NDArray[np.float64]
    audio_std: NDArray[np.float64]
    visual_mean: NDArray[np.float64] | None  # None: frames, whose statistics are ImageNet's
    visual_std: NDArray[np.float64] | None
    sizes: dict[str, int]
    missing: dict[str, str]

    @property
    def header(self) -> Header:
        """What the cache says of itself, without its numbers."""
        recipes = self.audio_recipe, self.frame_recipe
        return Header(self.dataset, self.classes, self.augment, *recipes, self.sound)

    @property
    def kind(self) -> str:
        """media or embedding."""
        return self.header.kind

    @property
    def audio_shape(self) -> tuple[int, ...]:
        """(F, T), or (d,) of an embedding."""
        return self.header.audio_shape

    @property
    def visual_shape(self) -> tuple[int, ...]:
        """(K, H, W, 3), or (d,) of an embedding."""
        return self.header.visual_shape

    @property
    def shard(self) -> str | None:
        """Which share of a cache this is, as I/N; None for a whole one.

        Raises InputError where the stamp names none that there can be.
        """
        shard = self.stamp.parameters.get("shard")
        share = re.fullmatch(r"([1-9]\d*)/(\d+)", str(shard))
        if shard is not None and (share is None or int(share[1]) > int(share[2])):
            raise InputError(f"{self.path} is corrupt", [f"there is no share {shard}"])
        return shard

    def split(self, name: str, rows: range | None = None) -> Split:
        """Read one split, or some adjacent rows of it, each array in one slab.

        Raises InputError: unknown, empty, corrupt, or of a shard: nothing is trained on a share.
        """
        if self.shard is not None:
            raise InputError(
                f"{self.path} is shard {self.shard} of a cache, not the whole",
                hint="avgap merge SHARD... -o cache.h5",
            )
        self._require(name)
        with artifact.open_hdf5(self.path) as file:
            group = file[name]
            here = slice(None) if rows is None else slice(rows.start, rows.stop)
            label = group["label"][here]
            self.check_labels(name, label)
            audio, visual = group["audio"][here], group["visual"][here]
            meta = {column: values[here] for column, values in _meta(group).items()}
            return Split(name, _text(group["id"])[here], label, audio, visual, meta)

    def check_labels(self, name: str, label: NDArray[np.int64]) -> None:
        """Raise InputError unless every label (N,) is the index of a class."""
        if not ((label >= 0) & (label < len(self.classes))).all():
            raise InputError(
                f"{self.path} is corrupt", [f"{name}: a label is not one of its classes"]
            )

    def meta(self, name: str) -> dict[str, list[str]]:
        """The columns of text of one split, without its arrays. Raises InputError as `split`."""
        self._require(name)
        with artifact.open_hdf5(self.path) as file:
            return _meta(file[name])

    def clips(self, name: str) -> Iterator[CachedClip]:
        """The clips of one split one by one, so that no more than one is in memory."""
        with artifact.open_hdf5(self.path) as file:
            group = file[name]
            meta = _meta(group)
            rows = zip(_text(group["id"]), group["label"][:].tolist(), strict=True)
            for row, (id, label) in enumerate(rows):
                columns = {column: values[row] for column, values in meta.items()}
                arrays = group["audio"][row], group["visual"][row]
                sound = group["sound"][row] if self.sound else None
                yield CachedClip(id, label, *arrays, columns, sound)

    def labels(self, name: str) -> dict[str, int]:
        """The class index of every clip of one split, by id, in order."""
        with artifact.open_hdf5(self.path) as file:
            group = file[name]
            ids, label = _text(group["id"]), group["label"][:]
        self.check_labels(name, label)
        return dict(zip(ids, label.tolist(), strict=True))

    def column(self, name: str) -> dict[str, str]:
        """One column of text for the clips of every split, id → value; empty without it."""
        with artifact.open_hdf5(self.path) as file:
            return {
                id: value
                for split in SPLITS
                if name in file[split].get("meta", ())
                for id, value in zip(
                    _text(file[split]["id"]), _text(file[split]["meta"][name]), strict=True
                )
            }

    def audit(self) -> Audit | None:
        """What was found when the cache was made; None where it says nothing."""
        from avgap.data.audit import Audit

        with artifact.open_hdf5(self.path) as file:
            return Audit(**json.loads(_text(file["audit"])[0])) if "audit" in file else None

    def _require(self, name: str) -> None:
        if not self.sizes.get(name):
            there = [f"{split}: {size:,} clips" for split, size in self.sizes.items() if size]
            what = "has no split" if name not in self.sizes else "has no clips in its split"
            raise InputError(f"{self.path} {what} {name!r}", there)


# ---------------------------------------------------------------- digests


def digest_of_clip(id: str, label: int, audio: Any, visual: Any) -> str:
    """The digest of one clip: its audio and visual as they are stored."""
    return artifact.digest(id, label, audio, visual)


def digest_of_cache(header: Header, digests: Mapping[str, list[str]]) -> str:
    """The digest of a cache from those of its clips, per split and in order."""
    shapes = header.audio_shape, header.visual_shape
    return artifact.digest("cache", header.classes, shapes, dict(digests))


# ---------------------------------------------------------------- reading


def open_cache(path: str | Path) -> Cache:
    """Open a cache.

    Raises InputError: missing, truncated, foreign, shapes that disagree, or other statistics than
    the stamp says.
    """
    path = Path(path)
    stamp = artifact.read_stamp(path)
    artifact.expect(stamp, FORMAT, path)
    with artifact.open_hdf5(path) as file:
        header = read_header(file, path)
        expect_shapes(file, header, path)
        statistics = read_statistics(file, header, path)
        artifact.expect_whole(stamp, stamp.digest, path, besides_clips(header, statistics))
        return Cache(
            path,
            stamp,
            *header,
            **statistics,
            sizes={name: len(file[name]["label"]) for name in SPLITS},
            missing=dict(
                zip(_text(file["missing/id"]), _text(file["missing/reason"]), strict=True)
            ),
        )


def verify_cache(path: str | Path) -> None:
    """Raise InputError unless a cache's arrays, read afresh, have the digest of its stamp."""
    cache = open_cache(path)
    whole = replace(cache.stamp, checksum=None)  # which opening has compared
    artifact.expect_whole(whole, digest_of_file(path), cache.path)


def digest_of_file(path: str | Path) -> str:
    """The digest of a cache's content, computed afresh from every array."""
    cache = open_cache(path)
    digests = {
        name: [digest_of_clip(c.id, c.label, c.audio, c.visual) for c in cache.clips(name)]
        for name in SPLITS
    }
    return digest_of_cache(cache.header, digests)


def besides_clips(header: Header, statistics: Mapping[str, Any]) -> dict[str, Any]:
    """What decides about weights and is in no digest of a clip: of it the stamp has a checksum."""
    return {
        "augment": header.augment,
        "recipes": [parameters(header.audio_recipe), parameters(header.frame_recipe)],
        "statistics": {
            name: np.asarray(value, "<f8")
            for name, value in statistics.items()
            if value is not None
        },
    }


def _text(dataset: Any) -> list[str]:
    values: list[str] = dataset.asstr()[:].tolist()
    return values


def _meta(group: Any) -> dict[str, list[str]]:
    return {column: _text(group["meta"][column]) for column in group.get("meta", ())}
