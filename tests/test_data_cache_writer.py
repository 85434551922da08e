"""Clips written past HDF5's selections land where an assignment would put them."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from avgap.data.cache.header import Header
from avgap.data.cache.reader import digest_of_file, open_cache
from avgap.data.cache.writer import ClipArray, write_cache
from avgap.settings import Embedding


def test_clips_are_read_back_as_they_were_put_in_any_order(tmp_path):
    rng = np.random.default_rng(0)
    clips = rng.normal(size=(5, 3, 4)).astype("<f2")
    with h5py.File(tmp_path / "a.h5", "w", rdcc_nbytes=0) as file:
        array = ClipArray(file, "audio", 2, (3, 4), "<f2")
        array.resize(6)
        for row in (4, 0, 3, 1):
            array.put(row, clips[row])
        array.put(4, np.asfortranarray(clips[2]))  # written anew, and not in C order
        array.resize(5)
    with h5py.File(tmp_path / "a.h5", "r") as file:
        there = file["audio"][:]
    assert there.dtype == np.dtype("<f2")
    assert (there == np.stack([clips[0], clips[1], np.zeros((3, 4)), clips[3], clips[2]])).all()


def test_a_clip_of_another_shape_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        array = ClipArray(file, "visual", 1, (2, 2), "u1")
        with pytest.raises(ValueError, match=r"shape \(4,\), where \(2, 2\) is expected"):
            array.put(0, np.zeros(4, np.uint8))


def test_very_many_classes_and_very_long_embeddings_are_written_and_read_back(tmp_path):
    classes = tuple(f"speaker {i}" for i in range(6_000))
    header = Header("embeddings", classes, False, Embedding(9_000), Embedding(2))
    audio = np.random.default_rng(0).normal(size=(2, 9_000)).astype("f4")
    path = tmp_path / "c.h5"
    with write_cache(path, header, {"train": 2, "val": 0, "test": 0}) as writer:
        for row in range(2):
            writer.put("train", row, f"x{row}", 5_999, audio[row], np.zeros(2, "f4"), {})
        writer.finish({}, {}, {}, {}, {})
    cache = open_cache(path)
    assert cache.classes == classes
    np.testing.assert_allclose(cache.audio_mean, audio.mean(axis=0, dtype=np.float64))
    assert cache.labels("train") == {"x0": 5_999, "x1": 5_999}
    assert digest_of_file(path) == cache.stamp.digest
