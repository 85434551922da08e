"""A folder of pictures instead of a video."""

from __future__ import annotations

import numpy as np
import pytest
from media import frame_numbers, grey
from PIL import Image

from avgap.data.clip import MediaError
from avgap.data.media.frames import read_frames
from avgap.data.media.pictures import picture_files, shown_at


def write_pictures(folder, count, step=1):
    folder.mkdir(parents=True)
    for number in range(count):
        picture = np.full((12, 16, 3), grey(number), np.uint8)
        Image.fromarray(picture).save(folder / f"{number * step}.png")
    return folder


def test_pictures_are_ordered_by_number_and_shown_at_the_rate_of_the_folders_name(tmp_path):
    folder = write_pictures(tmp_path / "Image-05-FPS" / "c1", 12)
    assert [path.name for path in picture_files(folder)][:3] == ["0.png", "1.png", "2.png"]
    times, end = shown_at(folder, 12)
    assert (times[1], end) == (0.2, 2.4)
    assert shown_at(write_pictures(tmp_path / "frames" / "c1", 3), 3)[1] == 3.0


def test_frames_are_chosen_as_from_a_video(tmp_path):
    folder = write_pictures(tmp_path / "Image-10-FPS" / "c1", 12, step=3)
    assert frame_numbers(read_frames(folder, 3, 8)) == [2, 6, 10]
    assert frame_numbers(read_frames(folder, 2, 8, start=0.2, end=0.6)) == [3, 5]
    assert frame_numbers(read_frames(folder, 2, 8, sampling="first")) == [0, 1]
    assert read_frames(folder, 3, 8).shape == (3, 8, 8, 3)


def test_damaged_and_missing_pictures_are_told(tmp_path):
    folder = write_pictures(tmp_path / "f" / "c1", 1)
    (folder / "0.png").write_bytes(b"no picture")
    with pytest.raises(MediaError, match=r"0\.png is damaged"):
        read_frames(folder, 1, 8)
    (folder / "0.png").unlink()
    with pytest.raises(MediaError, match="a folder without pictures"):
        read_frames(folder, 1, 8)
