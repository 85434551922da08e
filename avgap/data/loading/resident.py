"""A split held where there is room for it, for a whole run: nothing is decoded or read twice.

Three locations, the same batches from each: `device` (a gather on the device), `host` (gathered by
a thread into pinned memory while the last batch is computed, then copied) and `file` (the same,
from the cache itself, memory-mapped). On a CPU device and host are one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Generator, Tensor

from avgap.data.cache.reader import Cache
from avgap.data.loading.mapped import map_split
from avgap.data.loading.memory import free_memory

_SLAB = 512  # clips read at a time on their way to a GPU
_SPARE_DEVICE = 4 << 30  # bytes left for weights, activations and graphs
_SHARE_HOST = 0.7  # of the memory that is free


class Source(Protocol):
    """Where the arrays of N samples lie: shapes and types, and a gather of rows."""

    @property
    def like(self) -> tuple[Tensor, Tensor]:
        """Two empty tensors with the shape of one sample and the type: of audio, of visual."""
        ...

    def gather(self, rows: Tensor, audio: Tensor, visual: Tensor) -> None:
        """Fill audio (B, …) and visual (B, …) with the rows (B,)."""
        ...


@dataclass(frozen=True)
class InMemory:
    """Samples in memory: audio (N, F, T) float16 and visual (N, K, H, W, 3) uint8, or (N, d)."""

    audio: Tensor
    visual: Tensor

    @property
    def like(self) -> tuple[Tensor, Tensor]:
        """As Source."""
        return self.audio[:0], self.visual[:0]

    def gather(self, rows: Tensor, audio: Tensor, visual: Tensor) -> None:
        """As Source; the rows lie where the samples lie."""
        torch.index_select(self.audio, 0, rows, out=audio)
        torch.index_select(self.visual, 0, rows, out=visual)


@dataclass(frozen=True)
class Rows:
    """Some samples of another source, uncopied: of n of its rows, index (n,) where it lies."""

    source: Source
    index: Tensor

    @property
    def like(self) -> tuple[Tensor, Tensor]:
        """As Source."""
        return self.source.like

    def gather(self, rows: Tensor, audio: Tensor, visual: Tensor) -> None:
        """As Source."""
        self.source.gather(self.index[rows], audio, visual)


@dataclass(frozen=True)
class Resident:
    """N samples for a device: ids, labels (N,) int64 on it, and the arrays at their location."""

    id: list[str]
    label: Tensor
    source: Source
    location: str  # device | host | file

    def __len__(self) -> int:
        return len(self.id)

    @property
    def device(self) -> torch.device:
        """Where the batches are computed."""
        return self.label.device


def subset(data: Resident, rows: Tensor) -> Resident:
    """Some samples of a split by their rows, (n,) on the CPU; the arrays stay where they lie."""
    label = data.label[rows.to(data.device)]
    index = rows.to(data.device) if data.location == "device" else rows
    return Resident(
        [data.id[i] for i in rows.tolist()], label, Rows(data.source, index), data.location
    )


class RawBatch(NamedTuple):
    """B samples of a split as they are stored, on the device, and their rows (B,)."""

    audio: Tensor
    visual: Tensor
    label: Tensor
    rows: Tensor


def resident(
    cache: Cache, name: str, device: torch.device, location: str = "auto", rows: range | None = None
) -> Resident:
    """A split of a cache, or some of its rows, at the first location that has room for it.

    Raises InputError as Cache.split.
    """
    rows = range(cache.sizes.get(name, 0)) if rows is None else rows
    location = _first_with_room(cache, len(rows), device) if location == "auto" else location
    if device.type == "cpu" and location == "host":
        location = "device"
    if location == "file":
        split, source = map_split(cache, name, rows)
        return Resident(split.id, torch.from_numpy(split.label).to(device), source, location)
    home = torch.device("cpu") if location == "host" else device
    ids, audio, visual, label = _load(cache, name, rows, home, pinned=location == "host")
    return Resident(ids, label.to(device), InMemory(audio, visual), location)


@dataclass(frozen=True)
class Splits:
    """The splits of a cache for a device: each is read when it is first asked for, and stays."""

    cache: Cache
    device: torch.device
    location: str = "auto"
    held: dict[str, Resident] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Resident:
        """The split of this name. Raises InputError as `resident`."""
        if name not in self.held:
            self.held[name] = resident(self.cache, name, self.device, self.location)
        return self.held[name]


def _load(
    cache: Cache, name: str, rows: range, home: torch.device, *, pinned: bool
) -> tuple[list[str], Tensor, Tensor, Tensor]:
    """Ids, audio, visual and label of some rows; slab by slab where they do not stay as read."""
    stays = home.type == "cpu" and not pinned
    step = len(rows) if stays else _SLAB
    ids: list[str] = []
    held: list[Tensor] = []
    for start in range(0, max(len(rows), 1), max(step, 1)):
        split = cache.split(name, rows[start : start + step])
        ids += split.id
        slab = [torch.from_numpy(array) for array in (split.audio, split.visual, split.label)]
        if stays:
            held = slab
            break
        held = held or [
            torch.empty((len(rows), *a.shape[1:]), dtype=a.dtype, device=home, pin_memory=pinned)
            for a in slab
        ]
        for there, array in zip(held, slab, strict=True):
            there[start : start + len(array)].copy_(array)
    audio, visual, label = held
    return ids, audio, visual, label


def _first_with_room(cache: Cache, clips: int, device: torch.device) -> str:
    """The first location with room for so many clips, and a fifth for what lies beside them."""
    needed = 1.2 * clips * sum(
        int(np.prod(shape)) * np.dtype(kind).itemsize
        for name, (shape, kind) in cache.header.arrays.items() if name != "sound"
    )  # fmt: skip
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        if needed < free - _SPARE_DEVICE:
            return "device"
    return "host" if needed < _SHARE_HOST * free_memory() else "file"


def batches(
    data: Resident, chunks: Sequence[Tensor], buffer: RawBatch | None = None
) -> Iterator[RawBatch]:
    """A raw batch for each chunk of row numbers, (B,) on the CPU.

    All lie in the same memory, in buffer if it is given: one is good until the next is asked for.
    Fresh memory for each costs a CPU sixteen times as much as the copying, and a captured graph
    reads one address.
    """
    if not chunks:
        return
    most = max(map(len, chunks))
    gpu = data.device.type == "cuda"
    buffer = buffer or make_buffer(data, most)
    rows, start = torch.cat(list(chunks)).to(data.device), 0
    staged = _read_ahead(data, chunks, most) if data.location != "device" else None
    for chunk in chunks:
        n = len(chunk)
        raw = RawBatch(*(array[:n] for array in buffer))
        raw.rows.copy_(rows[start : start + n])
        torch.index_select(data.label, 0, raw.rows, out=raw.label)
        if staged is None:
            data.source.gather(raw.rows, raw.audio, raw.visual)
        else:
            staging = next(staged)
            if gpu:
                raw.audio.copy_(staging.audio[:n], non_blocking=True)
                raw.visual.copy_(staging.visual[:n], non_blocking=True)
                staging.copied = torch.cuda.current_stream().record_event()
            else:
                raw = raw._replace(audio=staging.audio[:n], visual=staging.visual[:n])
        yield raw
        start += n


def contiguous_batches(data: Resident, rows: range, size: int) -> Iterator[RawBatch]:
    """Adjacent rows in order, at most size at a time; on the device as they lie, uncopied."""
    if not isinstance(data.source, InMemory) or data.location != "device":
        yield from batches(data, torch.arange(rows.start, rows.stop).split(size) if rows else ())
        return
    for start in range(rows.start, rows.stop, size):
        here = slice(start, min(start + size, rows.stop))
        index = torch.arange(here.start, here.stop, device=data.device)
        yield RawBatch(data.source.audio[here], data.source.visual[here], data.label[here], index)


def make_buffer(data: Resident, most: int) -> RawBatch:
    """Memory on the device for batches of at most so many samples."""
    audio, visual = (
        torch.empty((most, *like.shape[1:]), dtype=like.dtype, device=data.device)
        for like in data.source.like
    )
    label = data.label.new_empty(most)
    return RawBatch(audio, visual, label, torch.empty_like(label))


@dataclass
class _StagingBuffer:
    """Host memory for a raw batch, pinned for a GPU.

    copied: when the device had it, None if it never read it.
    """

    audio: Tensor
    visual: Tensor
    copied: torch.cuda.Event | None = None


def _read_ahead(data: Resident, chunks: Sequence[Tensor], most: int) -> Iterator[_StagingBuffer]:
    """Raw batches gathered by a thread, one ahead of the one in use."""
    pinned = data.device.type == "cuda"

    def new() -> _StagingBuffer:
        audio, visual = (
            torch.empty((most, *like.shape[1:]), dtype=like.dtype, pin_memory=pinned)
            for like in data.source.like
        )
        return _StagingBuffer(audio, visual)

    buffers = new(), new()

    def fill(number: int) -> _StagingBuffer:
        staging, rows = buffers[number % 2], chunks[number]
        if staging.copied is not None:  # the device may still be reading it
            staging.copied.synchronize()
        data.source.gather(rows, staging.audio[: len(rows)], staging.visual[: len(rows)])
        return staging

    with ThreadPoolExecutor(1, "avgap-read-ahead") as reader:
        ahead = reader.submit(fill, 0)
        for number in range(1, len(chunks) + 1):
            staging = ahead.result()
            if number < len(chunks):
                ahead = reader.submit(fill, number)
            yield staging


def generator(device: torch.device | str, *key: int) -> Generator:
    """A generator whose state is a function of the key, such as (seed, epoch, purpose)."""
    seed = int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0])
    return Generator(device).manual_seed(seed & (2**63 - 1))
