"""prepare: a box of every picture, and what the cache and its question say of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from media import write_table, write_video
from PIL import Image

from avgap.data.cache.reader import open_cache
from avgap.data.cache.shards import Shard
from avgap.errors import InputError, OutputError, UsageError
from avgap.merge import merge
from avgap.prepare import Prepared, prepare
from avgap.settings import AudioRecipe, FrameRecipe

AUDIO = AudioRecipe("tiny", 8000, 0.5, 64, 100)
FRAMES = FrameRecipe(count=1, size=8)
LEFT, RIGHT = (0, 0, 32, 48), (32, 0, 32, 48)  # x, y, width, height of 64 × 48 px


def run(root: Path, output: Path, **options) -> Prepared:
    return prepare("csv", root, output, audio=AUDIO, frames=FRAMES, workers=1, **options)


@pytest.fixture(scope="module")
def media(tmp_path_factory) -> Path:
    """A sound, and a folder of one picture: 50 on the left, 200 on the right."""
    folder = tmp_path_factory.mktemp("media")
    write_video(folder / "sound.mp4")
    picture = np.full((48, 64, 3), 50, np.uint8)
    picture[:, 32:] = 200
    (folder / "picture").mkdir()
    Image.fromarray(picture).save(folder / "picture" / "0.png")
    return folder


def table(media: Path, boxes: dict[str, tuple[object, ...] | None]) -> Path:
    """Clips of the one picture, by id; the last is for testing. None: no columns at all."""
    last = list(boxes)[-1]
    rows = []
    for id, box in boxes.items():
        row = {"id": id, "label": "a", "split": "test" if id == last else "train"}
        row |= {"video": "picture", "audio": "sound.mp4"}
        rows.append(row | dict(zip(("x", "y", "width", "height"), box or (), strict=False)))
    return write_table(media, rows, f"{'-'.join(boxes)}.csv")


def levels(path: Path) -> dict[str, float]:
    """The mean of each clip's frames, by id."""
    cache = open_cache(path)
    splits = [cache.split(name) for name in ("train", "test")]
    return {i: float(v.mean()) for s in splits for i, v in zip(s.id, s.visual, strict=True)}


def test_every_clip_has_the_box_of_its_row_and_the_others_that_of_the_option(media, tmp_path):
    source = table(media, {"one": LEFT, "two": RIGHT, "three": ("",) * 4, "four": LEFT})
    made = run(source, tmp_path / "a.h5", val_fraction=0)
    assert levels(tmp_path / "a.h5") == {"one": 50, "two": 200, "three": 125, "four": 50}
    cache = open_cache(tmp_path / "a.h5")
    assert cache.column("x") == {"one": "0", "two": "32", "three": "", "four": "0"}
    assert cache.column("height")["two"] == "48"
    assert made.audit is not None
    assert made.audit.duplicates == [["train/one", "test/four"]]  # another box is another clip
    run(source, tmp_path / "b.h5", val_fraction=0, crop="32,0,32,48")
    assert levels(tmp_path / "b.h5") == {"one": 50, "two": 200, "three": 200, "four": 50}


def test_the_box_for_all_is_in_the_question_and_without_one_the_question_is_as_before(
    media, tmp_path
):
    source, output = table(media, {"p": None, "q": None}), tmp_path / "a.h5"
    run(source, output, val_fraction=0)
    assert not {"crop", "corrupt_splits"} & set(open_cache(output).stamp.parameters)
    with pytest.raises(OutputError, match="answers another question") as caught:
        run(source, output, val_fraction=0, crop="0,0,32,48")
    assert caught.value.details == ("crop: absent there, [0, 0, 32, 48] asked for",)
    run(source, output, val_fraction=0, crop="0,0,32,48", force=True)
    assert levels(output) == {"p": 50, "q": 50}
    assert run(source, output, val_fraction=0, crop="0, 0, 32, 48.0").status == "up to date"


def test_a_box_that_changed_in_the_table_is_told(media, tmp_path):
    source, output = table(media, {"c": LEFT, "d": LEFT}), tmp_path / "a.h5"
    run(source, output, val_fraction=0)
    source.write_text(source.read_text().replace("sound.mp4,0,0,32", "sound.mp4,8,0,32", 1))
    with pytest.raises(OutputError) as caught:
        run(source, output, val_fraction=0)
    assert caught.value.what == f"{output} was made from another list of clips"
    assert caught.value.details == ("c: x 0 there, 8 now",)


def test_boxes_outside_their_picture_are_broken_clips(media, tmp_path):
    boxes = {"in": LEFT, "right": (40, 0, 32, 48), "below": (0, 8, 32, 41), "t": RIGHT}
    source = table(media, boxes)
    with pytest.raises(InputError, match="2 clips cannot be used") as caught:
        run(source, tmp_path / "a.h5", val_fraction=0)
    assert caught.value.details == (
        "below: picture: its picture has 64×48 px, and the box to crop ends at 32,49",
        "right: picture: its picture has 64×48 px, and the box to crop ends at 72,48",
    )
    run(source, tmp_path / "a.h5", val_fraction=0, allow_missing=2)
    assert levels(tmp_path / "a.h5") == {"in": 50, "t": 200}


def test_what_is_no_box_is_told_before_anything_is_decoded(media, tmp_path):
    source = table(media, {"r": None, "s": None})
    with pytest.raises(UsageError, match="width is 0, below 1"):
        run(source, tmp_path / "a.h5", crop="0,0,0,48")
    np.savez(
        tmp_path / "f.npz",
        id=["a", "b"],
        label=["x", "x"],
        split=["train", "test"],
        audio=np.zeros((2, 3), np.float32),
        visual=np.zeros((2, 3), np.float32),
    )
    with pytest.raises(UsageError, match="embeddings have no front end") as caught:
        prepare("embeddings", tmp_path / "f.npz", tmp_path / "a.h5", crop="0,0,1,1")
    assert caught.value.details == ("given: --crop",)


def test_shards_crop_as_one_machine_does(media, tmp_path):
    source = table(media, {"k": LEFT, "l": RIGHT, "m": ("",) * 4, "n": LEFT})
    options = {"val_fraction": 0, "crop": "32,0,32,48"}
    whole = run(source, tmp_path / "whole.h5", **options)
    for number in (1, 2):
        run(source, tmp_path / f"{number}.h5", shard=Shard(number, 2), **options)
    merged = merge([tmp_path / "1.h5", tmp_path / "2.h5"], tmp_path / "merged.h5")
    assert merged.digest == whole.digest
    assert run(source, tmp_path / "merged.h5", **options).status == "up to date"
