"""prepare: noise at a stated ratio, and corrupted training clips beside clean ones to test on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from media import write_dataset

from avgap.data.cache.reader import open_cache
from avgap.data.cache.shards import Shard
from avgap.errors import OutputError, UsageError
from avgap.merge import merge
from avgap.prepare import Prepared, prepare
from avgap.settings import AudioRecipe, FrameRecipe

AUDIO = AudioRecipe("tiny", 8000, 0.5, 64, 100)
FRAMES = FrameRecipe(count=2, size=16)


def run(root: Path, output: Path, **options) -> Prepared:
    return prepare("csv", root, output, audio=AUDIO, frames=FRAMES, workers=1, **options)


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """Eight clips for training, two for validation, four for testing."""
    return write_dataset(tmp_path_factory.mktemp("source"), {"train": 8, "val": 2, "test": 4})


def flags(path: Path) -> dict[str, list[str]]:
    """The column `corrupt` of each split, without the clean clips."""
    cache = open_cache(path)
    return {s: [f for f in cache.meta(s)["corrupt"] if f] for s in ("train", "val", "test")}


def test_noise_at_a_ratio_is_marked_with_it_and_shards_make_the_same(source, tmp_path):
    options = {"corrupt": "audio:0.5:white:-5dB", "seed": 3}
    whole = run(source, tmp_path / "a.h5", **options)
    mark = "audio:white:-5dB"
    assert flags(tmp_path / "a.h5") == {"train": [mark] * 4, "val": [mark], "test": [mark] * 2}
    assert open_cache(tmp_path / "a.h5").stamp.parameters["corrupt"] == "audio:0.5:white:-5dB"
    for number in (1, 2):
        run(source, tmp_path / f"{number}.h5", shard=Shard(number, 2), **options)
    merged = merge([tmp_path / "1.h5", tmp_path / "2.h5"], tmp_path / "b.h5")
    assert merged.digest == whole.digest
    with pytest.raises(OutputError, match="answers another question") as caught:
        run(source, tmp_path / "a.h5", corrupt="audio:0.5:white:0dB", seed=3)
    assert any("audio:0.5:white:0dB asked for" in line for line in caught.value.details)


def test_noise_at_a_ratio_is_the_difference_to_the_clean_sound(source, tmp_path):
    """At +60 dB the tone is as it was; at −60 dB every bin has as much as any other."""
    spread = {}
    for name, corrupt in (("clean", None), ("faint", "60dB"), ("loud", "-60dB")):
        how = None if corrupt is None else f"audio:1:white:{corrupt}"
        run(source, tmp_path / f"{name}.h5", corrupt=how)
        spread[name] = open_cache(tmp_path / f"{name}.h5").split("train").audio.mean(axis=(0, 2))
    for name in ("clean", "faint"):  # 440 Hz at 8,000 / 64 = 125 Hz per bin
        assert spread[name].argmax() in (3, 4)
    inner = spread["loud"][1:-1].astype(float)
    assert np.ptp(inner) < 1.5  # in logarithms, where the clean sound's differ by more than 5
    assert np.ptp(spread["clean"][1:-1].astype(float)) > 5


@pytest.mark.parametrize("kind", ["visual:0.5:noise", "visual:0.5:pca25", "audio:0.5:silence"])
def test_training_alone_can_be_corrupted_in_the_same_clips(source, tmp_path, kind):
    run(source, tmp_path / "all.h5", corrupt=kind)
    run(source, tmp_path / "train.h5", corrupt=kind, corrupt_splits="train")
    run(source, tmp_path / "clean.h5")
    everywhere, trained, clean = (
        open_cache(tmp_path / f"{name}.h5") for name in ("all", "train", "clean")
    )
    assert [len(f) for f in flags(tmp_path / "all.h5").values()] == [4, 1, 2]
    assert [len(f) for f in flags(tmp_path / "train.h5").values()] == [4, 0, 0]
    for split, as_in in (("train", everywhere), ("val", clean), ("test", clean)):
        found, expected = trained.split(split), as_in.split(split)
        assert (found.visual == expected.visual).all()
        assert (found.audio == expected.audio).all()
        assert found.meta["corrupt"] == expected.meta["corrupt"]


def test_where_is_in_the_question_only_where_it_is_not_everywhere(source, tmp_path):
    output = tmp_path / "a.h5"
    run(source, output, corrupt="visual:0.5", corrupt_splits="all")
    assert "corrupt_splits" not in open_cache(output).stamp.parameters
    assert run(source, output, corrupt="visual:0.5").status == "up to date"
    with pytest.raises(OutputError) as caught:
        run(source, output, corrupt="visual:0.5", corrupt_splits="train")
    assert "corrupt_splits: absent there, train asked for" in caught.value.details
    run(source, output, corrupt="visual:0.5", corrupt_splits="train", force=True)
    assert open_cache(output).stamp.parameters["corrupt_splits"] == "train"


def test_where_without_what_is_told(source, tmp_path):
    with pytest.raises(UsageError, match="--corrupt-splits says where, not what"):
        run(source, tmp_path / "a.h5", corrupt_splits="train")
