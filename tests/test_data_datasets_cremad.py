"""The dataset cremad: names, files, votes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from media import write_video

from avgap.data.audit import compare_counts
from avgap.data.datasets import DATASETS
from avgap.data.datasets.cremad import CLASSES
from avgap.errors import InputError

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"


def listing(root: Path):
    return DATASETS["cremad"](root)


def touch(root: Path, *names: str, text: str = "x") -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.data
def test_the_published_tables_give_7442_clips_of_91_actors_with_their_votes(data_folder):
    found = listing(data_folder / "cremad")
    assert compare_counts(found) == {}
    assert found.classes == CLASSES == ("NEU", "HAP", "SAD", "FEA", "DIS", "ANG")
    labels = Counter(clip.label for clip in found.clips)
    assert labels == {"NEU": 1087, **dict.fromkeys(("HAP", "SAD", "FEA", "DIS", "ANG"), 1271)}
    clips = {clip.id: clip for clip in found.clips}
    # Of 11 raters of this voice 10 heard NEU: row 100001 of the table.
    assert clips["1001_IEO_NEU_XX"].meta["votes_voice"] == "0.9091"
    assert clips["1001_IEO_NEU_XX"].meta["speaker"] == "1001"
    votes = [float(clip.meta[f"votes_{how}"]) for clip in found.clips for how in ("voice", "both")]
    assert len(votes) == 2 * 7442
    assert all(0 <= vote <= 1 for vote in votes)
    assert {clip.broken for clip in found.clips if clip.id == "1001_DFA_ANG_XX"} == {
        "no video 1001_DFA_ANG_XX.flv"
    }


def test_files_are_found_whatever_the_folders_are_called(tmp_path):
    id = "1001_DFA_ANG_XX"
    touch(tmp_path, f"VideoFlash/{id}.flv", f"mp4/{id}.mp4", f"AudioMP3/{id}.mp3")
    (clip,) = listing(tmp_path).clips
    assert (clip.id, clip.label, clip.split, clip.broken) == (id, "ANG", "", "")
    assert dict(clip.meta) == {
        "video": f"VideoFlash/{id}.flv",
        "audio": f"AudioMP3/{id}.mp3",
        "speaker": "1001",
    }
    touch(tmp_path, f"AudioWAV/{id}.wav")
    assert listing(tmp_path).clips[0].meta["audio"] == f"AudioWAV/{id}.wav"
    touch(tmp_path, f"VideoFlash/{id}.flv", text=POINTER)
    assert listing(tmp_path).clips[0].meta["video"] == f"mp4/{id}.mp4"


def test_pointers_are_named_with_the_remedy(tmp_path):
    touch(tmp_path, "VideoFlash/1001_DFA_ANG_XX.flv", text=POINTER)
    (clip,) = listing(tmp_path).clips
    assert clip.broken == (
        "1001_DFA_ANG_XX.flv: a Git LFS pointer, not the media itself (git lfs pull fetches it)"
    )


def test_frames_that_were_extracted_already_need_a_sound_file(tmp_path):
    id = "1001_DFA_ANG_XX"
    touch(tmp_path, f"Image-01-FPS/{id}/00000.jpg", f"Image-01-FPS/{id}/00029.jpg")
    (clip,) = listing(tmp_path).clips
    assert clip.video == tmp_path / "Image-01-FPS" / id
    assert clip.broken == f"{id}: a folder of pictures has no sound, and there is no sound file"
    touch(tmp_path, f"AudioWAV/{id}.wav")
    assert listing(tmp_path).clips[0].broken == ""


def test_fewer_clips_than_published_are_told(tmp_path):
    write_video(tmp_path / "VideoFlash" / "1001_DFA_ANG_XX.flv", frames=2, codec="flv1")
    assert compare_counts(listing(tmp_path)) == {
        "clips": {"published": 7442, "found": 1},
        "speakers": {"published": 91, "found": 1},
        "classes": {"published": 6, "found": 1},
    }


def test_a_folder_of_something_else_says_what_is_looked_for(tmp_path):
    touch(tmp_path, "video.mp4")
    with pytest.raises(InputError, match="named like 1001_DFA_ANG_XX") as caught:
        listing(tmp_path)
    assert "try: git clone https://github.com/CheyneyComputerScience/CREMA-D" in str(caught.value)


def test_votes_that_are_no_numbers_are_passed_over(tmp_path):
    touch(tmp_path, "VideoFlash/1001_DFA_ANG_XX.flv")
    (tmp_path / "processedResults").mkdir()
    (tmp_path / "processedResults" / "tabulatedVotes.csv").write_text(
        '"","A","N","fileName","numResponses"\n'
        '"100001",3,1,"1001_DFA_ANG_XX",4\n'
        '"200001",x,1,"1001_DFA_ANG_XX",4\n'
        '"300001",0,0,"1001_DFA_ANG_XX",0\n'
    )
    (clip,) = listing(tmp_path).clips
    assert {k: v for k, v in clip.meta.items() if "votes" in k} == {"votes_voice": "0.7500"}
