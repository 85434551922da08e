"""The dataset csv: tables as people write them."""

from __future__ import annotations

import pytest

from avgap.data.datasets import DATASETS
from avgap.errors import InputError

HEADER = "id,label,split,video"


def listing(folder, text, name="clips.csv"):
    (folder / name).write_bytes(text.encode())
    return DATASETS["csv"](folder)


def test_paths_are_relative_to_the_table_and_other_columns_are_kept(tmp_path):
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "1.mp4").write_bytes(b"x")
    found = listing(tmp_path, f"{HEADER},start,end,speaker\nc1,2,train,v/1.mp4,0.5,1.25,s9\n")
    (clip,) = found.clips
    assert clip.video == tmp_path / "v" / "1.mp4"
    assert (clip.audio, clip.start, clip.end, clip.broken) == (None, 0.5, 1.25, "")
    assert dict(clip.meta) == {"video": "v/1.mp4", "start": "0.5", "end": "1.25", "speaker": "s9"}
    assert found.augment


def test_a_mark_at_the_start_and_carriage_returns_do_not_matter(tmp_path):
    text = "\ufeffID, Label ,split,video\r\nc1,10,train,a.mp4\r\nc2,9,test,a.mp4\r\n\r\n"
    found = listing(tmp_path, text)
    assert [clip.id for clip in found.clips] == ["c1", "c2"]
    assert found.classes == ("9", "10")


def test_missing_files_are_broken_clips_each_with_its_reason(tmp_path):
    (tmp_path / "empty.mp4").write_bytes(b"")
    found = listing(
        tmp_path,
        f"{HEADER},audio\n1,a,train,no.mp4,\n2,a,train,empty.mp4,no.wav\n3,a,train,,\n",
    )
    assert [clip.broken for clip in found.clips] == [
        "no.mp4: no such file",
        "empty.mp4: the file is empty (zero bytes); no.wav: no such file",
        "no video is named",
    ]


def test_missing_columns_are_named_together_with_their_likes(tmp_path):
    with pytest.raises(InputError) as caught:
        listing(tmp_path, "id,labels,file\n1,a,b\n")
    assert str(caught.value) == (
        f"{tmp_path / 'clips.csv'} lacks columns\n"
        "  no column 'label' (is it 'labels'?)\n"
        "  no column 'split'\n"
        "  no column 'video' (is it 'file'?)\n"
        "  it has: id, labels, file"
    )


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ("1,a,train,v,x,", "line 2: 1: start is 'x', not a time in seconds"),
        ("1,a,train,v,-1,2", "line 2: 1: start is '-1', not a time in seconds"),
        ("1,a,train,v,nan,2", "line 2: 1: start is 'nan', not a time in seconds"),
        ("1,a,train,v,2,1.5", "line 2: 1 ends at 1.5 s, not after its start at 2 s"),
    ],
)
def test_times_that_make_no_sense_are_told_with_their_line(tmp_path, row, line):
    with pytest.raises(InputError) as caught:
        listing(tmp_path, f"{HEADER},start,end\n{row}\n")
    assert line in str(caught.value)


def test_a_box_stands_in_four_columns_and_none_keeps_the_whole_picture(tmp_path):
    found = listing(
        tmp_path,
        f"{HEADER},x,y,width,height\n1,a,train,v,72,136,88,76\n2,a,train,v,,,,\n"
        "3,a,train,v,0,0,1.0,1\n",
    )
    assert [clip.crop for clip in found.clips] == [(72, 136, 88, 76), None, (0, 0, 1, 1)]
    assert found.clips[0].meta["width"] == "88"
    assert listing(tmp_path, f"{HEADER}\n1,a,train,v\n").clips[0].crop is None


@pytest.mark.parametrize(
    ("cells", "line"),
    [
        ("72,,88,", "line 2: 1: a box to crop without y and height"),
        ("72,136,88,0", "line 2: 1: height is 0, below 1"),
        ("-1,136,88,7.5", "line 2: 1: x is -1, below 0; height is '7.5', not a whole number of p"),
    ],
)
def test_boxes_that_make_no_sense_are_told_with_their_line(tmp_path, cells, line):
    with pytest.raises(InputError) as caught:
        listing(tmp_path, f"{HEADER},x,y,width,height\n1,a,train,v,{cells}\n")
    assert line in str(caught.value)


def test_some_columns_of_a_box_without_the_others_are_told(tmp_path):
    with pytest.raises(InputError) as caught:
        listing(tmp_path, f"{HEADER},width,height\n1,a,train,v,640,480\n")
    assert str(caught.value).splitlines()[1:] == [
        "  width and height without x and y are no box to crop: complete or rename them",
        "  it has: id, label, split, video, width, height",
    ]


def test_no_table_and_an_empty_table_are_errors(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        DATASETS["csv"](tmp_path)
    with pytest.raises(InputError, match="is empty"):
        listing(tmp_path, HEADER + "\n")
    (tmp_path / "bad.csv").write_bytes(b"\xff\xfe\x00i\x00d")
    with pytest.raises(InputError, match="cannot be read as CSV"):
        DATASETS["csv"](tmp_path / "bad.csv")


def test_other_marks_between_columns_and_columns_of_one_name_are_told(tmp_path):
    (tmp_path / "clips.csv").write_text("id;label;split;video\nc;a;train;c.mp4\n")
    with pytest.raises(InputError, match="has ';' between its columns"):
        DATASETS["csv"](tmp_path)
    (tmp_path / "clips.csv").write_text("id,label,split,video,Id\nc,a,train,c.mp4,d\n")
    with pytest.raises(InputError, match="has columns of one name\n  'id'"):
        DATASETS["csv"](tmp_path)


def test_a_cell_too_many_is_told_and_shifts_nothing(tmp_path):
    (tmp_path / "clips.csv").write_text(
        "id,label,split,video\nc,a,train,c.mp4,,\nd,Male, speaking,train,d.mp4\n"
    )
    with pytest.raises(InputError) as caught:
        DATASETS["csv"](tmp_path)
    assert str(caught.value).splitlines()[1:] == ["  row 2: 5 of 4 columns"]
