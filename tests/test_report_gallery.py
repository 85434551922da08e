"""The gallery: which samples it shows, what it knows of them, and their pictures."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from runs import WARMUP, gaps_of, write_table

from avgap.artifact.gaps import Gaps, read_gaps
from avgap.data.cache.reader import open_cache
from avgap.mixture.model import Component, Mixture
from avgap.report.gallery import (
    clips_of,
    galleries,
    imbalance,
    planted_auc,
    planted_precision,
    samples,
)
from avgap.report.pictures import picture_of_spectrogram, strip_of_frames


def test_the_side_of_the_larger_gaps_comes_first_and_shows_more():
    gap = np.r_[np.linspace(0.5, 0.9, 20), np.linspace(-0.4, -0.2, 20)]
    shown = galleries(gap)
    assert list(shown) == ["audio", "visual"]
    assert shown["audio"] == list(range(19, 7, -1))  # twelve, the largest first
    assert shown["visual"] == [20, 21, 22, 23, 24, 25]
    assert list(galleries(-gap)) == ["visual", "audio"]


def test_gaps_near_zero_are_not_worth_showing():
    assert galleries(np.array([0.05, -0.09, 0.7])) == {"audio": [2]}
    assert galleries(np.array([0.05, -0.09])) == {}


def test_columns_of_the_cache_follow_the_ids_and_media_are_found_beside_the_list(cache):
    clips = clips_of(open_cache(cache), "train")
    assert clips.columns(["train-59", "nobody", "train-0"]) == {"corrupt": ["", "", "visual:noise"]}
    assert replace(clips, root=Path("data/set")).source("a/b.mp4") == "data/set/a/b.mp4"
    assert replace(clips, root=Path("data/clips.csv")).source("a/b.mp4") == "data/a/b.mp4"
    assert replace(clips, root=Path("data")).source("") == ""
    assert replace(clips, root=None).source("a/b.mp4") == "a/b.mp4"


def test_planted_auc_is_that_of_the_posterior_against_the_known_truth(cache, tmp_path):
    mixture = Mixture(Component(0.75, 0.0, 0.01), Component(0.25, 0.7, 0.01))
    gap = np.zeros(60)
    gap[:15] = 0.7  # the spoiled clips
    clips = clips_of(open_cache(cache), "train")
    ids = [f"train-{i}" for i in range(60)]
    assert planted_auc(Gaps(gap=gap, id=ids), mixture, clips) == 1
    gap[0], gap[59] = 0.0, 0.7  # one missed of 15, one of 45 taken for spoiled
    # P(spoiled above clean) = (14·44 + ½·(14·1 + 1·44)) / (15·45)
    expected = (14 * 44 + (14 + 44) / 2) / (15 * 45)
    assert planted_auc(Gaps(gap=gap, id=ids), mixture, clips) == pytest.approx(expected)
    # Of the 15 of highest posterior 14 are spoiled.
    assert planted_precision(Gaps(gap=gap, id=ids), mixture, clips) == pytest.approx(14 / 15)


def test_samples_of_one_balanced_group_are_ranked_by_the_size_of_their_gap():
    alone = Mixture(Component(1.0, 0.0, 0.01))
    assert imbalance(np.array([0.1, -0.9, 0.5]), alone).tolist() == [0.1, 0.9, 0.5]


def test_planted_auc_is_unknown_without_the_truth_of_every_clip(cache):
    mixture = Mixture(Component(0.75, 0.0, 0.01), Component(0.25, 0.7, 0.01))
    clips = clips_of(open_cache(cache), "train")
    gap = np.linspace(0, 1, 3)
    assert planted_auc(Gaps(gap=gap), mixture, clips) is None
    assert planted_auc(Gaps(gap=gap, id=["x", "y", "z"]), mixture, clips) is None
    spoiled = ["train-0", "train-1", "train-2"]
    assert planted_auc(Gaps(gap=gap, id=spoiled), mixture, clips) is None


def test_a_sample_is_shown_with_its_names_scores_and_pictures(cache, tmp_path):
    write_table(tmp_path / "gaps.h5", cache, WARMUP, gaps_of(0.7))
    table = read_gaps(tmp_path / "gaps.h5")
    mixture = Mixture(Component(0.75, 0.0, 0.01), Component(0.25, 0.7, 0.01))
    opened = open_cache(cache)
    (shown,) = samples(table, [1], mixture, clips_of(opened, "train"), opened.classes)
    assert (shown["id"], shown["label"], shown["corrupt"]) == ("train-1", "middle", "visual:noise")
    assert shown["predicted"] == {"fused": "middle", "audio": "middle", "visual": "high"}
    assert shown["prob"]["audio"] - shown["prob"]["visual"] == pytest.approx(shown["gap"])
    assert shown["posterior"] == pytest.approx(1, abs=1e-3)
    frames, spectrogram = (
        Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
        for uri in shown["pictures"][:2]
    )
    assert frames.size == (32, 16)  # two frames of 16 px
    assert spectrogram.size == (16, 12)  # T × F


def test_a_bare_table_of_gaps_is_shown_by_row_without_pictures():
    (shown,) = samples(Gaps(gap=np.array([0.5])), [0], None, None)
    assert shown["id"] == "row 1"
    assert shown["label"] is None
    assert shown["posterior"] is None
    assert shown["pictures"] is None


def test_low_frequencies_lie_at_the_bottom_of_the_picture():
    audio = np.zeros((4, 10), np.float16)
    audio[0] = 5  # the lowest frequency is loud
    picture = np.asarray(picture_of_spectrogram(audio).convert("L"))
    assert picture[3].min() > picture[:3].max()


def test_large_frames_are_made_small():
    frames = np.zeros((5, 256, 256, 3), np.uint8)
    assert strip_of_frames(frames).size == (288, 96)
