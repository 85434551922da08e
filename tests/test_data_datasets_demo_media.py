"""The dataset demo: media files written once, read like any others."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from media import read_frames

from avgap.data.clip import check
from avgap.data.datasets import DATASETS, demo_media
from avgap.data.media.sound import read_sound


@pytest.fixture
def few(monkeypatch):
    """Two clips per digit for training, one for testing."""
    monkeypatch.setattr(demo_media, "PER_DIGIT", {"train": 2, "val": 0, "test": 1})


def test_the_demo_is_written_once_and_listed_from_its_table(tmp_path, few):
    found = DATASETS["demo"](tmp_path / "demo")
    check(found, "demo")
    assert Counter(clip.split for clip in found.clips) == {"train": 20, "test": 10}
    assert found.classes == tuple("0123456789")
    assert not found.augment
    assert not any(clip.broken for clip in found.clips)
    corrupt = [clip for clip in found.clips if clip.meta["corrupt"] == "visual:noise"]
    assert len(corrupt) == 6  # a fifth of 30
    table = tmp_path / "demo" / "clips.csv"
    before = table.stat().st_mtime_ns
    DATASETS["demo"](tmp_path / "demo")
    assert table.stat().st_mtime_ns == before


def test_the_same_clips_come_out_every_time(tmp_path, few):
    arrays = []
    for name in ("a", "b"):
        clip = DATASETS["demo"](tmp_path / name).clips[7]
        arrays.append((read_frames(clip.video, 3, 64), read_sound(clip.video, 16000)))
    assert (arrays[0][0] == arrays[1][0]).all()
    assert (arrays[0][1] == arrays[1][1]).all()


def test_the_sound_holds_the_two_tones_of_its_digit(tmp_path, few):
    for clip in DATASETS["demo"](tmp_path).clips[:4]:
        digit = int(clip.label)
        spectrum = np.abs(np.fft.rfft(read_sound(clip.video, 16000)[:16000]))
        for tone in (demo_media._LOW[digit // 3], demo_media._HIGH[digit % 3]):
            near = spectrum[round(tone * 0.985) : round(tone * 1.015)].max()
            assert near > 3 * np.median(spectrum)


def test_no_image_is_used_twice():
    scenes = demo_media._scenes()
    assert len(scenes) == 1300
    assert sum(scene.corrupt for scene in scenes) == 260
    assert len({scene.image.tobytes() for scene in scenes}) >= 1299  # two look alike


def test_an_interrupted_writing_is_done_again(tmp_path, few, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(demo_media, "_film", stop)
        with pytest.raises(KeyboardInterrupt):
            DATASETS["demo"](tmp_path)
    assert not (tmp_path / "clips.csv").exists()
    assert len(DATASETS["demo"](tmp_path).clips) == 30
