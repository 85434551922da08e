"""The clips of a cache: their columns, their pictures, and which were corrupted on purpose."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avgap.artifact.gaps import Gaps
from avgap.data.cache.reader import open_cache
from avgap.mixture.model import Component, Mixture
from avgap.report.clips import (
    clips_of,
    corrupted_auc,
    corrupted_precision,
    imbalance,
    picture_of_spectrogram,
    strip_of_frames,
)


def test_columns_of_the_cache_follow_the_ids_and_media_are_found_beside_the_list(cache):
    clips = clips_of(open_cache(cache), "train")
    assert clips.columns(["train-59", "nobody", "train-0"]) == {"corrupt": ["", "", "visual:noise"]}
    assert replace(clips, root=Path("data/set")).source("a/b.mp4") == "data/set/a/b.mp4"
    assert replace(clips, root=Path("data/clips.csv")).source("a/b.mp4") == "data/a/b.mp4"
    assert replace(clips, root=Path("data")).source("") == ""
    assert replace(clips, root=None).source("a/b.mp4") == "a/b.mp4"


def test_corrupted_auc_is_that_of_the_posterior_against_the_known_truth(cache, tmp_path):
    mixture = Mixture(Component(0.75, 0.0, 0.01), Component(0.25, 0.7, 0.01))
    gap = np.zeros(60)
    gap[:15] = 0.7  # the corrupted clips
    clips = clips_of(open_cache(cache), "train")
    ids = [f"train-{i}" for i in range(60)]
    assert corrupted_auc(Gaps(gap=gap, id=ids), mixture, clips) == 1
    gap[0], gap[59] = 0.0, 0.7  # one missed of 15, one of 45 taken for corrupted
    # P(corrupted above clean) = (14·44 + ½·(14·1 + 1·44)) / (15·45)
    expected = (14 * 44 + (14 + 44) / 2) / (15 * 45)
    assert corrupted_auc(Gaps(gap=gap, id=ids), mixture, clips) == pytest.approx(expected)
    # Of the 15 of highest posterior 14 are corrupted.
    assert corrupted_precision(Gaps(gap=gap, id=ids), mixture, clips) == pytest.approx(14 / 15)


def test_samples_of_one_balanced_group_are_ranked_by_the_size_of_their_gap():
    alone = Mixture(Component(1.0, 0.0, 0.01))
    assert imbalance(np.array([0.1, -0.9, 0.5]), alone).tolist() == [0.1, 0.9, 0.5]


def test_corrupted_auc_is_unknown_without_the_truth_of_every_clip(cache):
    mixture = Mixture(Component(0.75, 0.0, 0.01), Component(0.25, 0.7, 0.01))
    clips = clips_of(open_cache(cache), "train")
    gap = np.linspace(0, 1, 3)
    assert corrupted_auc(Gaps(gap=gap), mixture, clips) is None
    assert corrupted_auc(Gaps(gap=gap, id=["x", "y", "z"]), mixture, clips) is None
    known = ["train-0", "train-1", "train-2"]
    assert corrupted_auc(Gaps(gap=gap, id=known), mixture, clips) is None


def test_low_frequencies_lie_at_the_bottom_of_the_picture():
    audio = np.zeros((4, 10), np.float16)
    audio[0] = 5  # the lowest frequency is loud
    picture = np.asarray(picture_of_spectrogram(audio).convert("L"))
    assert picture[3].min() > picture[:3].max()


def test_large_frames_are_made_small():
    frames = np.zeros((5, 256, 256, 3), np.uint8)
    assert strip_of_frames(frames).size == (288, 96)
