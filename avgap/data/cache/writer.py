"""Writing a cache: every clip has its row, in whatever order they arrive."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from avgap import artifact
from avgap.artifact import Stamp
from avgap.data.audit import Audit, Sample
from avgap.data.cache.header import Header
from avgap.data.cache.reader import (
    FORMAT,
    besides_clips,
    digest_of_cache,
    digest_of_clip,
)
from avgap.data.media.spectrogram import SOUND_RATE
from avgap.settings import SPLITS, parameters

if TYPE_CHECKING:
    from numpy.typing import NDArray


class ClipArray:
    """A dataset (N, *shape) of one kind whose every chunk is a clip.

    A clip is handed to HDF5 as the bytes of its chunk: a third of the time that an assignment
    takes, which looks up a selection for each.
    """

    def __init__(self, group: Any, name: str, size: int, shape: Sequence[int], kind: Any) -> None:
        self._shape, self._kind = tuple(shape), np.dtype(kind)
        self._dataset = group.create_dataset(
            name,
            (size, *shape),
            kind,
            maxshape=(None, *shape),
            chunks=(1, *shape),
        )

    def put(self, row: int, values: Any) -> None:
        """Write the clip at a row. Raises ValueError for another shape."""
        array = np.ascontiguousarray(values, self._kind)
        if array.shape != self._shape:
            raise ValueError(f"a clip of shape {array.shape}, where {self._shape} is expected")
        self._dataset.id.write_direct_chunk((row, *(0,) * array.ndim), array)

    def resize(self, size: int) -> None:
        """Make room for this many clips, or cut what is after them."""
        self._dataset.resize(size, axis=0)


class _Row(NamedTuple):
    """What is kept in memory of a written clip."""

    id: str
    label: int
    meta: Mapping[str, str]
    digest: str
    total: float
    squares: float


class CacheWriter:
    """Writes clips at their rows in any order; what never arrives is closed up at the end."""

    def __init__(
        self, file: Any, check_disk: Callable[[], None], header: Header, sizes: Mapping[str, int]
    ) -> None:
        self._file, self._check_disk, self._header = file, check_disk, header
        self._rows: dict[str, list[_Row | None]] = {name: [None] * sizes[name] for name in SPLITS}
        self._arrays: dict[tuple[str, str], ClipArray] = {}
        for name in SPLITS:
            group = file.create_group(name)
            for part, (shape, kind) in header.arrays.items():
                self._arrays[name, part] = ClipArray(group, part, sizes[name], shape, kind)

    def put(
        self,
        split: str,
        row: int,
        id: str,
        label: int,
        audio: NDArray[Any],
        visual: NDArray[Any],
        meta: Mapping[str, str],
        sound: NDArray[np.int16] | None = None,
    ) -> str:
        """Write one clip at its row: audio, rounded to the type that is stored, and visual.

        Returns the digest of the clip as it is stored.
        """
        rounded = audio.astype(self._header.arrays["audio"][1])
        self._arrays[split, "audio"].put(row, rounded)
        self._arrays[split, "visual"].put(row, visual)
        if self._header.sound:
            self._arrays[split, "sound"].put(row, sound)
        self._check_disk()
        values = rounded.astype(np.float64)
        digest = digest_of_clip(id, label, rounded, visual)
        self._rows[split][row] = _Row(
            id, label, meta, digest, float(values.sum()), float(np.square(values).sum())
        )
        return digest

    def visual(self, split: str, row: int) -> NDArray[np.uint8]:
        """The frames written at a row, (K, H, W, 3)."""
        frames: NDArray[np.uint8] = self._file[split]["visual"][row]
        return frames

    def replace_visual(self, split: str, row: int, visual: NDArray[np.uint8]) -> None:
        """Write other frames at a row that is there already."""
        written = self._rows[split][row]
        if written is None:
            raise KeyError(f"{split} has no row {row}")
        self._arrays[split, "visual"].put(row, visual)
        audio = self._file[split]["audio"][row]
        digest = digest_of_clip(written.id, written.label, audio, visual)
        self._rows[split][row] = written._replace(digest=digest)

    def rows(self, split: str) -> dict[str, int]:
        """The row of every clip that has been written so far, by id and in order."""
        rows = enumerate(self._rows[split])
        return {clip.id: row for row, clip in rows if clip is not None}

    def samples(self) -> Iterator[Sample]:
        """What has been written so far, for the audit."""
        for split, rows in self._rows.items():
            for row in rows:
                if row is not None:
                    label = self._header.classes[row.label]
                    yield Sample(row.id, label, split, row.meta)

    def finish(
        self,
        missing: Mapping[str, str],
        inputs: Mapping[str, str],
        question: Mapping[str, Any],
        provenance: Mapping[str, Any],
        hints: Mapping[str, str],
        audit: Audit | None = None,
    ) -> Stamp:
        """Close up the gaps, write ids, labels, columns, statistics, the audit and the stamp."""
        rows = {name: self._close_up(name) for name in SPLITS}
        columns = sorted(
            {column for split in rows.values() for row in split for column in row.meta}
        )
        for name, kept in rows.items():
            group = self._file[name]
            _write_text(group, "id", [row.id for row in kept])
            group.create_dataset("label", data=np.array([row.label for row in kept], "<i8"))
            meta = group.create_group("meta")
            for column in columns:
                _write_text(meta, column, [row.meta.get(column, "") for row in kept])
        absent = self._file.create_group("missing")
        _write_text(absent, "id", list(missing))
        _write_text(absent, "reason", list(missing.values()))
        if audit is not None:
            _write_text(self._file, "audit", [json.dumps(audit.as_dict(), ensure_ascii=False)])
        statistics = self._statistics(rows["train"])
        self._write_attributes(statistics)
        digests = {name: [row.digest for row in kept] for name, kept in rows.items()}
        stamp = Stamp(
            FORMAT,
            digest_of_cache(self._header, digests),
            dict(inputs),
            dict(question),
            dict(provenance),
            dict(hints),
            checksum=artifact.checksum(besides_clips(self._header, statistics)),
        )
        artifact.stamp_hdf5(self._file, stamp)
        return stamp

    def _close_up(self, split: str) -> list[_Row]:
        """Move the clips after a missing one forward, and cut the arrays to what is there."""
        written = list(self.rows(split).values())
        group = self._file[split]
        for part in self._header.arrays:
            for target, source in enumerate(written):
                if target != source:
                    group[part][target] = group[part][source]
            group[part].resize(len(written), axis=0)
        return [row for row in self._rows[split] if row is not None]

    def _statistics(self, train: list[_Row]) -> dict[str, Any]:
        """Of the training split: of all of its audio, or of each value of its embeddings."""
        if self._header.kind == "embedding":
            found: dict[str, Any] = {}
            for part, (shape, _) in self._header.arrays.items():
                # A shard may have no clip of train: what there is then is replaced by the merge.
                values = self._file["train"][part][:] if train else np.zeros((1, *shape))
                found[f"{part}_mean"] = values.mean(axis=0, dtype=np.float64)
                found[f"{part}_std"] = values.std(axis=0, dtype=np.float64)
            return found
        # math.fsum is exact, so that the order of arrival cannot change the last bit.
        values = max(1, len(train) * math.prod(self._header.audio_shape))
        average = math.fsum(row.total for row in train) / values
        variance = math.fsum(row.squares for row in train) / values - average**2
        return {"audio_mean": average, "audio_std": math.sqrt(max(variance, 0.0))}

    def _write_attributes(self, statistics: Mapping[str, Any]) -> None:
        header = self._header
        attributes: dict[str, Any] = {
            "kind": header.kind,
            "dataset": header.dataset,
            "classes": list(header.classes),
            "augment": header.augment,
            "audio_recipe": json.dumps(parameters(header.audio_recipe)),
            "frame_recipe": json.dumps(parameters(header.frame_recipe)),
            **statistics,
        }
        if header.sound:
            attributes["sound_rate"] = SOUND_RATE
        for name, value in attributes.items():
            artifact.put_attribute(self._file, name, value)


def _write_text(group: Any, name: str, values: list[str]) -> None:
    import h5py

    group.create_dataset(name, data=np.array(values, dtype=object), dtype=h5py.string_dtype())


@contextmanager
def write_cache(path: Path, header: Header, sizes: Mapping[str, int]) -> Iterator[CacheWriter]:
    """A new cache to write; sizes: the clips planned per split. OSError: the disk refuses."""
    with artifact.create_hdf5(path) as (file, check_disk):
        yield CacheWriter(file, check_disk, header, sizes)
