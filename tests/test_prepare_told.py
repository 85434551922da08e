"""What prepare says of clips, lists and tables that are not as they should be."""

from __future__ import annotations

from pathlib import Path

import pytest
from media import write_dataset, write_table, write_video

from avgap.data.cache.shards import Shard
from avgap.errors import InputError, OutputError
from avgap.merge import merge
from avgap.prepare import Prepared, prepare
from avgap.settings import AudioRecipe, FrameRecipe

AUDIO = AudioRecipe("tiny", 8000, 0.5, 64, 100)
FRAMES = FrameRecipe(count=2, size=16)


def run(root: Path, output: Path, dataset: str = "csv", **options) -> Prepared:
    return prepare(dataset, root, output, audio=AUDIO, frames=FRAMES, workers=1, **options)


def test_classes_that_broken_clips_leave_without_training_are_warned_of(tmp_path, capsys):
    root = write_dataset(tmp_path / "media", {"train": 4, "test": 2})
    for number in (1, 3):  # the class b
        (root / f"train-{number}.mp4").write_bytes(b"")
    told = "warning: no clip of train is left of 1 of 2 classes: b\n"
    run(root, tmp_path / "a.h5", allow_missing=2, val_fraction=0)
    assert told in capsys.readouterr().err
    for number in (1, 2):  # a share of the clips says nothing of the whole
        shard = Shard(number, 2)
        run(root, tmp_path / f"{number}.h5", allow_missing=2, val_fraction=0, shard=shard)
    assert "warning" not in capsys.readouterr().err
    merge([tmp_path / "1.h5", tmp_path / "2.h5"], tmp_path / "b.h5")
    assert told in capsys.readouterr().err


def test_of_many_broken_clips_every_kind_of_reason_is_shown(tmp_path):
    files = [f"{n}.mp4" for n in range(40)]
    rows = [{"id": name, "label": "a", "split": "train", "video": name} for name in files]
    root = write_table(tmp_path / "media", rows).parent
    for name in files[:30]:
        (root / name).write_bytes(b"")
    with pytest.raises(InputError) as caught:
        run(root, tmp_path / "a.h5")
    lines = str(caught.value).splitlines()
    assert lines[0] == "40 clips cannot be used"
    # Two kinds share twenty lines; 30 are empty and 10 are not there.
    assert sum("zero bytes" in line for line in lines) == 10
    assert lines[11] == "  and 20 more"
    assert sum("no such file" in line for line in lines) == 10
    assert lines[-1] == "  try: --allow-missing 40 to leave them out"


def test_names_with_newlines_and_control_characters_stay_within_their_line(tmp_path, capsys):
    name = "new\nline\x1b[31m.mp4"
    root = tmp_path / "media"
    root.mkdir()
    write_video(root / "a.mp4")
    (root / name).write_bytes(b"")
    (root / "clips.csv").write_text(
        f'id,label,split,video\na,"[red]\n",train,a.mp4\n"{name}","[red]\n",train,"{name}"\n'
    )
    with pytest.raises(InputError) as caught:
        run(root, tmp_path / "a.h5", val_fraction=0)
    assert len(str(caught.value).splitlines()) == 3
    made = run(root, tmp_path / "a.h5", val_fraction=0, allow_missing=1)
    assert len(made.table().splitlines()) == 6
    assert made.table().splitlines()[-1] == (
        r"  new\nline\x1b[31m.mp4: new\nline\x1b[31m.mp4: the file is empty (zero bytes)"
    )


def test_a_list_that_changed_under_a_cache_is_told_clip_by_clip(tmp_path):
    root = write_dataset(tmp_path / "media", {"train": 4, "test": 3})
    output = tmp_path / "a.h5"
    run(root, output, val_fraction=0)
    table = root / "clips.csv"
    text = table.read_text()
    text = text.replace("train-1,b,train", "train-1,a,train").replace(
        "test-0,a,test", "test-0,a,val"
    )
    table.write_text(text.replace("test-2,", "new,"))
    with pytest.raises(OutputError) as caught:
        run(root, output, val_fraction=0)
    assert str(caught.value).splitlines() == [
        f"{output} was made from another list of clips",
        "  new: not listed then",
        "  test-0: split test there, val now",
        "  test-2: not listed any more",
        "  train-1: label b there, a now",
        "  try: --force to make it again, or another -o",
    ]
    assert run(root, output, val_fraction=0, force=True).status == "made"


def test_a_clip_that_was_mended_under_a_cache_is_told(tmp_path):
    root = write_dataset(tmp_path / "media", {"train": 4, "test": 2})
    good = (root / "train-2.mp4").read_bytes()
    (root / "train-2.mp4").write_bytes(b"")
    output = tmp_path / "a.h5"
    run(root, output, allow_missing=1)
    (root / "train-2.mp4").write_bytes(good)
    with pytest.raises(OutputError) as caught:
        run(root, output, allow_missing=1)
    assert "  train-2: could not be used then (train-2.mp4: the file is empty" in str(caught.value)
    assert run(root, output, force=True).missing == {}


@pytest.mark.parametrize("dataset", ["cremad", "ave", "kinetics-sounds", "vggsound", "avdigits"])
def test_a_file_in_place_of_a_folder_is_told(tmp_path, dataset):
    (tmp_path / "file").write_text("text")
    with pytest.raises(InputError, match=f"is a file, not the folder of {dataset}"):
        run(tmp_path / "file", tmp_path / "a.h5", dataset)


def test_a_table_in_another_encoding_says_what_to_do(tmp_path):
    (tmp_path / "clips.csv").write_bytes(
        "id,label,split,video\nä,a,train,a.mp4\n".encode("latin-1")
    )
    with pytest.raises(InputError, match="try: save it as UTF-8"):
        run(tmp_path, tmp_path / "a.h5")


def test_lists_without_a_clip_and_classes_without_training_are_told_by_the_lists_name(tmp_path):
    root = write_dataset(tmp_path / "media", {"train": 4, "test": 2})
    lists = tmp_path / "lists"
    lists.mkdir()
    for name in ("train.csv", "test.csv"):
        (lists / name).write_text("")
    with pytest.raises(InputError, match=f"the lists of {lists} name no clips"):
        run(root, tmp_path / "a.h5", splits=lists)
    (lists / "train.csv").write_text("train-0\n")
    (lists / "test.csv").write_text("test-1\n")
    with pytest.raises(InputError) as caught:
        run(root, tmp_path / "a.h5", splits=lists)
    assert str(caught.value).splitlines() == [
        f"{root} divided by {lists} has 1 problem",
        "  the class 'b' has no clip in train",
    ]


def test_a_table_that_is_no_text_is_told_with_its_line(tmp_path):
    root = write_dataset(tmp_path / "media", {"train": 2, "test": 2})
    table = root / "clips.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([f"{lines[0]},note", f"{lines[1]},a\0b", *lines[2:]]))
    with pytest.raises(InputError, match=r"clips\.csv cannot be read as CSV") as caught:
        run(root, tmp_path / "a.h5")
    assert caught.value.details == ("line 2 holds NUL",)
