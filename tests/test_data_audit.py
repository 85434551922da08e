"""The audit: what is double, shared, contradictory, and how long clips are."""

from __future__ import annotations

from avgap.data.audit import Audit, Sample, audit, compare_counts
from avgap.data.clip import Clip, Listing


def sample(id, split="train", label="a", **meta):
    return Sample(id, label, split, meta)


def look(*samples, published=None, notes=()) -> Audit:
    return audit(samples, ("a", "b"), published or {}, notes)


def test_counts_and_lengths_are_per_split():
    found = look(
        sample("1", seconds="1.5"),
        sample("2", label="b", seconds="2.5"),
        sample("3", seconds="4"),
        sample("4", "test", start="2", end="3.5"),
        sample("5", "test"),
    )
    assert found.counts == {
        "train": {"a": 2, "b": 1},
        "val": {"a": 0, "b": 0},
        "test": {"a": 2, "b": 0},
    }
    assert found.seconds == {
        "train": {"min": 1.5, "median": 2.5, "max": 4.0},
        "test": {"min": 1.5, "median": 1.5, "max": 1.5},
    }
    assert found.lines() == ["train: 1.5 to 4 s, median 2.5 s", "test: 1.5 to 1.5 s, median 1.5 s"]


def test_the_same_bytes_and_window_are_the_same_content_whenever_they_were_written():
    found = look(
        sample("1", files="9 100 aa; 5 100 bb"),
        sample("2", files="9 200 aa; 5 300 bb"),
        sample("3", "test", files="9 100 aa; 5 100 bb"),
        sample("4", files="9 100 aa"),
        sample("5", files="9 100 cc", start="0"),
        sample("6", files="9 100 cc", start="1"),
        sample("7", files="9 100 dd"),
        sample("8", files="9 100 dd"),
        sample("9"),
        sample("10"),
    )
    assert found.duplicates == [["train/1", "train/2", "test/3"], ["train/7", "train/8"]]
    assert found.lines() == [
        "1 group of the same content within a split: train/7 = train/8",
        "1 group of the same content ACROSS splits: train/1 = train/2 = test/3",
    ]


def test_speakers_and_recordings_in_two_splits_are_named():
    found = look(
        sample("1", speaker="x", recording="r", video="v"),
        sample("2", "val", speaker="y", recording="r", video="v"),
        sample("3", "test", speaker="x", recording="s", video="v"),
    )
    assert found.shared == {
        "speaker": {"train and test": ["x"]},
        "recording": {"train and val": ["r"]},
    }
    assert look(sample("1", video="v"), sample("2", "test", video="v")).shared == {
        "video": {"train and test": ["v"]}
    }


def test_a_recording_with_several_labels_in_one_split_contradicts_itself():
    found = look(
        sample("1", recording="r"),
        sample("2", label="b", recording="r"),
        sample("3", "test", label="b", recording="r"),
    )
    assert found.contradictions == {"train": ["r: a, b"]}


def test_long_lists_are_cut_in_the_lines_alone():
    clips = [sample(f"{s}{i}", s, speaker=str(i)) for s in ("train", "test") for i in range(9)]
    found = look(*clips)
    assert len(found.shared["speaker"]["train and test"]) == 9
    assert found.lines() == ["9 speakers in both train and test: 0; 1; 2 and 6 more"]


def test_published_counts_are_told_where_they_differ():
    clips = [Clip("1", "a", "", meta={"speaker": "x"}), Clip("2", "a", "", meta={"speaker": "y"})]
    listing = Listing(clips, ("a",), True, published={"clips": 3, "speakers": 2, "classes": 1})
    assert compare_counts(listing) == {"clips": {"published": 3, "found": 2}}
    assert look(published=compare_counts(listing), notes=["so"]).lines() == [
        "so",
        "clips: 3 published, 2 here",
    ]


def test_clips_read_from_several_kinds_of_files_are_told():
    found = look(
        sample("1", video="v/1.flv", audio="w/1.wav"),
        sample("2", video="v/2.FLV", audio="m/2.mp3"),
        sample("3", video="v/3.flv"),
        sample("4", image="no media"),
    )
    assert found.sources == {
        "video": {".flv": 3},
        "audio": {".mp3": 1, ".wav": 1, "own track": 1},
    }
    assert found.lines() == ["audio is of several kinds: .mp3 for 1, .wav for 1, own track for 1"]
    assert look(sample("1", video="fps/1")).sources["video"] == {"frames": 1}


def test_long_groups_of_the_same_content_are_cut():
    found = look(*(sample(f"{n}", files="9 100 aa") for n in range(6)))
    assert found.lines() == [
        "1 group of the same content within a split: train/0 = train/1 = train/2 = 3 more"
    ]
