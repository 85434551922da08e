"""Splits from a file or a folder of lists."""

from __future__ import annotations

import pytest

from avgap.data.clip import Clip
from avgap.data.splits import apply_splits, read_splits
from avgap.errors import InputError

CLIPS = [Clip(name, "a", "train") for name in ("c1", "c2", "c3")]


def test_a_table_names_the_split_of_each_id_and_leaves_the_others_out(tmp_path):
    (tmp_path / "s.csv").write_text("\ufeffsplit,id\r\ntest,c1\r\nTrain,c3\r\n", encoding="utf-8")
    kept, left_out = apply_splits(CLIPS, tmp_path / "s.csv")
    assert [(clip.id, clip.split) for clip in kept] == [("c1", "test"), ("c3", "train")]
    assert left_out == 1


def test_a_folder_holds_one_list_per_split_with_or_without_a_header(tmp_path):
    (tmp_path / "my_train.csv").write_text("clip_id,label\nc1,NEU\nc2,HAP\n")
    (tmp_path / "testSet.txt").write_bytes(b"\xef\xbb\xbfc3,SAD\r\n")
    (tmp_path / "stat.csv").write_text("NEU\n")
    kept, left_out = apply_splits(CLIPS, tmp_path)
    assert [(clip.id, clip.split) for clip in kept] == [
        ("c1", "train"),
        ("c2", "train"),
        ("c3", "test"),
    ]
    assert left_out == 0


def test_ids_that_the_dataset_lacks_are_told(tmp_path):
    (tmp_path / "s.csv").write_text("id,split\nc1,train\nc9,test\n")
    with pytest.raises(InputError) as caught:
        apply_splits(CLIPS, tmp_path / "s.csv")
    assert str(caught.value) == (
        f"{tmp_path / 's.csv'} names 1 clips that the dataset does not have\n  c9"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,split\nc1,train\nc1,test\n", "puts 1 ids into two splits"),
        ("id,split\nc1,dev\n", "names splits other than train, val, test"),
        ("clip,part\nc1,train\n", "needs the columns id and split"),
        ("", "needs the columns id and split"),
    ],
)
def test_tables_that_make_no_sense_are_refused(tmp_path, text, message):
    (tmp_path / "s.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_splits(tmp_path / "s.csv")


def test_a_missing_list_names_those_that_are_there(tmp_path):
    (tmp_path / "train.txt").write_text("c1\n")
    with pytest.raises(InputError) as caught:
        read_splits(tmp_path)
    assert str(caught.value) == f"{tmp_path} has no list for test\n  train.txt"
    with pytest.raises(InputError, match="does not exist"):
        read_splits(tmp_path / "nowhere")
