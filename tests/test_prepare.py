"""prepare: media files become a cache, or a list of reasons and no file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from media import frame_numbers, write_dataset, write_table, write_video

from avgap.data.cache.reader import digest_of_file, open_cache
from avgap.data.clip import Clip, MediaError
from avgap.data.media.decode import Job, decode_all
from avgap.errors import InputError, OutputError, UsageError
from avgap.prepare import Prepared, prepare
from avgap.settings import AudioRecipe, FrameRecipe

AUDIO = AudioRecipe("tiny", 8000, 0.5, 64, 100)
FRAMES = FrameRecipe(count=2, size=16)


def run(root: Path, output: Path, dataset: str = "csv", **options) -> Prepared:
    return prepare(dataset, root, output, audio=AUDIO, frames=FRAMES, workers=1, **options)


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """Eight clips for training and four for testing; half a second of rising grey."""
    return write_dataset(tmp_path_factory.mktemp("source"), {"train": 8, "test": 4})


def test_media_files_become_a_cache_and_the_same_question_confirms_it(source, tmp_path):
    output = tmp_path / "out" / "a.h5"
    made = run(source, output, val_fraction=0.25)
    assert made.status == "made"
    assert made.sizes == {"train": 6, "val": 2, "test": 4}
    assert made.counts["val"] == {"a": 1, "b": 1}
    assert json.loads(json.dumps(made.as_dict()))["digest"] == made.digest
    assert digest_of_file(output) == made.digest
    cache = open_cache(output)
    assert (cache.dataset, cache.classes, cache.augment) == ("csv", ("a", "b"), True)
    train = cache.split("train")
    # Two parts of 0.25 s; their middles 0.125 and 0.375 s show frames 1 and 3.
    assert [frame_numbers(frames) for frames in train.visual] == [[1, 3]] * 6
    # 440 Hz at 8,000 / 64 = 125 Hz per bin.
    assert set(train.audio.mean(axis=2, dtype=float).argmax(axis=1)) == {4}
    assert train.meta["video"] == [f"{id}.mp4" for id in train.id]
    assert train.meta["corrupt"] == [""] * 6
    before = output.stat().st_mtime_ns
    again = run(source, output, val_fraction=0.25)
    assert (again.status, again.digest, again.counts) == ("up to date", made.digest, made.counts)
    assert output.stat().st_mtime_ns == before


def test_another_question_is_refused_and_force_replaces(source, tmp_path):
    output = tmp_path / "a.h5"
    run(source, output)
    with pytest.raises(OutputError, match="answers another question") as caught:
        run(source, output, seed=1)
    assert "seed: 0 there, 1 asked for" in str(caught.value)
    assert run(source, output, seed=1, force=True).status == "made"


def test_how_the_work_is_divided_does_not_change_the_content(source, tmp_path):
    one = run(source, tmp_path / "a.h5")
    options = {"audio": AUDIO, "frames": FRAMES, "workers": 2}
    assert prepare("csv", source, tmp_path / "b.h5", **options).digest == one.digest


@pytest.fixture
def broken(tmp_path) -> Path:
    """Two good clips and five that cannot be used, for five reasons."""
    root = tmp_path / "broken"
    for name in ("good", "test", "cut"):
        write_video(root / f"{name}.mp4", frames=5)
    write_video(root / "mute.mp4", frames=5, sound=None)
    write_video(root / "cut.mkv", frames=40)
    (root / "cut.mkv").write_bytes((root / "cut.mkv").read_bytes()[:5000])
    (root / "empty.mp4").write_bytes(b"")
    (root / "pointer.mp4").write_text("version https://git-lfs.github.com/spec/v1\n")
    names = ["good.mp4", "no.mp4", "empty.mp4", "pointer.mp4", "mute.mp4", "cut.mkv"]
    rows = [{"id": n, "label": "a", "split": "train", "video": n} for n in names]
    write_table(root, [*rows, {"id": "t", "label": "a", "split": "test", "video": "test.mp4"}])
    return root


def test_all_broken_clips_are_listed_at_once_and_no_cache_is_written(broken, tmp_path):
    with pytest.raises(InputError) as caught:
        run(broken, tmp_path / "a.h5")
    what, *lines, hint = str(caught.value).splitlines()
    assert what == "5 clips cannot be used"
    assert hint == "  try: --allow-missing 5 to leave them out"
    assert lines[0].startswith("  cut.mkv: ")
    assert "cut short" in lines[0]
    assert lines[1:] == [
        "  empty.mp4: empty.mp4: the file is empty (zero bytes)",
        "  mute.mp4: mute.mp4: no sound in it, and no audio file is given",
        "  no.mp4: no.mp4: no such file",
        "  pointer.mp4: pointer.mp4: a Git LFS pointer, not the media itself "
        "(git lfs pull fetches it)",
    ]
    assert {path.name for path in tmp_path.iterdir()} == {"broken", "a.h5.parts"}


def test_as_many_clips_may_be_missing_as_allowed_and_are_recorded(broken, tmp_path):
    made = run(broken, tmp_path / "a.h5", allow_missing=5, val_fraction=0)
    assert made.sizes == {"train": 1, "val": 0, "test": 1}
    cache = open_cache(tmp_path / "a.h5")
    assert cache.missing == made.missing
    assert set(cache.missing) == {"cut.mkv", "empty.mp4", "mute.mp4", "no.mp4", "pointer.mp4"}
    with pytest.raises(InputError, match="5 clips cannot be used"):
        run(broken, tmp_path / "a.h5", allow_missing=4, val_fraction=0)


def test_a_training_split_without_a_usable_clip_is_an_error(broken, tmp_path):
    (broken / "good.mp4").unlink()
    with pytest.raises(InputError, match="no clip of train can be used"):
        run(broken, tmp_path / "a.h5", allow_missing=9, val_fraction=0)
    assert not (tmp_path / "a.h5").exists()


def test_a_dry_run_counts_and_writes_nothing(source, tmp_path):
    planned = run(source, tmp_path / "a.h5", dry_run=True, val_fraction=0, limit=2)
    assert (planned.status, planned.digest) == ("planned", None)
    assert planned.counts == {
        "train": {"a": 1, "b": 1},
        "val": {"a": 0, "b": 0},
        "test": {"a": 1, "b": 1},
    }
    assert list(tmp_path.iterdir()) == []


def test_splits_of_ones_own_come_before_the_tables(source, tmp_path):
    names = [f"train-{i}" for i in range(8)]
    splits = dict(zip(names, ["train"] * 4 + ["val"] * 2 + ["test"] * 2, strict=True))
    (tmp_path / "s.csv").write_text("id,split\n" + "".join(f"{k},{v}\n" for k, v in splits.items()))
    planned = run(source, tmp_path / "a.h5", splits=tmp_path / "s.csv", dry_run=True)
    assert planned.sizes == {"train": 4, "val": 2, "test": 2}


@pytest.mark.parametrize("kind", ["noise", "blank", "pca25"])
def test_corrupt_frames_are_marked_and_the_others_are_left_alone(source, tmp_path, kind):
    run(source, tmp_path / "clean.h5", val_fraction=0)
    run(source, tmp_path / "a.h5", val_fraction=0, corrupt=f"visual:0.5:{kind}")
    clean, corrupt = (open_cache(tmp_path / n).split("train") for n in ("clean.h5", "a.h5"))
    marked = np.array([flag == f"visual:{kind}" for flag in corrupt.meta["corrupt"]])
    assert marked.sum() == 4
    changed = (clean.visual != corrupt.visual).any(axis=(1, 2, 3, 4))
    assert not changed[~marked].any()
    if kind != "pca25":  # frames of one grey have one component, which pca25 keeps
        assert changed[marked].all()
    assert (clean.audio == corrupt.audio).all()
    assert digest_of_file(tmp_path / "a.h5") == open_cache(tmp_path / "a.h5").stamp.digest


def test_silenced_clips_hold_the_floor_alone(source, tmp_path):
    run(source, tmp_path / "a.h5", corrupt="audio:0.5:silence")
    test = open_cache(tmp_path / "a.h5").split("test")
    silent = [bool((audio == np.float16(np.log(1e-7))).all()) for audio in test.audio]
    assert silent == [flag == "audio:silence" for flag in test.meta["corrupt"]]
    assert sum(silent) == 2


def test_unknown_datasets_missing_roots_and_odd_names_are_told(tmp_path):
    with pytest.raises(UsageError, match="unknown dataset 'avdigit'") as caught:
        run(tmp_path, tmp_path / "a.h5", dataset="avdigit")
    assert str(caught.value).endswith("try: avdigits")
    with pytest.raises(InputError, match="nowhere does not exist"):
        run(tmp_path / "nowhere", tmp_path / "a.h5")
    with pytest.raises(OutputError, match="is no name for a cache"):
        run(tmp_path, tmp_path / "cache")


def test_a_clip_that_takes_too_long_is_given_up_and_the_rest_goes_on(source):
    job = Job(AUDIO, FRAMES, "auto", None, 0)
    clips = [Clip("endless", "a", "train", video=source / "train-0.mp4")]
    endless = job._replace(frames=FrameRecipe(count=4000, size=4096))
    ((_, outcome),) = decode_all(clips, endless, workers=1, time_limit=0.5)
    assert isinstance(outcome, MediaError)
    assert str(outcome) == "decoding took longer than 0.5 s"


def test_ctrl_c_leaves_neither_a_cache_nor_a_process(source, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys; from pathlib import Path; from avgap.prepare import prepare\n"
        "if __name__ == '__main__':\n"
        "    prepare('csv', Path(sys.argv[1]), Path(sys.argv[2]), workers=1)\n"
    )
    output = tmp_path / "out" / "a.h5"
    command = [sys.executable, str(script), str(source), str(output)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not output.with_name("a.h5.part").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
    assert process.returncode != 0
    assert {path.name for path in output.parent.iterdir()} <= {"a.h5.parts"}


def emotional(root: Path) -> Path:
    """A tiny CREMA-D: three actors, two emotions, two videos of the same bytes."""
    for actor in ("1001", "1002", "1003"):
        for emotion in ("ANG", "NEU", "HAP", "SAD", "FEA", "DIS"):
            write_video(
                root / "VideoFlash" / f"{actor}_DFA_{emotion}_XX.flv",
                frames=5 + int(actor[-1]),
                codec="flv1",
                size=(64 + 2 * "ANHSFD".index(emotion[0]), 48),
            )
    twin = root / "VideoFlash" / "1003_DFA_NEU_XX.flv"
    twin.write_bytes((root / "VideoFlash" / "1001_DFA_NEU_XX.flv").read_bytes())
    return root


def test_the_audit_is_told_stored_and_not_in_the_digest(tmp_path, avgap):
    root, output = emotional(tmp_path / "crema"), tmp_path / "a.h5"
    made = run(root, output, "cremad", split_by="speaker")
    assert sorted(made.sizes.values()) == [6, 6, 6]
    found = open_cache(output).audit()
    assert found == made.audit
    assert found.published["clips"] == {"published": 7442, "found": 18}
    assert found.shared == {}
    assert [{name.split("/")[1] for name in group} for group in found.duplicates] == [
        {"1001_DFA_NEU_XX", "1003_DFA_NEU_XX"}
    ]
    assert found.notes == ["divided by speaker, about a tenth for test"]
    # Six to eight frames at ten per second, and what AAC adds to the last block.
    assert all(0.6 <= of["min"] <= of["max"] < 0.95 for of in found.seconds.values())
    again = run(root, output, "cremad", split_by="speaker")
    assert (again.status, again.audit) == ("up to date", found)
    told = avgap("report", output)
    assert "audit    clips: 7,442 published, 18 here" in told.stdout.splitlines()
    assert digest_of_file(output) == made.digest
    with pytest.raises(OutputError, match="split_by: speaker there, random asked for"):
        run(root, output, "cremad", split_by="random")


def test_windows_can_be_left_aside(tmp_path):
    write_video(tmp_path / "v.mp4", frames=20)
    rows = [
        {"id": id, "label": "a", "split": split, "video": "v.mp4", "start": 1, "end": 2}
        for id, split in (("1", "train"), ("2", "test"))
    ]
    table = write_table(tmp_path, rows)
    event = run(table, tmp_path / "event.h5")
    clip = run(table, tmp_path / "clip.h5", window="clip")
    assert event.audit is not None
    assert clip.audit is not None
    assert event.audit.seconds["train"]["max"] == 1.0
    assert clip.audit.seconds["train"]["max"] == 2.0
    assert open_cache(tmp_path / "event.h5").meta("train")["start"] == ["1"]
    assert open_cache(tmp_path / "clip.h5").meta("train")["start"] == [""]
    assert event.audit.shared == {"video": {"train and test": ["v.mp4"]}}


def test_leaks_can_be_dropped_from_training(tmp_path):
    rows = [
        {"id": f"{v}{s}", "label": "a", "split": s, "video": f"{v}.mp4"}
        for v, s in (("x", "train"), ("x", "test"), ("y", "train"))
    ]
    table = write_table(tmp_path, rows)
    planned = run(table, tmp_path / "a.h5", dry_run=True, leaks="drop", val_fraction=0)
    assert planned.sizes == {"train": 1, "val": 0, "test": 1}


def test_classes_that_the_splits_leave_without_training_are_told(source, tmp_path):
    (tmp_path / "s.csv").write_text("id,split\ntrain-0,train\ntrain-1,test\n")
    with pytest.raises(InputError, match="the class 'b' has no clip in train"):
        run(source, tmp_path / "a.h5", splits=tmp_path / "s.csv", dry_run=True)
