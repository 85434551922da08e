"""Whether media files are still the same: by size and time, and by their bytes where in doubt."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from avgap.data.clip import Clip
from avgap.data.media import fingerprint


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    (tmp_path / "a.mp4").write_bytes(b"frames")
    (tmp_path / "a.wav").write_bytes(b"sound")
    return Clip("a", "x", "train", video=tmp_path / "a.mp4", audio=tmp_path / "a.wav")


def remembered(clip: Clip) -> dict[str, str]:
    return {clip.id: fingerprint.describe(clip, fingerprint.states(clip))}


def test_size_time_and_content_of_every_file_are_remembered(clip):
    video, audio = fingerprint.parse(remembered(clip)["a"])
    assert (video.state.size, audio.state.size) == (6, 5)
    assert video.state.modified == clip.video.stat().st_mtime_ns
    assert video.sha256 == hashlib.sha256(b"frames").hexdigest()


def test_untouched_files_are_the_same(clip):
    assert fingerprint.changes([clip], remembered(clip)) == []


def test_a_file_that_was_only_touched_is_the_same(clip):
    before = remembered(clip)
    os.utime(clip.video, ns=(1, 1))
    assert fingerprint.changes([clip], before) == []


def test_other_bytes_of_the_same_size_are_a_change(clip):
    before = remembered(clip)
    clip.video.write_bytes(b"Frames")
    os.utime(clip.video, ns=(1, 1))
    assert fingerprint.changes([clip], before) == ["a: a.mp4 changed, 6 bytes as before"]


def test_another_size_and_a_lost_file_are_told(clip):
    before = remembered(clip)
    clip.video.write_bytes(b"more frames")
    clip.audio.unlink()
    assert fingerprint.changes([clip], before) == [
        "a: a.mp4 changed, 6 → 11 bytes",
        "a: a.wav is gone",
    ]


def test_clips_that_are_not_remembered_are_not_judged(clip):
    assert fingerprint.changes([clip], {}) == []


def test_a_folder_of_pictures_counts_as_its_files(tmp_path):
    (tmp_path / "f").mkdir()
    for number in range(2):
        (tmp_path / "f" / f"{number}.jpg").write_bytes(b"12345")
    clip = Clip("a", "x", "train", video=tmp_path / "f")
    before = remembered(clip)
    assert fingerprint.states(clip)[0].size == 10
    (tmp_path / "f" / "1.jpg").write_bytes(b"54321")
    os.utime(tmp_path / "f" / "1.jpg", ns=(1 << 61, 1 << 61))
    assert fingerprint.changes([clip], before) == ["a: f changed, 10 bytes as before"]
