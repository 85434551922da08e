"""merge: the shards of a cache become the file that one run would have written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from media import write_dataset, write_video

from avgap.data.cache.reader import digest_of_file, open_cache
from avgap.data.cache.shards import Shard
from avgap.errors import InputError, OutputError
from avgap.merge import merge
from avgap.prepare import prepare
from avgap.settings import AudioRecipe, FrameRecipe, Network, Training
from avgap.warmup import warmup

AUDIO = AudioRecipe("tiny", 8000, 0.5, 64, 100)
FRAMES = FrameRecipe(count=2, size=16)


def run(root: Path, output: Path, shard: str | None = None, **options):
    share = None if shard is None else Shard(*map(int, shard.split("/")))
    return prepare(
        "csv", root, output, audio=AUDIO, frames=FRAMES, workers=1, shard=share, **options
    )


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """Eight clips for training and three for testing; half a second of rising grey."""
    return write_dataset(tmp_path_factory.mktemp("source"), {"train": 8, "test": 3})


@pytest.fixture(scope="module")
def shards(source, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    for number in (1, 2, 3):
        run(source, folder / f"{number}.h5", f"{number}/3", corrupt="visual:0.5")
    return folder


def contents(path: Path) -> dict[str, object]:
    """Every dataset and attribute of a file but when and how long it was made."""
    found: dict[str, object] = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: (
                found.update({name: item[()].tolist()}) if isinstance(item, h5py.Dataset) else None
            )
        )
        found |= {k: str(v) for k, v in file.attrs.items() if k not in ("provenance", "hints")}
    return found


def test_shards_become_the_file_that_one_run_writes(source, shards, tmp_path):
    one = run(source, tmp_path / "one.h5", corrupt="visual:0.5")
    merged = merge([shards], tmp_path / "merged.h5")
    assert (merged.status, merged.digest) == ("merged", one.digest)
    assert (merged.sizes, merged.counts) == (one.sizes, one.counts)
    assert contents(tmp_path / "merged.h5") == contents(tmp_path / "one.h5")
    assert digest_of_file(tmp_path / "merged.h5") == one.digest
    # The whole answers the question of one run: prepare confirms it.
    assert run(source, tmp_path / "merged.h5", corrupt="visual:0.5").status == "up to date"
    assert merge([shards], tmp_path / "merged.h5").status == "up to date"


def test_the_order_in_which_shards_are_named_does_not_matter(shards, tmp_path):
    paths = [shards / f"{number}.h5" for number in (3, 1, 2)]
    assert merge(paths, tmp_path / "a.h5").digest == merge([shards], tmp_path / "b.h5").digest


def test_components_of_all_training_frames_are_right_with_shards_too(tmp_path):
    root = tmp_path / "varied"
    write_dataset(root, {"train": 6, "test": 2})
    for number in range(6):
        write_video(root / f"train-{number}.mp4", frames=5, size=(32 + 16 * number, 48))
    corrupt = "visual:0.5:pca25"
    one = run(root, tmp_path / "one.h5", corrupt=corrupt)
    for number in (1, 2):
        run(root, tmp_path / f"{number}.h5", f"{number}/2", corrupt=corrupt)
    merged = merge([tmp_path / "1.h5", tmp_path / "2.h5"], tmp_path / "merged.h5")
    assert merged.digest == one.digest


def test_clips_left_out_of_shards_are_missing_from_the_whole(tmp_path):
    root = write_dataset(tmp_path / "broken", {"train": 4, "test": 2})
    for name in ("test-1", "train-0"):
        (root / f"{name}.mp4").write_bytes(b"")
    one = run(root, tmp_path / "one.h5", allow_missing=2)
    for number in (1, 2):
        run(root, tmp_path / f"{number}.h5", f"{number}/2", allow_missing=2)
    merged = merge([tmp_path / "1.h5", tmp_path / "2.h5"], tmp_path / "merged.h5")
    assert (merged.missing, merged.digest) == (one.missing, one.digest)
    assert contents(tmp_path / "merged.h5") == contents(tmp_path / "one.h5")


def test_missing_and_doubled_shards_are_named(shards, tmp_path):
    (tmp_path / "again.h5").write_bytes((shards / "2.h5").read_bytes())
    with pytest.raises(InputError) as caught:
        merge([shards / "2.h5", tmp_path / "again.h5"], tmp_path / "a.h5")
    assert str(caught.value).splitlines() == [
        "1 of 3 shards can be merged",
        "  1/3 is missing",
        "  3/3 is missing",
        f"  2/3 is there 2 times: {shards / '2.h5'}, {tmp_path / 'again.h5'}",
    ]
    assert not (tmp_path / "a.h5").exists()


def test_shards_of_another_question_are_named_with_the_difference(source, shards, tmp_path):
    run(source, tmp_path / "3.h5", "3/3", corrupt="visual:0.5", seed=7)
    with pytest.raises(InputError, match="these are not shards of one cache") as caught:
        merge([shards / "1.h5", shards / "2.h5", tmp_path / "3.h5"], tmp_path / "a.h5")
    assert f"{shards / '1.h5'} and {tmp_path / '3.h5'}: seed: 0 there, 7 asked for" in str(
        caught.value
    )


def test_shards_of_another_division_and_whole_caches_are_refused(source, shards, tmp_path):
    run(source, tmp_path / "b.h5", "2/2", corrupt="visual:0.5")
    with pytest.raises(InputError, match="shards of different divisions"):
        merge([shards / "1.h5", tmp_path / "b.h5"], tmp_path / "a.h5")
    merge([shards], tmp_path / "whole.h5")
    with pytest.raises(InputError, match="only shards can be merged"):
        merge([tmp_path / "whole.h5"], tmp_path / "a.h5")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no file ending in h5"):
        merge([tmp_path / "empty"], tmp_path / "a.h5")


def test_a_shard_is_never_overwritten_by_the_whole(shards):
    with pytest.raises(OutputError):
        merge([shards], shards / "1.h5", force=True)
    assert open_cache(shards / "1.h5").shard == "1/3"


def test_nothing_is_trained_on_a_shard(shards, tmp_path):
    with pytest.raises(InputError) as caught:
        warmup(
            shards / "1.h5",
            tmp_path / "warmup",
            loss="joint",
            network=Network("small", "small"),
            settings=Training(epochs=1),
        )
    assert str(caught.value) == (
        f"{shards / '1.h5'} is shard 1/3 of a cache, not the whole\n"
        "  try: avgap merge SHARD... -o cache.h5"
    )
    assert not (tmp_path / "warmup").exists()


def test_a_shard_is_an_artifact_of_its_own(source, shards):
    shard = open_cache(shards / "2.h5")
    assert shard.stamp.parameters["shard"] == "2/3"
    # Sorted: 3 test clips come after 7 of train and 1 of val; every third from the second.
    assert sum(shard.sizes.values()) == 4
    assert digest_of_file(shards / "2.h5") == shard.stamp.digest
    ids = [clip.id for clip in shard.clips("train")]
    assert ids == list(shard.labels("train"))
    assert np.isfinite(shard.audio_mean)
    assert run(source, shards / "2.h5", "2/3", corrupt="visual:0.5").status == "up to date"


def test_a_shard_that_was_altered_is_refused(shards, tmp_path):
    for path in shards.glob("*.h5"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with h5py.File(tmp_path / "2.h5", "r+") as file:
        file["train/visual"][0] = 0
    with pytest.raises(InputError) as caught:
        merge([tmp_path], tmp_path / "whole.h5")
    assert str(caught.value).startswith(f"{tmp_path / '2.h5'} is corrupt")
    assert not (tmp_path / "whole.h5").exists()


def test_the_whole_may_lie_among_its_shards(shards, tmp_path):
    for path in shards.glob("*.h5"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert merge([tmp_path], tmp_path / "whole.h5").status == "merged"
    assert merge([tmp_path], tmp_path / "whole.h5").status == "up to date"


@pytest.mark.parametrize("share", ["3/2", "0/2", "x/2", "2"])
def test_a_share_that_cannot_be_is_refused(shards, tmp_path, share):
    altered = shutil.copytree(shards, tmp_path / "shards") / "2.h5"
    with h5py.File(altered, "r+") as file:
        parameters = json.loads(file.attrs["parameters"])
        file.attrs["parameters"] = json.dumps(parameters | {"shard": share})
    with pytest.raises(InputError, match=rf"2.h5 is corrupt\n  there is no share {share}"):
        merge([tmp_path / "shards"], tmp_path / "merged.h5")


def test_a_label_that_is_no_class_is_refused(shards, tmp_path):
    altered = shutil.copytree(shards, tmp_path / "shards") / "2.h5"
    with h5py.File(altered, "r+") as file:
        file["train/label"][0] = 99
    with pytest.raises(InputError, match="a label is not one of its classes"):
        merge([tmp_path / "shards"], tmp_path / "merged.h5")
