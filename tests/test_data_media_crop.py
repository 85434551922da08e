"""A box of every picture, cut before it is resized."""

from __future__ import annotations

import os
from pathlib import Path

import av
import numpy as np
import pytest
from media import read_frames, write_video
from PIL import Image

from avgap.data.clip import Clip, MediaError
from avgap.data.media import frames as media_frames
from avgap.data.media.crop import Box, cut, parse
from avgap.data.media.decode import Job, decode
from avgap.errors import UsageError
from avgap.settings import AudioRecipe, FrameRecipe

# 64 × 48 px in four quarters.
QUARTERS = {Box(0, 0, 32, 24): 40, Box(32, 0, 32, 24): 90, Box(0, 24, 32, 24): 150}
LAST = Box(32, 24, 32, 24)  # 210


def quarters() -> np.ndarray:
    picture = np.full((48, 64, 3), 210, np.uint8)
    for box, level in QUARTERS.items():
        picture[box.y : box.y + box.height, box.x : box.x + box.width] = level
    return picture


def test_a_box_is_cut_where_it_says():
    picture = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    assert cut(picture, Box(1, 2, 3, 1)).tolist() == picture[2:3, 1:4].tolist()
    assert cut(picture, Box(0, 0, 5, 4)).tolist() == picture.tolist()
    assert cut(picture, None) is picture


@pytest.mark.parametrize("box", [Box(60, 0, 5, 5), Box(0, 44, 5, 5), Box(64, 48, 1, 1)])
def test_a_box_that_reaches_out_of_the_picture_is_told_with_both_sizes(box):
    with pytest.raises(MediaError) as caught:
        cut(quarters(), box)
    assert str(caught.value) == (
        f"its picture has 64×48 px, and the box to crop ends at {box.x + box.width},"
        f"{box.y + box.height}"
    )


def test_a_box_for_all_is_four_whole_numbers():
    assert parse("72,136,88,76") == Box(72, 136, 88, 76)
    assert parse("0, 0, 1.0, 1") == Box(0, 0, 1, 1)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("72,136,88", ("expected X,Y,WIDTH,HEIGHT: whole numbers of px from the upper left",)),
        ("", ("expected X,Y,WIDTH,HEIGHT: whole numbers of px from the upper left",)),
        (
            "-1,x,0,1.5",
            (
                "x is -1, below 0",
                "y is 'x', not a whole number of pixels",
                "width is 0, below 1",
                "height is '1.5', not a whole number of pixels",
            ),
        ),
        (
            "0,0,inf,nan",
            (
                "width is 'inf', not a whole number of pixels",
                "height is 'nan', not a whole number of pixels",
            ),
        ),
    ],
)
def test_what_is_no_box_is_told_all_at_once(text, lines):
    with pytest.raises(UsageError, match="is no box") as caught:
        parse(text)
    assert caught.value.details == lines


@pytest.mark.parametrize(("box", "level"), [*QUARTERS.items(), (LAST, 210)])
def test_pictures_are_cropped_before_they_are_resized(tmp_path, box, level):
    Image.fromarray(quarters()).save(tmp_path / "0.png")
    whole = media_frames.read_frames(tmp_path, 1, 8)
    part = media_frames.read_frames(tmp_path, 1, 8, crop=box)
    assert part.shape == (1, 8, 8, 3)
    assert (part == level).all()
    assert len(np.unique(whole)) >= 4


@pytest.mark.parametrize("decoder", ["pyav", "decord"])
def test_frames_of_a_film_are_cropped_before_they_are_resized(tmp_path, decoder):
    path = write_video(tmp_path / "film.mp4", frames=4)
    full = read_frames(path, 2, 64, decoder=decoder)
    assert (read_frames(path, 2, 64, decoder=decoder, crop=Box(0, 0, 64, 48)) == full).all()
    part = read_frames(path, 2, 16, decoder=decoder, crop=Box(8, 4, 16, 16))
    assert part.shape == (2, 16, 16, 3)
    with pytest.raises(MediaError, match="its picture has 64×48 px"):
        read_frames(path, 2, 16, decoder=decoder, crop=Box(50, 0, 16, 16))


def test_a_picture_of_its_own_is_cropped_and_a_box_outside_names_the_file(tmp_path):
    sound = write_video(tmp_path / "film.mp4", frames=10)
    job = Job(AudioRecipe("tiny", 8000, 0.5, 64, 100), FrameRecipe(1, 8), "auto", None, 0)
    image = quarters()[..., 0]
    found = decode(Clip("c", "a", "train", image=image, audio=sound, crop=LAST), job)
    assert (found.visual == 210).all()
    with pytest.raises(MediaError, match=r"^film\.mp4: its picture has 64×48 px"):
        decode(Clip("c", "a", "train", video=sound, crop=Box(0, 0, 65, 48)), job)


@pytest.mark.data
@pytest.mark.parametrize("decoder", ["pyav", "decord"])
@pytest.mark.parametrize(("name", "turns"), [("video_90", 3), ("video_270", 1)])
def test_the_box_of_a_rotated_film_counts_in_the_picture_as_it_is_shown(name, turns, decoder):
    root = os.environ.get("AVGAP_TEST_DATA")
    if not root:
        pytest.skip("needs real media: set AVGAP_TEST_DATA to their folder")
    path = Path(root) / "fixtures" / "media" / f"decord__{name}.mov"
    with av.open(str(path)) as container:
        stored = next(container.decode(video=0)).to_ndarray(format="rgb24")
    upright = np.rot90(stored, turns)
    assert upright.shape == (568, 320, 3)
    box = Box(200, 400, 64, 64)
    part = read_frames(path, 1, 64, 0, 0.01, decoder, crop=box)[0].astype(int)
    assert np.abs(part - upright[400:464, 200:264]).max() <= 1
    with pytest.raises(MediaError, match="its picture has 320×568 px"):
        read_frames(path, 1, 64, 0, 0.01, decoder, crop=Box(400, 200, 64, 64))
