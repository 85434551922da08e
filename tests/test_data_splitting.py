"""Which clip is in which split: by lists, by chance, by speaker; leaks."""

from __future__ import annotations

from collections import Counter

import h5py
import numpy as np
import pytest

from avgap.data.clip import Clip, Listing
from avgap.data.datasets import DATASETS
from avgap.data.splitting import (
    at_random,
    by_lists,
    by_speaker,
    hold_out_val,
    into_splits,
    without_leaks,
)
from avgap.errors import InputError, UsageError

CLIPS = [Clip(name, label, "") for name, label in (("c1", "NEU"), ("c2", "ANG"), ("c3", "ANG"))]
LISTING = Listing(CLIPS, ("NEU", "ANG"), True)


def lists(folder, **texts):
    for name, text in texts.items():
        (folder / f"{name}.csv").write_text(text)
    return folder


def splits_of(clips):
    return {clip.id: clip.split for clip in clips}


def sizes_of(clips):
    sizes = Counter(clip.split for clip in clips)
    return sizes["train"], sizes["val"], sizes["test"]


# ---------------------------------------------------------------- lists


def test_the_lists_name_the_clips_and_the_others_are_left_out(tmp_path):
    kept, notes = by_lists(LISTING, lists(tmp_path, train="c3,ANG\n", test="c1.flv,neutral\n"))
    assert splits_of(kept) == {"c1": "test", "c3": "train"}
    assert notes == [
        "splits from train.csv, test.csv",
        "1 clips that no list names are left out",
    ]


def test_everything_that_does_not_fit_is_told_at_once(tmp_path):
    folder = lists(tmp_path, train="c1,NEU\nc2,NEU\nc3,ANG\nc3,ANG\nc9,ANG\n", test="c1,NEU\n")
    with pytest.raises(InputError) as caught:
        by_lists(LISTING, folder)
    assert str(caught.value) == (
        f"{folder} does not fit the dataset\n"
        "  1 clip not in the dataset:\n"
        "    c9 (train.csv:5)\n"
        "  1 clip listed twice:\n"
        "    c3: train.csv:3, train.csv:4\n"
        "  1 label other than the dataset's:\n"
        "    train.csv:2: c2 is ANG, not NEU\n"
        "  1 clip in two splits:\n"
        "    c1: train and test\n"
        "  try: --leaks drop keeps such a clip in the last of its splits"
    )


def test_a_clip_of_two_lists_can_be_left_in_the_last(tmp_path):
    folder = lists(tmp_path, train="c1\nc2\n", val="c1\nc3\n", test="c3\n")
    kept, notes = by_lists(LISTING, folder, leaks="drop")
    assert splits_of(kept) == {"c1": "val", "c2": "train", "c3": "test"}
    assert notes[1] == "2 clips of several lists stay in the last of them alone"


def test_labels_may_be_numbers_and_columns_that_hold_none_do_not_count(tmp_path):
    assert len(by_lists(LISTING, lists(tmp_path, train="c1,0\nc2,1\n", test="c3,1\n")).clips) == 3
    assert len(by_lists(LISTING, lists(tmp_path, train="c1,9.5\n", test="c3,8.1\n")).clips) == 2
    with pytest.raises(InputError, match="c2 is ANG, not 0"):
        by_lists(LISTING, lists(tmp_path, train="c1,0\nc2,0\n", test="c3,1\n"))


def test_a_line_may_name_a_recording_and_its_class(tmp_path):
    cut = [
        Clip(f"v1:{label}", label, "", meta={"recording": "v1"}) for label in ("Bark", "Truck")
    ] + [Clip("v2:Bark", "Bark", "", meta={"recording": "v2"})]
    listing = Listing(cut, ("Bark", "Truck"), True)
    (tmp_path / "train.txt").write_text("Truck&v1&good&0&10\n")
    (tmp_path / "test.txt").write_text("v1.mp4 Bark\nv2.mp4 Bark\n")
    assert splits_of(by_lists(listing, tmp_path).clips) == {
        "v1:Truck": "train",
        "v1:Bark": "test",
        "v2:Bark": "test",
    }
    (tmp_path / "test.txt").write_text("v2.mp4 Truck\n")
    with pytest.raises(InputError, match="v2:Bark is Bark, not Truck"):
        by_lists(listing, tmp_path)


def test_row_numbers_count_the_datasets_own_order(tmp_path):
    for split, rows in {"train": [2, 0], "test": [1]}.items():
        with h5py.File(tmp_path / f"{split}_order.h5", "w") as file:
            file["order"] = np.array(rows)
    kept, _ = by_lists(LISTING, tmp_path)
    assert splits_of(kept) == {"c1": "train", "c2": "test", "c3": "train"}
    with h5py.File(tmp_path / "test_order.h5", "w") as file:
        file["order"] = np.array([3])
    with pytest.raises(InputError, match="row 3"):
        by_lists(LISTING, tmp_path)


# ---------------------------------------------------------------- chance and speakers


def test_at_random_a_tenth_of_each_class_is_test_whatever_the_order():
    clips = [Clip(f"{label}{i}", label, "") for label in "ab" for i in range(50)]
    placed = at_random(clips, seed=0)
    assert Counter((c.split, c.label) for c in placed) == {
        **{("train", label): 45 for label in "ab"},
        **{("test", label): 5 for label in "ab"},
    }
    assert splits_of(at_random(clips[::-1], seed=0)) == splits_of(placed)
    assert splits_of(at_random(clips, seed=1)) != splits_of(placed)


@pytest.mark.data
def test_crema_d_is_divided_as_the_paper_says(data_folder):
    listing = DATASETS["cremad"](data_folder / "cremad")
    placed, divided = hold_out_val(at_random(listing.clips, seed=0), 0.1, seed=0)
    assert divided
    assert sizes_of(placed) == (6028, 670, 744)


@pytest.mark.data
def test_no_actor_of_crema_d_is_in_two_splits(data_folder):
    listing = DATASETS["cremad"](data_folder / "cremad")
    for seed in range(3):
        placed = by_speaker(listing.clips, 0.1, seed)
        speakers = [
            {c.meta["speaker"] for c in placed if c.split == s} for s in ("train", "val", "test")
        ]
        assert sum(map(len, speakers)) == len(set.union(*speakers)) == 91
        train, val, test = sizes_of(placed)
        assert abs(test - 744) <= 41  # half an actor
        assert abs(val - (7442 - test) / 10) <= 41
        assert train + val + test == 7442


def test_speakers_must_be_named_and_enough():
    clips = [Clip(f"c{i}", "a", "", meta={"speaker": f"s{i % 2}"}) for i in range(8)]
    with pytest.raises(InputError, match="2 speakers cannot be divided among 3 splits"):
        by_speaker(clips, 0.1, 0)
    assert sizes_of(by_speaker(clips, 0, 0)) == (4, 0, 4)
    with pytest.raises(InputError, match="1 clips name no speaker"):
        by_speaker([*clips, Clip("c9", "a", "")], 0, 0)


# ---------------------------------------------------------------- leaks and what was asked for


def test_a_recording_in_two_splits_stays_in_test_else_in_val():
    clips = [
        Clip(f"{name}-{split}", "a", split, meta={"recording": name})
        for name, splits in {"x": ("train", "test"), "y": ("train", "val"), "z": ("train",)}.items()
        for split in splits
    ]
    kept, notes = without_leaks(clips)
    assert [clip.id for clip in kept] == ["x-test", "y-val", "z-train"]
    assert notes == ["dropped 2 of train: cut from recordings that are in a later split, too"]


def asked(listing, splits=None, split_by=None, leaks="keep"):
    (clips, notes), way = into_splits(listing, splits, split_by, leaks, 0.1, 0)
    return splits_of(clips), notes, way


def test_without_splits_of_its_own_a_dataset_is_divided_at_random():
    clips = [Clip(f"c{i:02}", "a", "") for i in range(20)]
    splits, notes, way = asked(Listing(clips, ("a",), True))
    assert Counter(splits.values()) == {"train": 18, "test": 2}
    assert (notes, way) == (["divided at random, a tenth for test"], "random")


def test_a_datasets_own_splits_stand_unless_others_are_asked_for(tmp_path):
    own = Listing([Clip("c1", "a", "test"), Clip("c2", "a", "")], ("a",), True)
    assert asked(own) == ({"c1": "test", "c2": "train"}, [], None)
    folder = lists(tmp_path, train="c1\n", test="c2\n")
    assert asked(own, splits=folder)[0] == {"c1": "train", "c2": "test"}
    listed = Listing(own.clips, ("a",), True, lists=folder)
    assert asked(listed)[0] == {"c1": "train", "c2": "test"}
    assert asked(listed, split_by="random")[2] == "random"
    with pytest.raises(UsageError, match="exclude each other"):
        asked(own, splits=folder, split_by="random")
