"""The cache file: written in any order, checked when opened, its digest that of its content."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from avgap import artifact
from avgap.data.cache.header import Header
from avgap.data.cache.reader import digest_of_file, open_cache
from avgap.data.cache.writer import write_cache
from avgap.errors import InputError
from avgap.settings import AudioRecipe, FrameRecipe

# 800 samples, hop 100: 9 frames of 33 bins.
HEADER = Header(
    "csv", ("a", "b"), True, AudioRecipe("tiny", 8000, 0.1, 64, 100), FrameRecipe(count=2, size=4)
)


def write(path: Path, order: list[int], *, lost: tuple[int, ...] = (), meta: str = "s1") -> str:
    """Clips c0…c5 in train and c6 in test, arriving in this order; returns the digest."""
    sizes = {"train": 6, "val": 0, "test": 1}
    with artifact.atomic(path) as part, write_cache(part, HEADER, sizes) as writer:
        for number in order:
            if number in lost:
                continue
            generator = np.random.default_rng(number)
            audio = generator.normal(number, 1, HEADER.audio_shape)
            visual = generator.integers(0, 256, HEADER.visual_shape, np.uint8)
            place = ("test", 0) if number == 6 else ("train", number)
            writer.put(*place, f"c{number}", number % 2, audio, visual, {"speaker": meta})
        missing = {f"c{number}": "no such file" for number in lost}
        return writer.finish(missing, {}, {"seed": 0}, artifact.provenance(), {}).digest


def test_clips_come_back_in_their_places_whatever_order_they_arrived_in(tmp_path):
    digest = write(tmp_path / "a.h5", [6, 3, 0, 5, 1, 4, 2])
    assert digest == write(tmp_path / "b.h5", [0, 1, 2, 3, 4, 5, 6])
    train = open_cache(tmp_path / "a.h5").split("train")
    assert train.id == ["c0", "c1", "c2", "c3", "c4", "c5"]
    assert train.label.tolist() == [0, 1, 0, 1, 0, 1]
    assert (train.audio.dtype, train.audio.shape) == (np.float16, (6, 33, 9))
    assert (train.visual.dtype, train.visual.shape) == (np.uint8, (6, 2, 4, 4, 3))
    assert np.round(train.audio.mean(axis=(1, 2), dtype=float)).tolist() == [0, 1, 2, 3, 4, 5]
    assert train.meta == {"speaker": ["s1"] * 6}


def test_missing_clips_leave_no_hole(tmp_path):
    write(tmp_path / "a.h5", [0, 1, 2, 3, 4, 5, 6], lost=(0, 3))
    cache = open_cache(tmp_path / "a.h5")
    assert cache.sizes == {"train": 4, "val": 0, "test": 1}
    assert cache.missing == {"c0": "no such file", "c3": "no such file"}
    train = cache.split("train")
    assert train.id == ["c1", "c2", "c4", "c5"]
    assert np.round(train.audio.mean(axis=(1, 2), dtype=float)).tolist() == [1, 2, 4, 5]


def test_statistics_are_those_of_the_training_split(tmp_path):
    write(tmp_path / "a.h5", [0, 1, 2, 3, 4, 5, 6])
    cache = open_cache(tmp_path / "a.h5")
    audio = cache.split("train").audio.astype(np.float64)
    assert cache.audio_mean == pytest.approx(audio.mean(), rel=1e-12)
    assert cache.audio_std == pytest.approx(audio.std(), rel=1e-12)


def test_the_digest_is_of_the_content_and_can_be_computed_from_the_file(tmp_path):
    digest = write(tmp_path / "a.h5", [0, 1, 2, 3, 4, 5, 6])
    assert digest_of_file(tmp_path / "a.h5") == digest
    assert write(tmp_path / "b.h5", [0, 1, 2, 3, 4, 5, 6], meta="another") == digest
    assert write(tmp_path / "c.h5", [0, 1, 2, 3, 4, 5, 6], lost=(5,)) != digest
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file["train/visual"][3, 0, 0, 0, 0] ^= 1
    assert digest_of_file(tmp_path / "a.h5") != digest


def test_frames_replaced_while_writing_count_in_the_digest(tmp_path):
    with write_cache(tmp_path / "a.h5", HEADER, {"train": 1, "val": 0, "test": 0}) as writer:
        audio = np.zeros(HEADER.audio_shape)
        visual = np.full(HEADER.visual_shape, 9, np.uint8)
        writer.put("train", 0, "c", 0, audio, visual, {})
        writer.replace_visual("train", 0, writer.visual("train", 0) // 3)
        digest = writer.finish({}, {}, {}, {}, {}).digest
    assert digest_of_file(tmp_path / "a.h5") == digest
    assert open_cache(tmp_path / "a.h5").split("train").visual.max() == 3


def test_unknown_and_empty_splits_say_what_there_is(tmp_path):
    write(tmp_path / "a.h5", [0, 1, 2, 3, 4, 5, 6])
    cache = open_cache(tmp_path / "a.h5")
    with pytest.raises(InputError) as unknown:
        cache.split("validation")
    assert str(unknown.value) == (
        f"{tmp_path / 'a.h5'} has no split 'validation'\n  train: 6 clips\n  test: 1 clips"
    )
    with pytest.raises(InputError, match="has no clips in its split 'val'"):
        cache.meta("val")


def test_a_truncated_cache_is_refused(tmp_path):
    path = tmp_path / "a.h5"
    write(path, [0, 1, 2, 3, 4, 5, 6])
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(InputError, match="cannot be read as HDF5"):
        open_cache(path)


@pytest.mark.parametrize(
    ("part", "value", "line"),
    [
        ("train/label", np.zeros(5, "<i8"), "train/id is |O (6,), expected O (5,)"),
        ("test/audio", np.zeros((1, 33, 8), "<f2"), "expected <f2 (1, 33, 9)"),
        ("test/visual", np.zeros((1, 2, 4, 4, 3), "<f4"), "expected |u1 (1, 2, 4, 4, 3)"),
        ("test/visual", None, "test has no visual"),
        ("val", None, "val is no group"),
        ("train/meta/speaker", np.zeros(6), "train/meta/speaker is <f8 (6,)"),
    ],
)
def test_shapes_that_disagree_are_refused(tmp_path, part, value, line):
    path = tmp_path / "a.h5"
    write(path, [0, 1, 2, 3, 4, 5, 6])
    with h5py.File(path, "r+") as file:
        del file[part]
        if value is not None:
            file[part] = value
    with pytest.raises(InputError, match="is corrupt") as caught:
        open_cache(path)
    assert line in str(caught.value)


def test_labels_outside_the_classes_are_refused(tmp_path):
    path = tmp_path / "a.h5"
    write(path, [0, 1, 2, 3, 4, 5, 6])
    with h5py.File(path, "r+") as file:
        file["train/label"][2] = 2
    with pytest.raises(InputError, match="a label is not one of its classes"):
        open_cache(path).split("train")


def test_another_artifact_is_refused(tmp_path):
    path = tmp_path / "a.h5"
    write(path, [0, 1, 2, 3, 4, 5, 6])
    with h5py.File(path, "r+") as file:
        file.attrs["format"] = "avgap.gaps"
    with pytest.raises(InputError, match="is a table of gaps, not a cache"):
        open_cache(path)
    path.write_text("no artifact")
    with pytest.raises(InputError, match="cannot be read as HDF5"):
        open_cache(path)


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_data_cache_reader import write
from avgap.errors import OutputError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))
try:
    write(Path(sys.argv[2]), [0, 1, 2, 3, 4, 5, 6])
except OutputError as error:
    print(error.what)
"""


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path):
    pytest.importorskip("resource", reason="limits of file size are POSIX")
    path = tmp_path / "a.h5"
    here = str(Path(__file__).parent)
    # In a process of its own: HDF5 keeps what it could not write until the end.
    command = [sys.executable, "-c", FULL_DISK, here, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == f"cannot write {path}\n"
    assert list(tmp_path.iterdir()) == []


def test_what_decides_about_weights_beside_the_clips_has_a_checksum(tmp_path):
    path = tmp_path / "a.h5"
    write(path, [0, 1, 2, 3, 4, 5, 6])
    whole = path.read_bytes()
    for name, value in (("augment", False), ("audio_mean", 0.25), ("audio_std", 2.0)):
        path.write_bytes(whole)
        with h5py.File(path, "r+") as file:
            assert file.attrs[name] != value
            file.attrs[name] = value
        with pytest.raises(InputError, match="is not what its stamp says") as told:
            open_cache(path)
        assert [line.split(":")[0] for line in told.value.details] == ["checksum"]
        with h5py.File(path, "r+") as file:
            del file.attrs["checksum"]  # as an older avgap wrote it
        assert open_cache(path).stamp.checksum is None


@pytest.mark.parametrize("name", ["train/audio", "train/id", "test", "missing", "train/meta"])
def test_a_group_in_place_of_a_dataset_and_the_reverse_are_refused(tmp_path, name):
    path = tmp_path / "a.h5"
    write(path, [0, 1, 2, 3, 4, 5, 6])
    with h5py.File(path, "r+") as file:
        group = isinstance(file[name], h5py.Group)
        del file[name]
        if group:
            file[name] = np.zeros(3)
        else:
            file.create_group(name)
    with pytest.raises(InputError, match="is corrupt"):
        open_cache(path)
