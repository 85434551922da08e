"""The three places of a split give the same batches."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from conftest import CLASSES, FRAMES, RECIPE, make_cache

from avgap.artifact.checkpoint import read_checkpoint
from avgap.data.cache.reader import open_cache
from avgap.data.loading import resident as module
from avgap.data.loading.resident import (
    RawBatch,
    Splits,
    batches,
    contiguous_batches,
    make_buffer,
    resident,
    subset,
)
from avgap.errors import InputError
from avgap.settings import Network, Running, Training
from avgap.warmup import warmup

CPU = torch.device("cpu")


def parts(cache: Path, location: str, rows: range | None = None) -> list[RawBatch]:
    data = resident(open_cache(cache), "train", CPU, location, rows)
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(1))
    return [RawBatch(*(a.clone() for a in raw)) for raw in batches(data, order.split(16))]


@pytest.mark.parametrize("location", ["host", "file"])
@pytest.mark.parametrize("rows", [None, range(7, 50)])
def test_every_location_gives_the_same_batches(
    cache: Path, location: str, rows: range | None
) -> None:
    one, other = parts(cache, "device", rows), parts(cache, location, rows)
    assert len(one) == len(other) > 2
    for mine, theirs in zip(one, other, strict=True):
        for a, b in zip(mine, theirs, strict=True):
            assert a.dtype == b.dtype
            assert torch.equal(a, b)


@pytest.mark.parametrize("location", ["device", "host", "file"])
def test_a_subset_gives_its_rows_and_copies_nothing(cache: Path, location: str) -> None:
    whole = resident(open_cache(cache), "train", CPU, location)
    rows = torch.tensor([50, 3, 4, 17, 0])
    part = subset(whole, rows)
    assert part.id == ["train-50", "train-3", "train-4", "train-17", "train-0"]
    assert part.source.source is whole.source
    expected = [RawBatch(*(a.clone() for a in raw)) for raw in batches(whole, [rows])]
    for found in (batches(part, [torch.arange(5)]), contiguous_batches(part, range(5), 5)):
        (raw,) = found
        for mine, theirs in zip(raw[:3], expected[0][:3], strict=True):
            assert torch.equal(mine, theirs)
        assert raw.rows.tolist() == [0, 1, 2, 3, 4]


def test_splits_read_each_split_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    splits = Splits(open_cache(cache), CPU, "file")
    train = splits["train"]
    monkeypatch.setattr(module, "resident", None)
    assert splits["train"] is train
    assert (len(train), train.location, list(splits.held)) == (60, "file", ["train"])


def test_training_from_the_file_gives_the_same_weights(cache: Path, tmp_path: Path) -> None:
    digests = set()
    for location in ("device", "file"):
        settings = Training(epochs=2, batch_size=16, optimizer="adam", lr=3e-3, augment="on")
        run = warmup(
            cache,
            tmp_path / location,
            loss="joint",
            network=Network("small", "small"),
            settings=settings,
            running=Running("cpu", location),
        )
        digests.add(read_checkpoint(run.path).stamp.digest)
    assert len(digests) == 1


def test_data_larger_than_the_free_memory_stays_in_its_file(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert resident(open_cache(cache), "train", CPU).location == "device"
    monkeypatch.setattr(module, "free_memory", lambda: 1000.0)
    assert resident(open_cache(cache), "train", CPU).location == "file"


def test_parts_lie_in_one_place_which_may_be_given(cache: Path) -> None:
    data = resident(open_cache(cache), "train", CPU)
    buffer = make_buffer(data, 16)
    places = {
        (raw.audio.data_ptr(), raw.visual.data_ptr(), raw.rows.data_ptr())
        for raw in batches(data, torch.arange(len(data)).split(16), buffer)
    }
    assert places == {(buffer.audio.data_ptr(), buffer.visual.data_ptr(), buffer.rows.data_ptr())}


def test_a_compressed_cache_cannot_be_mapped_and_says_so(cache: Path) -> None:
    with h5py.File(cache, "r+") as file:
        group = file["train"]
        values = group["audio"][:]
        del group["audio"]
        group.create_dataset("audio", data=values, chunks=(1, *RECIPE.shape), compression="gzip")
    with pytest.raises(InputError, match="cannot be read from where it lies") as caught:
        resident(open_cache(cache), "train", CPU, "file")
    assert "/train/audio is compressed" in caught.value.details[0]


@pytest.mark.parametrize("location", ["device", "file"])
def test_a_label_that_is_no_class_is_found_wherever_the_data_lies(
    cache: Path, location: str
) -> None:
    with h5py.File(cache, "r+") as file:
        file["train/label"][3] = len(CLASSES)
    with pytest.raises(InputError, match="is corrupt"):
        resident(open_cache(cache), "train", CPU, location)


def test_types_and_shapes_are_those_of_the_cache(tmp_path: Path) -> None:
    data = resident(open_cache(make_cache(tmp_path / "c.h5")), "val", CPU, "file")
    audio, visual = data.source.like
    assert (audio.dtype, tuple(audio.shape)) == (torch.float16, (0, *RECIPE.shape))
    assert (visual.dtype, tuple(visual.shape)) == (torch.uint8, (0, *FRAMES.shape))
    assert np.array_equal(data.label, np.arange(15) % 3)
