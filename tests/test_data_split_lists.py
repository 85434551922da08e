"""Split lists as people publish them: bytes, headers and forms."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pytest

from avgap.data.split_lists import find_lists, has_lists, lines_of, read_splits, stem
from avgap.errors import InputError

REAL = {
    "cremad/ogm_ge": (6698, 0, 744),
    "cremad/mmcosine": (6698, 0, 744),
    "cremad/dr": (5954, 744, 744),
    "cremad/mla": (6698, 0, 744),
    "cremad/amst": (5962, 742, 742),
    "ave/pmr": (3339, 402, 402),
    "ave/dgsct": (3339, 402, 402),
    "ave/dimml": (3338, 402, 402),
    "ave/amst": (3338, 402, 402),
    "ave/tian": (3339, 402, 402),
    "ks": (14799, 0, 2597),
}


def entries(path: Path) -> list[tuple[str, str, str]]:
    return [(entry.id, entry.label, entry.split) for entry in read_splits(path)[0]]


@pytest.mark.data
@pytest.mark.parametrize("place", REAL)
def test_the_peers_lists_are_read_as_they_are(data_folder, place):
    found, _ = read_splits(data_folder / "splits" / place)
    sizes = Counter(entry.split for entry in found)
    assert (sizes["train"], sizes["val"], sizes["test"]) == REAL[place]
    assert not [entry for entry in found if not entry.id or "\ufeff" in entry.id + entry.label]


def test_marks_carriage_returns_and_headers_do_not_count(tmp_path):
    (tmp_path / "my_train.csv").write_bytes("\ufeffname,label\r\nc1,NEU\r\n\r\nc2,HAP\r\n".encode())
    (tmp_path / "testSet.txt").write_bytes(b"\xef\xbb\xbfc3,SAD")
    (tmp_path / "stat.csv").write_text("NEU\n")
    assert entries(tmp_path) == [
        ("c1", "NEU", "train"),
        ("c2", "HAP", "train"),
        ("c3", "SAD", "test"),
    ]
    assert read_splits(tmp_path)[1] == ["my_train.csv", "testSet.txt"]


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ("1001_DFA_ANG_XX,ANG", ["1001_DFA_ANG_XX", "ANG"]),
        ("1001_DFA_ANG_XX.flv Anger", ["1001_DFA_ANG_XX.flv", "Anger"]),
        ("-X_y.mp4 Male speech, man speaking", ["-X_y.mp4", "Male speech, man speaking"]),
        ("Church bell&c---zaDCTaE&good&0&10", ["c---zaDCTaE", "Church bell"]),
        ('ab,30,"bird, chirping",test', ["ab", "30", "bird, chirping", "test"]),
    ],
)
def test_the_id_comes_first_and_the_label_last(tmp_path, line, cells):
    (tmp_path / "list.txt").write_text(f"{line}\n")
    assert list(lines_of(tmp_path / "list.txt")) == [(1, cells)]


def test_avs_lists_may_have_a_header(tmp_path):
    for split in ("train", "test"):
        (tmp_path / f"{split}Set.txt").write_text(
            "Category&VideoID&Quality&StartTime&EndTime\nBark&abc&good&1&4\n"
        )
    assert entries(tmp_path) == [("abc", "Bark", "train"), ("abc", "Bark", "test")]


def test_orders_in_hdf5_are_row_numbers(tmp_path):
    for split, rows in {"train": [2, 0], "test": [1]}.items():
        with h5py.File(tmp_path / f"{split}_order.h5", "w") as file:
            file["order"] = np.array(rows)
    found, _ = read_splits(tmp_path)
    assert [(entry.row, entry.split) for entry in found] == [
        (2, "train"),
        (0, "train"),
        (1, "test"),
    ]
    with h5py.File(tmp_path / "train_order.h5", "w") as file:
        file["rows"] = [0]
    with pytest.raises(InputError, match="has no dataset 'order'"):
        read_splits(tmp_path)


def test_of_several_lists_those_are_taken_that_share_nothing_then_the_shortest_names(tmp_path):
    for name, ids in {
        "train.csv": "abcd",
        "my_train.csv": "abc",
        "other_train.csv": "abc",
        "val.csv": "d",
        "test.csv": "e",
    }.items():
        (tmp_path / name).write_text("\n".join(ids))
    assert {split: file.name for split, file in find_lists(tmp_path).items()} == {
        "train": "my_train.csv",
        "val": "val.csv",
        "test": "test.csv",
    }


def test_a_table_names_the_split_of_each_id(tmp_path):
    (tmp_path / "s.csv").write_text("\ufeffsplit,id\r\ntest,c1\r\nTrain,c3\r\n", encoding="utf-8")
    assert entries(tmp_path / "s.csv") == [("c1", "", "test"), ("c3", "", "train")]
    (tmp_path / "bare.csv").write_text("c1,30,a,train\nc2,60,b,test\n")
    assert entries(tmp_path / "bare.csv") == [("c1", "", "train"), ("c2", "", "test")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,split\nc1,dev\n", "names splits other than train, val, test"),
        ("id,split\nc1,train\nc2\n", "1 rows do not fit the header\n  row 2: 1 of 2 columns"),
        ("c1,a,train\nc2,train\n", "needs the columns id and split"),
        ("clip,part\nc1,train\nc2,x\n", "needs the columns id and split"),
        ("", "is empty"),
    ],
)
def test_tables_that_make_no_sense_are_refused(tmp_path, text, message):
    (tmp_path / "s.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_splits(tmp_path / "s.csv")


def test_a_missing_list_names_those_that_are_there(tmp_path):
    (tmp_path / "train.txt").write_text("c1\n")
    assert not has_lists(tmp_path)
    with pytest.raises(InputError) as caught:
        read_splits(tmp_path)
    assert str(caught.value) == f"{tmp_path} has no list for test\n  train.txt"
    with pytest.raises(InputError, match="does not exist"):
        read_splits(tmp_path / "nowhere")


def test_lists_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "train.csv").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "test.csv").write_text("a\n")
    with pytest.raises(InputError, match=r"train\.csv cannot be read as CSV"):
        read_splits(tmp_path)


def test_a_name_loses_its_folder_and_its_ending():
    assert [stem(name) for name in ("a/b/1.flv", "c\\2.mp4", "x.y", "3")] == ["1", "2", "x.y", "3"]
