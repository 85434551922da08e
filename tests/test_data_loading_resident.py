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
from avgap.data.loading.resident import Part, batches, make_room, resident
from avgap.errors import InputError
from avgap.settings import Network, Running, Training
from avgap.warmup import warmup

CPU = torch.device("cpu")


def parts(cache: Path, place: str, rows: range | None = None) -> list[Part]:
    data = resident(open_cache(cache), "train", CPU, place, rows)
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(1))
    return [Part(*(a.clone() for a in part)) for part in batches(data, order.split(16))]


@pytest.mark.parametrize("place", ["host", "file"])
@pytest.mark.parametrize("rows", [None, range(7, 50)])
def test_every_place_gives_the_same_batches(cache: Path, place: str, rows: range | None) -> None:
    one, other = parts(cache, "device", rows), parts(cache, place, rows)
    assert len(one) == len(other) > 2
    for mine, theirs in zip(one, other, strict=True):
        for a, b in zip(mine, theirs, strict=True):
            assert a.dtype == b.dtype
            assert torch.equal(a, b)


def test_training_from_the_file_gives_the_same_weights(cache: Path, tmp_path: Path) -> None:
    digests = set()
    for place in ("device", "file"):
        settings = Training(epochs=2, batch_size=16, optimizer="adam", lr=3e-3, augment="on")
        run = warmup(
            cache,
            tmp_path / place,
            loss="joint",
            network=Network("small", "small"),
            settings=settings,
            running=Running("cpu", place),
        )
        digests.add(read_checkpoint(run.path).stamp.digest)
    assert len(digests) == 1


def test_data_larger_than_the_free_memory_stays_in_its_file(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert resident(open_cache(cache), "train", CPU).place == "device"
    monkeypatch.setattr(module, "free_memory", lambda: 1000.0)
    assert resident(open_cache(cache), "train", CPU).place == "file"


def test_parts_lie_in_one_place_which_may_be_given(cache: Path) -> None:
    data = resident(open_cache(cache), "train", CPU)
    room = make_room(data, 16)
    places = {
        (part.audio.data_ptr(), part.visual.data_ptr(), part.rows.data_ptr())
        for part in batches(data, torch.arange(len(data)).split(16), room)
    }
    assert places == {(room.audio.data_ptr(), room.visual.data_ptr(), room.rows.data_ptr())}


def test_a_compressed_cache_cannot_be_mapped_and_says_so(cache: Path) -> None:
    with h5py.File(cache, "r+") as file:
        group = file["train"]
        values = group["audio"][:]
        del group["audio"]
        group.create_dataset("audio", data=values, chunks=(1, *RECIPE.shape), compression="gzip")
    with pytest.raises(InputError, match="cannot be read from where it lies") as caught:
        resident(open_cache(cache), "train", CPU, "file")
    assert "/train/audio is compressed" in caught.value.details[0]


@pytest.mark.parametrize("place", ["device", "file"])
def test_a_label_that_is_no_class_is_found_wherever_the_data_lies(cache: Path, place: str) -> None:
    with h5py.File(cache, "r+") as file:
        file["train/label"][3] = len(CLASSES)
    with pytest.raises(InputError, match="is corrupt"):
        resident(open_cache(cache), "train", CPU, place)


def test_types_and_shapes_are_those_of_the_cache(tmp_path: Path) -> None:
    data = resident(open_cache(make_cache(tmp_path / "c.h5")), "val", CPU, "file")
    audio, visual = data.source.like
    assert (audio.dtype, tuple(audio.shape)) == (torch.float16, (0, *RECIPE.shape))
    assert (visual.dtype, tuple(visual.shape)) == (torch.uint8, (0, *FRAMES.shape))
    assert np.array_equal(data.label, np.arange(15) % 3)
