"""Media are found by their names, wherever they lie, and nothing is passed over in silence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from media import write_video

from avgap.data.datasets.cremad import cremad
from avgap.data.datasets.folder import find_media, why_broken
from avgap.errors import InputError

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"


def put(path: Path, text: str = "content") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_links_to_folders_are_followed_and_each_folder_is_read_once(tmp_path):
    put(tmp_path / "disk" / "a.mp4")
    root = tmp_path / "root"
    root.mkdir()
    (root / "VideoFlash").symlink_to(tmp_path / "disk")
    (root / "round").symlink_to(root)
    (root / "again").symlink_to(tmp_path / "disk")
    assert find_media(root).videos == {"a": root / "VideoFlash" / "a.mp4"}


def test_hidden_folders_are_passed_over(tmp_path):
    put(tmp_path / ".git" / "a.mp4")
    assert find_media(tmp_path).videos == {}


def test_pictures_stand_in_for_a_video_that_is_only_a_pointer(tmp_path):
    put(tmp_path / "video" / "a.mp4", POINTER)
    put(tmp_path / "frames" / "a" / "1.jpg")
    assert find_media(tmp_path).videos == {"a": tmp_path / "frames" / "a"}
    put(tmp_path / "video" / "a.mp4")
    assert find_media(tmp_path).videos == {"a": tmp_path / "video" / "a.mp4"}


def test_a_folder_that_cannot_be_read_is_an_error_and_no_missing_clips(tmp_path, monkeypatch):
    put(tmp_path / "open" / "a.mp4")
    put(tmp_path / "shut" / "b.mp4")
    scandir = os.scandir

    def guarded(path):
        if Path(path).name == "shut":  # chmod means nothing to root
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    with pytest.raises(InputError) as caught:
        find_media(tmp_path)
    assert str(caught.value) == f"{tmp_path / 'shut'} cannot be read\n  Permission denied"


@pytest.mark.skipif(os.name != "posix", reason="file names are bytes on POSIX alone")
def test_names_that_are_no_text_cost_their_clip(tmp_path):
    video = write_video(tmp_path / "1001_DFA_ANG_XX.mp4")
    folder = tmp_path / os.fsdecode(b"\xff")
    (folder / "1003_DFA_ANG_XX").mkdir(parents=True)
    for name in ("1002_DFA_ANG_XX.mp4", "1003_DFA_ANG_XX/1.jpg"):
        (folder / name).write_bytes(video.read_bytes())
    reasons = {clip.id: clip.broken for clip in cremad(tmp_path).clips}
    assert reasons["1001_DFA_ANG_XX"] == ""
    assert reasons["1002_DFA_ANG_XX"] == "1002_DFA_ANG_XX.mp4: its path is not UTF-8: rename it"
    pictures = find_media(tmp_path).videos["1003_DFA_ANG_XX"]
    assert why_broken(pictures, video) == "1003_DFA_ANG_XX: its path is not UTF-8: rename it"
