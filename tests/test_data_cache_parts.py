"""Parts: finished clips in closed files beside the cache, found again by what they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from avgap.data.cache import parts as module
from avgap.data.cache.parts import Parts, folder_of
from avgap.data.media.decode import Decoded


def clip(number: int) -> Decoded:
    audio = np.full((3, 4), number, np.float16)
    return Decoded(audio, np.full((2, 5, 5, 3), number, np.uint8), {"files": f"state {number}"})


def write(folder: Path, *numbers: int) -> None:
    with Parts(folder) as parts:
        for number in numbers:
            parts.put(f"key {number}", clip(number))


def found(folder: Path, *numbers: int) -> dict[int, Decoded]:
    return dict(Parts(folder).found({f"key {number}": number for number in numbers}))


def test_finished_clips_are_found_again_by_their_key(tmp_path):
    folder = folder_of(tmp_path / "cache.h5")
    assert folder.name == "cache.h5.parts"
    write(folder, 1, 2, 3)
    there = found(folder, 3, 1, 9)
    assert set(there) == {1, 3}
    assert (there[3].audio == 3).all()
    assert there[3].visual.shape == (2, 5, 5, 3)
    assert there[1].meta == {"files": "state 1"}


def test_runs_add_to_each_others_parts_and_a_clip_comes_once(tmp_path):
    write(tmp_path / "p", 1, 2)
    write(tmp_path / "p", 2, 3)
    assert len(list((tmp_path / "p").iterdir())) == 2
    assert sorted(found(tmp_path / "p", 1, 2, 3)) == [1, 2, 3]


def test_a_part_is_closed_when_it_is_large_and_counts_from_then_on(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_BYTES", 2 * (12 * 2 + 150) - 1)  # two clips
    parts = Parts(tmp_path / "p")
    for number in range(5):
        parts.put(f"key {number}", clip(number))
    # What a kill at this moment would leave: two closed parts, and one that nobody reads.
    assert sorted(found(tmp_path / "p", *range(5))) == [0, 1, 2, 3]
    assert len(list((tmp_path / "p").glob("*.part"))) == 1
    parts.close()
    assert sorted(found(tmp_path / "p", *range(5))) == [0, 1, 2, 3, 4]


def test_an_error_keeps_the_part_being_written_and_says_where(tmp_path, capsys):
    def interrupted() -> None:
        with Parts(tmp_path / "p") as parts:
            parts.put("key 1", clip(1))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(found(tmp_path / "p", 1)) == [1]
    assert f"finished clips are kept in {tmp_path / 'p'} (1 part)" in capsys.readouterr().err


def test_files_that_are_no_parts_are_passed_over(tmp_path):
    write(tmp_path / "p", 1)
    (tmp_path / "p" / "0.h5").write_bytes(b"no part")
    assert list(found(tmp_path / "p", 1)) == [1]


def test_parts_are_removed_with_everything_left_of_killed_runs(tmp_path):
    write(tmp_path / "p", 1)
    (tmp_path / "p" / "00ff00ff00ff.h5.part").write_bytes(b"half")
    Parts(tmp_path / "p").remove()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_unfinished_goes_when_the_next_begins(tmp_path):
    write(tmp_path / "p", 1)
    (tmp_path / "p" / "00ff00ff00ff.h5.part").write_bytes(b"half")
    with Parts(tmp_path / "p"):
        assert [path.suffix for path in (tmp_path / "p").iterdir()] == [".h5"]


def test_a_folder_without_a_part_does_not_stay(tmp_path):
    (tmp_path / "p").mkdir()
    with Parts(tmp_path / "p"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_only_what_carries_our_mark_is_removed(tmp_path):
    folder = tmp_path / "cache.h5.parts"
    (folder / "mine").mkdir(parents=True)
    kept = {"notes.txt": b"n", "clip.h5": b"h", "clip.h5.part": b"p", "0123456789ab.h5": b"x"}
    for name, content in kept.items():
        (folder / name).write_bytes(content)
    (folder / "ba9876543210.h5").symlink_to(folder / "notes.txt")
    write(folder, 1, 2)
    (folder / "00112233445a.h5.part").touch()  # what a kill left
    assert sorted(found(folder, 1, 2)) == [1, 2]
    with Parts(folder) as parts:
        pass
    parts.remove()
    there = {path.name for path in folder.iterdir()}
    assert there == {*kept, "mine", "ba9876543210.h5"}
    assert all((folder / name).read_bytes() == content for name, content in kept.items())
