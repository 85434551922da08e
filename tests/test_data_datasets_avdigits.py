"""The dataset avdigits: spoken digits paired with handwritten ones."""

from __future__ import annotations

import gzip
import struct
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from avgap.data.clip import Clip
from avgap.data.datasets import DATASETS
from avgap.data.datasets.avdigits import Handwriting, pair
from avgap.data.splitting import hold_out_val
from avgap.errors import InputError


@pytest.fixture
def root(tmp_path):
    """Two digits, two speakers, eight recordings each."""
    folder = tmp_path / "fsdd" / "recordings"
    folder.mkdir(parents=True)
    for digit in (3, 7):
        for speaker in ("anna", "bo"):
            for index in range(8):
                soundfile.write(folder / f"{digit}_{speaker}_{index}.wav", np.zeros(80), 8000)
    (folder / "README.md").write_text("not a recording")
    return tmp_path / "fsdd"


def test_recordings_0_to_4_of_each_speaker_and_digit_are_the_test_set(root):
    found = DATASETS["avdigits"](root)
    assert found.classes == ("3", "7")
    assert not found.augment
    assert Counter((clip.label, clip.split) for clip in found.clips) == {
        ("3", "test"): 10,
        ("3", ""): 6,
        ("7", "test"): 10,
        ("7", ""): 6,
    }
    clip = next(clip for clip in found.clips if clip.id == "7_bo_5")
    assert clip.split == ""
    assert clip.meta == {"audio": "recordings/7_bo_5.wav", "speaker": "bo"}


def test_each_clip_gets_an_image_of_its_digit_and_no_image_is_in_two_splits(root):
    from sklearn.datasets import load_digits

    found = DATASETS["avdigits"](root)
    clips = found.complete(hold_out_val(found.clips, 0.25, 0)[0])
    digits = load_digits()
    for clip in clips:
        number = int(clip.meta["image"].removeprefix("sklearn:"))
        assert digits.target[number] == int(clip.label)
        assert np.abs(clip.image - digits.images[number] * 255 / 16).max() <= 0.5
    assert len({clip.meta["image"] for clip in clips}) == len(clips)
    again = found.complete(hold_out_val(found.clips, 0.25, 0)[0])
    assert [clip.meta["image"] for clip in again] == [clip.meta["image"] for clip in clips]


def test_where_images_are_few_they_return_within_their_split_alone():
    images = np.arange(6 * 4, dtype=np.uint8).reshape(6, 2, 2)
    written = Handwriting(images, np.zeros(6, np.int64), "x")
    clips = [
        Clip(f"{i:02}", "0", "train" if i < 12 else "val" if i < 14 else "test") for i in range(20)
    ]
    paired = pair(written, clips)
    by_split = {
        split: Counter(c.meta["image"] for c in paired if c.split == split)
        for split in ("train", "val", "test")
    }
    # 6 images over 12, 2 and 6 clips: cuts at 3.6, 4.2 and 6, rounded 4, 4 and 6, leave val without
    # any, so that it gets one of training's.
    assert {split: len(counts) for split, counts in by_split.items()} == {
        "train": 3,
        "val": 1,
        "test": 2,
    }
    everything = [image for counts in by_split.values() for image in counts]
    assert len(everything) == len(set(everything)) == 6
    assert max(by_split["train"].values()) - min(by_split["train"].values()) <= 1


def test_fewer_images_than_splits_is_an_error():
    written = Handwriting(np.zeros((1, 2, 2), np.uint8), np.zeros(1, np.int64), "x")
    clips = [Clip("a", "0", "train"), Clip("b", "0", "test")]
    with pytest.raises(InputError, match="too few images of the digit 0: 1"):
        pair(written, clips)


@pytest.mark.parametrize("packed", [False, True])
def test_mnist_files_in_the_root_come_first(root, packed):
    images = np.random.default_rng(0).integers(0, 256, (60, 28, 28), np.uint8)
    labels = np.repeat([3, 7], 30).astype(np.uint8)
    files = {
        "t10k-images-idx3-ubyte": struct.pack(">4B3i", 0, 0, 8, 3, *images.shape)
        + images.tobytes(),
        "t10k-labels-idx1-ubyte": struct.pack(">4Bi", 0, 0, 8, 1, 60) + labels.tobytes(),
    }
    (root / "mnist").mkdir()
    for name, raw in files.items():
        suffix, raw = (".gz", gzip.compress(raw)) if packed else ("", raw)
        (root / "mnist" / (name + suffix)).write_bytes(raw)
    found = DATASETS["avdigits"](root)
    clips = found.complete([replace(clip, split=clip.split or "train") for clip in found.clips])
    number = int(clips[0].meta["image"].removeprefix("mnist:"))
    assert (clips[0].image == images[number]).all()
    assert labels[number] == int(clips[0].label)


def test_a_damaged_mnist_file_and_a_folder_without_recordings_are_errors(root, tmp_path):
    (root / "t10k-images-idx3-ubyte").write_bytes(b"not an idx file")
    with pytest.raises(InputError, match="t10k-images-idx3-ubyte cannot be read"):
        DATASETS["avdigits"](root)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no recordings named"):
        DATASETS["avdigits"](tmp_path / "empty")
    with pytest.raises(InputError, match="is no folder"):
        DATASETS["avdigits"](tmp_path / "nowhere")
