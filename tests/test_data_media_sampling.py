"""Which frames are kept, by hand and as two decoders read them from a film of numbered frames."""

from __future__ import annotations

import numpy as np
import pytest
from media import frame_numbers, read_frames, write_dataset, write_video

from avgap.data.cache.reader import open_cache
from avgap.data.media.sampling import choose, frame_rate
from avgap.errors import OutputError, UsageError
from avgap.prepare import prepare
from avgap.settings import AudioRecipe, FrameRecipe

TEN_PER_SECOND = np.arange(20) / 10  # 2 s

# sampling, start, end (s), count → frames of a film with ten per second
EXPECTED = [
    ("uniform", 0, 2, 4, [2, 7, 12, 17]),  # on display at 0.25, 0.75, 1.25, 1.75 s
    ("uniform", 0.5, 0.7, 4, [5, 5, 6, 6]),
    ("first", 0, 2, 3, [0, 1, 2]),
    ("first", 0.55, 2, 3, [5, 6, 7]),  # frame 5 is on display at 0.55 s
    ("first", 0.3, 0.5, 4, [3, 4, 4, 4]),  # frame 5 comes when the window ends
    ("middle", 0, 2, 4, [8, 9, 10, 11]),
    ("middle", 0, 2, 3, [8, 9, 10]),
    ("middle", 1, 1.5, 1, [12]),
    ("middle", 1, 1.2, 3, [10, 11, 11]),
    ("fps:1", 0, 2, 3, [0, 10, 10]),  # 0 and 1 s; the window ends at 2 s
    ("fps:3", 0, 2, 3, [0, 3, 6]),  # 0, 0.33, 0.67 s
    ("fps:3", 0.5, 2, 5, [5, 8, 11, 15, 18]),  # 0.5, 0.83, 1.17, 1.5, 1.83 s
    ("fps:40", 0, 2, 5, [0, 0, 0, 0, 1]),  # faster than the film: each as long as it is shown
    ("fps:0.1", 0, 2, 2, [0, 0]),
    ("fps:20", 0, 0.201, 5, [0, 0, 1, 1, 1]),  # a window of 0.2 s, rounded: none at 0.2 s
]


@pytest.mark.parametrize(("sampling", "start", "end", "count", "frames"), EXPECTED)
def test_frames_are_chosen_by_when_they_are_on_display(sampling, start, end, count, frames):
    assert choose(TEN_PER_SECOND, start, end, count, sampling) == frames


@pytest.mark.parametrize("decoder", ["pyav", "decord"])
@pytest.mark.parametrize(("sampling", "start", "end", "count", "frames"), EXPECTED)
def test_both_decoders_read_these_frames(film, decoder, sampling, start, end, count, frames):
    found = read_frames(film, count, 32, start, end, decoder, sampling)
    assert frame_numbers(found) == frames


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("film") / "a.mp4", frames=20)


def test_prepare_keeps_these_frames_and_another_sampling_is_another_question(tmp_path):
    root = write_dataset(tmp_path / "media", {"train": 2, "test": 2})  # 0.5 s, ten per second
    sound, first = AudioRecipe("tiny", 8000, 0.5, 64, 100), FrameRecipe(2, 16, "first")
    cache = tmp_path / "c.h5"
    prepare("csv", root, cache, audio=sound, frames=first, workers=1)
    there = open_cache(cache)
    assert there.frame_recipe == first
    assert [frame_numbers(frames) for frames in there.split("train").visual] == [[0, 1]] * 2
    with pytest.raises(OutputError, match=r"frames\.sampling: first there, middle asked for"):
        prepare("csv", root, cache, audio=sound, frames=FrameRecipe(2, 16, "middle"), workers=1)


def test_frames_of_variable_rate_count_by_their_time():
    times = np.array([0, 1, 2, 3, 10, 18, 19]) / 10
    assert choose(times, 0, 2, 4, "fps:2") == [0, 3, 4, 4]  # 0, 0.5, 1, 1.5 s
    assert choose(times, 0, 2, 3, "middle") == [2, 3, 4]
    assert choose(times, 1.2, 2, 3, "first") == [4, 5, 6]


@pytest.mark.parametrize("sampling", ["uniform", "first", "middle", "fps:25"])
def test_a_single_frame_fills_every_place(sampling):
    assert choose(np.array([0.0]), 0, 0.04, 3, sampling) == [0, 0, 0]


@pytest.mark.parametrize(
    ("sampling", "message"),
    [
        ("unifrom", "unknown sampling 'unifrom'\n.*\n  try: uniform"),
        ("fps:RATE", "'fps:RATE' names no frame rate"),
        ("fps:0", "'fps:0' names no frame rate"),
        ("fps:inf", "'fps:inf' names no frame rate"),
        ("fps", "'fps' names no frame rate"),
    ],
)
def test_a_sampling_that_does_not_exist_is_refused(sampling, message):
    with pytest.raises(UsageError, match=message):
        choose(TEN_PER_SECOND, 0, 2, 3, sampling)


def test_a_rate_may_be_a_fraction():
    assert frame_rate("fps:29.97") == 29.97
    assert frame_rate("middle") is None
