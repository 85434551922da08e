"""The datasets kinetics-sounds and vggsound: segments of videos, however they are written."""

from __future__ import annotations

from collections import Counter

import pytest

from avgap.data.audit import compare_counts
from avgap.data.datasets import DATASETS
from avgap.errors import InputError

A, B = "--4-0ihtnBU", "_-3Mwkq7TV4"


def kinetics(root, train, test):
    (root / "my_train.txt").write_bytes(train.replace("\n", "\r\n").encode())
    (root / "my_test.txt").write_text(test)
    return DATASETS["kinetics-sounds"](root)


def test_ids_are_written_as_kinetics_does_whatever_the_list_writes(tmp_path):
    found = kinetics(tmp_path, f"{A}_000058_000068,10,4\n", f"{B}_2,10,23\n")
    assert [(clip.id, clip.label, clip.split) for clip in found.clips] == [
        (f"{A}_000058_000068", "4", "train"),
        (f"{B}_000002_000012", "23", "test"),
    ]
    assert found.classes == ("4", "23")


def test_the_id_is_found_in_either_column(tmp_path):
    found = kinetics(tmp_path, f"4,{A}_000058_000068\n", f"23,{B}_2\n")
    assert [clip.label for clip in found.clips] == ["4", "23"]


def test_names_of_classes_are_taken_where_they_are_there(tmp_path):
    (tmp_path / "stat.txt").write_text("bowling\ntickling\n")
    found = kinetics(tmp_path, f"{A}_000058_000068,10,1\n", f"{B}_2,10,0\n")
    assert found.classes == ("bowling", "tickling")
    assert [clip.label for clip in found.clips] == ["tickling", "bowling"]


def test_files_are_found_by_segment(tmp_path):
    for name in (f"train/{A}_000058_000068.mp4", f"{B}_2.mp4", f"sound/{B}_000002.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    clips = kinetics(tmp_path, f"{A}_000058_000068,10,4\n", f"{B}_2,10,4\n{B}_7,10,4\n").clips
    assert clips[0].meta["video"] == f"train/{A}_000058_000068.mp4"
    assert dict(clips[1].meta) == {
        "video": f"{B}_2.mp4",
        "audio": f"sound/{B}_000002.wav",
        "recording": B,
    }
    assert [clip.broken for clip in clips] == ["", "", f"no video {B}_000007_000017.mp4"]


def test_rows_without_an_id_are_told(tmp_path):
    with pytest.raises(InputError, match=r"has 1 rows without an id") as caught:
        kinetics(tmp_path, f"{A}_000058_000068,10,4\nhello,10,4\n", f"{B}_2,10,4\n")
    assert str(caught.value).endswith("my_train.txt:2: hello,10,4")


@pytest.mark.data
def test_ogms_lists_of_kinetics_sounds_are_read_whole(data_folder):
    found = DATASETS["kinetics-sounds"](data_folder / "splits" / "ks")
    assert compare_counts(found) == {}
    assert Counter(clip.split for clip in found.clips) == {"train": 14799, "test": 2597}
    assert found.classes == tuple(map(str, range(31)))
    assert len({clip.id for clip in found.clips}) == 17396


def test_vggsound_is_id_start_label_split(tmp_path):
    (tmp_path / "vggsound.csv").write_text(
        f'{A},30,"bird chirping, tweeting",train\n{B},216,train horning,test\n'
    )
    (tmp_path / f"{B}_000216.mp4").write_bytes(b"x")
    found = DATASETS["vggsound"](tmp_path)
    assert [(clip.id, clip.label, clip.split, clip.broken) for clip in found.clips] == [
        (f"{A}_000030", "bird chirping, tweeting", "train", f"no video {A}_000030.mp4"),
        (f"{B}_000216", "train horning", "test", ""),
    ]
    (tmp_path / "vggsound.csv").write_text(f"{A},30,x,train\n{B},x,y\n")
    with pytest.raises(InputError, match=r"line 2: _-3Mwkq7TV4,x,y"):
        DATASETS["vggsound"](tmp_path)
    (tmp_path / "vggsound.csv").unlink()
    with pytest.raises(InputError, match=r"vggsound\.csv does not exist"):
        DATASETS["vggsound"](tmp_path)


# What downloaders write: VGGSound's own, seconds, both ends, milliseconds (audiosetdl), decimals,
# AudioSet's Y, ActivityNet's v_, other separators.
NAMES = [
    f"{A}_000030",
    f"{A}_30",
    f"{A}_30_40",
    f"{A}_000030_000040",
    f"{A}_30000_40000",
    f"{A}_30000",
    f"{A}_30.0_40.0",
    f"{A}_30.000",
    f"Y{A}_30_40",
    f"Y{A}_30000_40000",
    f"v_{A}_30",
    f"{A}-30-40",
    f"{A}_30-40",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("start", ["30", "30.0", "30.000"])
def test_a_clip_of_vggsound_is_found_by_whatever_its_file_is_called(tmp_path, name, start):
    (tmp_path / "vggsound.csv").write_text(f"{A},{start},x,train\n{B},3,x,test\n")
    (tmp_path / f"{name}.mp4").write_bytes(b"x")
    (tmp_path / f"Y{B}_3_13.webm").write_bytes(b"x")
    clips = DATASETS["vggsound"](tmp_path).clips
    assert [(clip.id, clip.broken) for clip in clips] == [(f"{A}_000030", ""), (f"{B}_000003", "")]
    assert clips[0].meta["video"] == f"{name}.mp4"


def test_so_is_one_of_kinetics_sounds(tmp_path):
    (tmp_path / f"{A}_58.0_68.0.mp4").write_bytes(b"x")
    (tmp_path / f"{B}_2000_12000.wav").write_bytes(b"x")
    (tmp_path / f"{B}_2_12.mp4").write_bytes(b"x")
    clips = kinetics(tmp_path, f"{A}_000058_000068,10,4\n", f"{B}_2.0,10,4\n").clips
    assert [clip.id for clip in clips] == [f"{A}_000058_000068", f"{B}_000002_000012"]
    assert [clip.broken for clip in clips] == ["", ""]
    assert clips[1].meta["audio"] == f"{B}_2000_12000.wav"


def test_a_start_that_may_be_seconds_or_milliseconds_is_what_the_list_has(tmp_path):
    (tmp_path / "vggsound.csv").write_text(f"{A},30000,x,train\n{B},7,x,test\n")
    for name in (f"{A}_30000.mp4", f"{B}_7000.mp4"):
        (tmp_path / name).write_bytes(b"x")
    assert [clip.broken for clip in DATASETS["vggsound"](tmp_path).clips] == ["", ""]


def test_a_whole_video_is_no_segment_and_is_told(tmp_path):
    (tmp_path / "vggsound.csv").write_text(f"{A},30,x,train\n")
    (tmp_path / f"Y{A}.mp4").write_bytes(b"x")
    (clip,) = DATASETS["vggsound"](tmp_path).clips
    told = f"no video {A}_000030.mp4 (Y{A}.mp4 does not say where in the video it begins)"
    assert clip.broken == told
    (tmp_path / "vggsound.csv").write_text(f"{A},30.5,x,train\n{A},30.5,x,train\n")
    with pytest.raises(InputError, match=r"rows that are not id,start,label,split"):
        DATASETS["vggsound"](tmp_path)
