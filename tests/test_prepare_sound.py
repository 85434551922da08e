"""--keep-sound: kept as it was heard, at 16 kHz, through shards, and played by the report."""

from __future__ import annotations

import base64
import io
import wave
from pathlib import Path

import h5py
import pytest
from media import write_dataset

from avgap.data.cache.reader import open_cache
from avgap.data.cache.shards import Shard
from avgap.data.media.spectrogram import SOUND_RATE
from avgap.errors import OutputError
from avgap.merge import merge
from avgap.prepare import prepare
from avgap.report.clips import clips_of
from avgap.settings import AudioRecipe, FrameRecipe

AUDIO = AudioRecipe("tiny", 8000, 0.75, 64, 100)


def run(root: Path, output: Path, **options):
    recipes = {"audio": AUDIO, "frames": FrameRecipe(2, 16), "workers": 1}
    return prepare("csv", root, output, **recipes, **{"keep_sound": True, **options})


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("source"), {"train": 4, "test": 2})


def test_sound_is_kept_beside_the_arrays_and_changes_no_digest(source, tmp_path):
    plain = run(source, tmp_path / "plain.h5", keep_sound=False)
    made = run(source, tmp_path / "a.h5")
    assert made.digest == plain.digest
    assert open_cache(tmp_path / "a.h5").sound
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["train/sound"].shape == (made.sizes["train"], 12000)
        assert file.attrs["sound_rate"] == SOUND_RATE
        assert "train/sound" not in h5py.File(tmp_path / "plain.h5")
    with pytest.raises(OutputError, match="answers another question"):
        run(source, tmp_path / "plain.h5")


def test_shards_keep_sound_through_the_merge(source, tmp_path):
    run(source, tmp_path / "one.h5")
    for number in (1, 2):
        run(source, tmp_path / f"{number}.h5", shard=Shard(number, 2))
    merge([tmp_path / "1.h5", tmp_path / "2.h5"], tmp_path / "merged.h5")
    with h5py.File(tmp_path / "one.h5") as one, h5py.File(tmp_path / "merged.h5") as merged:
        assert (one["train/sound"][:] == merged["train/sound"][:]).all()


def test_the_report_plays_it(source, tmp_path):
    run(source, tmp_path / "a.h5")
    cache = open_cache(tmp_path / "a.h5")
    clips = clips_of(cache, "test")
    uri = clips.pictures("test-0").sound
    kind, _, text = uri.partition(",")
    assert kind == "data:audio/wav;base64"
    with wave.open(io.BytesIO(base64.b64decode(text))) as file:
        assert (file.getframerate(), file.getnframes(), file.getnchannels()) == (
            SOUND_RATE,
            12000,
            1,
        )
