"""The dataset ave: one sample per annotation."""

from __future__ import annotations

from collections import Counter

import pytest

from avgap.data.audit import compare_counts
from avgap.data.datasets import DATASETS
from avgap.data.splitting import by_lists, into_splits, leaking
from avgap.errors import InputError

LINES = [
    "Church bell&aaa&good&0&10",
    "Bark&bbb&good&2&5",
    "Truck&bbb&good&2&5",
    "Bark&ccc&good&0&0",
]


def listing(root, lines=LINES):
    (root / "Annotations.txt").write_text("\n".join(lines) + "\n")
    return DATASETS["ave"](root)


def test_a_sample_is_an_annotation_with_its_window(tmp_path):
    (tmp_path / "AVE").mkdir()
    (tmp_path / "AVE" / "bbb.mp4").write_bytes(b"x")
    found = listing(tmp_path)
    assert found.classes == ("Church bell", "Bark", "Truck")
    assert [(clip.id, clip.start, clip.end) for clip in found.clips] == [
        ("aaa:Church bell", 0, 10),
        ("bbb:Bark", 2, 5),
        ("bbb:Truck", 2, 5),
        ("ccc:Bark", None, None),
    ]
    assert found.notes == ["ccc:Bark: an event without length (0–0 s), taken as the whole clip"]
    assert found.clips[1].meta == {"video": "AVE/bbb.mp4", "recording": "bbb"}
    assert [clip.broken for clip in found.clips[:2]] == ["no video aaa.mp4", ""]
    assert found.lists is None


def test_a_header_makes_no_difference_and_odd_lines_are_told(tmp_path):
    ids = [clip.id for clip in listing(tmp_path).clips]
    header = "Category&VideoID&Quality&StartTime&EndTime"
    assert [clip.id for clip in listing(tmp_path, [header, *LINES]).clips] == ids
    with pytest.raises(InputError) as caught:
        listing(tmp_path, [*LINES, "Bark,ddd", "Bark&ddd&good&x&1"])
    assert str(caught.value) == (
        f"{tmp_path / 'Annotations.txt'} has 2 lines that are not "
        "Class&VideoID&Quality&Start&End\n  line 5: Bark,ddd\n  line 6: Bark&ddd&good&x&1"
    )


def test_a_folder_without_annotations_says_which_is_meant(tmp_path):
    with pytest.raises(InputError, match=r"Annotations\.txt does not exist\n  try: the folder"):
        DATASETS["ave"](tmp_path)


@pytest.mark.data
@pytest.mark.parametrize("place", ["ave", "splits/ave/dgsct", "splits/ave/tian"])
def test_the_published_folders_give_4143_samples_in_their_own_splits(data_folder, place):
    found = DATASETS["ave"](data_folder / place)
    assert compare_counts(found) == {}
    assert len(found.notes) == 1
    assert found.notes[0].startswith("VWi2ENBuTbw:Church bell: an event without length")
    (clips, _), way = into_splits(found, None, None, "keep", 0.1, 0)
    assert way is None
    assert Counter(clip.split for clip in clips) == {"train": 3339, "val": 402, "test": 402}


@pytest.mark.data
def test_all_forms_of_aves_lists_say_the_same(data_folder):
    found = DATASETS["ave"](data_folder / "ave")
    splits = [
        {clip.id: clip.split for clip in by_lists(found, data_folder / "splits/ave" / name).clips}
        for name in ("tian", "pmr", "dgsct", "dimml", "amst")
    ]
    assert splits[0] == splits[1] == splits[2]
    left_out = {"VWi2ENBuTbw:Church bell"}
    assert splits[0].keys() - splits[3].keys() == splits[0].keys() - splits[4].keys() == left_out
    assert splits[3].items() <= splits[0].items()
    assert splits[4].items() <= splits[0].items()


@pytest.mark.data
def test_eighteen_videos_of_ave_leak_and_can_be_dropped_from_training(data_folder):
    found = DATASETS["ave"](data_folder / "ave")
    clips = into_splits(found, None, None, "keep", 0.1, 0)[0].clips
    pairs = Counter(
        " ".join(sorted({clip.split for clip in cut})) for cut in leaking(clips).values()
    )
    assert pairs == {"test train": 8, "train val": 10}
    kept, notes = into_splits(found, None, None, "drop", 0.1, 0)[0]
    assert Counter(clip.split for clip in kept) == {"train": 3320, "val": 402, "test": 402}
    assert leaking(kept) == {}
    assert notes[-1].startswith("dropped 19 of train")
