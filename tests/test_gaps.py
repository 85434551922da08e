"""The table of gaps, and the stage that measures them."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from calling import fails
from test_artifact_checkpoint import signed

from avgap.artifact import Stamp, read_stamp
from avgap.artifact.checkpoint import load_checkpoint
from avgap.artifact.gaps import Gaps, gaps_as_csv, of_folds, read_gaps, write_gaps
from avgap.data.cache.reader import open_cache
from avgap.data.loading.augment import whole_frames
from avgap.errors import InputError, OutputError
from avgap.gaps import gaps
from avgap.models.scores import modality_gap
from avgap.settings import Network, Training
from avgap.warmup import warmup


@pytest.fixture
def checkpoint(cache: Path, tmp_path: Path) -> Path:
    settings = Training(epochs=2, optimizer="adam", lr=3e-3)
    network = Network("small", "small")
    return warmup(cache, tmp_path / "w", loss="joint", network=network, settings=settings).path


def test_the_gaps_are_those_of_the_definition_in_cache_order(
    cache: Path, checkpoint: Path, tmp_path: Path
) -> None:
    table = gaps(cache, checkpoint, tmp_path / "gaps.h5", batch_size=7).table
    split = open_cache(cache).split("train")
    model = load_checkpoint(checkpoint)
    with torch.inference_mode():
        logits = model(
            torch.from_numpy(split.audio), whole_frames(torch.from_numpy(split.visual), 16)
        )
    expected = modality_gap(logits.audio, logits.visual, torch.from_numpy(split.label)).numpy()
    assert table.id == split.id
    assert table.gap.dtype == np.float64
    np.testing.assert_allclose(table.gap, expected, atol=1e-6)
    np.testing.assert_array_equal(table.gap, table.audio_prob - table.visual_prob)
    np.testing.assert_array_equal(table.fused_pred, logits.fused.argmax(dim=1))


def test_a_written_table_is_read_as_it_was(cache: Path, checkpoint: Path, tmp_path: Path) -> None:
    for name in ("gaps.h5", "gaps.csv"):
        made = gaps(cache, checkpoint, tmp_path / name, logits=name.endswith("h5")).table
        read = read_gaps(tmp_path / name)
        assert read.stamp == read_stamp(tmp_path / name) == made.stamp
        for column in ("label", "audio_prob", "visual_prob", "gap", "fused_pred", "visual_pred"):
            np.testing.assert_array_equal(getattr(read, column), getattr(made, column))
        assert read.id == made.id
    assert read_gaps(tmp_path / "gaps.h5").audio_logits.shape == (60, 3)


def measured(gap: list[float]) -> Gaps:
    """Two samples as a network measured them: audio's score is the gap, visual's zero."""
    values = np.array(gap)
    return Gaps(values, ["a", "b"], np.array([0, 1]), values, np.zeros(2))


def test_of_folds_takes_each_sample_from_the_network_of_its_own_fold() -> None:
    tables = (measured(gap) for gap in ([0.1, 0.2], [0.3, 0.4]))
    table = of_folds(tables, np.array([2, 1]))
    assert (table.id, table.gap.tolist(), table.fold.tolist()) == (["a", "b"], [0.3, 0.2], [2, 1])
    assert table.audio_prob.tolist() == [0.3, 0.2]
    assert (table.label.tolist(), table.audio_logits) == ([0, 1], None)


@pytest.mark.parametrize("name", ["gaps.h5", "gaps.csv"])
def test_the_fold_of_a_sample_is_kept_and_is_content(tmp_path: Path, name: str) -> None:
    table = replace(measured([0.1, 0.2]), fold=np.array([2, 1]))
    table = replace(table, stamp=Stamp("avgap.gaps", table.digest(), {}, {}, {}))
    write_gaps(tmp_path / name, table)
    read = read_gaps(tmp_path / name)
    assert (read.fold.tolist(), read.fold.dtype) == ([2, 1], np.int64)
    assert read.digest() == table.digest() != replace(table, fold=np.array([1, 2])).digest()
    assert read.held_out


@pytest.mark.parametrize(
    ("inputs", "parameters", "held_out"),
    [
        ({"cache": "c", "checkpoint": "d"}, {"split": "train"}, False),
        ({"cache": "c", "checkpoint": "d"}, {"split": "val"}, True),
        ({"predictions": "p"}, {"logits": False}, None),
    ],
)
def test_a_table_says_whether_its_gaps_are_held_out(
    inputs: dict[str, str], parameters: dict[str, str], held_out: bool | None
) -> None:
    stamp = Stamp("avgap.gaps", "", inputs, parameters, {})
    assert replace(measured([0.1, 0.2]), stamp=stamp).held_out is held_out
    assert measured([0.1, 0.2]).held_out is None


@pytest.mark.parametrize("name", ["gaps.csv", "-"])
def test_logits_are_not_promised_to_a_csv(cache: Path, checkpoint: Path, name: str) -> None:
    told = fails(2, "gaps", cache, "-c", checkpoint, "--logits", "-o", name)
    assert "a CSV holds no logits" in told
    assert "gaps.csv" not in {path.name for path in Path().iterdir()}


def test_the_batch_size_changes_no_question(cache: Path, checkpoint: Path, tmp_path: Path) -> None:
    gaps(cache, checkpoint, tmp_path / "gaps.h5", batch_size=7)
    assert gaps(cache, checkpoint, tmp_path / "gaps.h5", batch_size=60).up_to_date
    with pytest.raises(OutputError, match="split: train there, val asked for"):
        gaps(cache, checkpoint, tmp_path / "gaps.h5", split="val")


def test_an_unknown_split_names_those_there_are(
    cache: Path, checkpoint: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="test"):
        gaps(cache, checkpoint, tmp_path / "gaps.h5", split="tset")


def test_a_checkpoint_for_other_shapes_is_refused(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import conftest

    from avgap.settings import FrameRecipe

    monkeypatch.setattr(conftest, "CLASSES", ("low", "middle", "top"))
    other = conftest.make_cache(tmp_path / "other.h5")
    with pytest.raises(InputError, match=r"does not fit(.|\n)*classes: \['low', 'middle', 'top'\]"):
        gaps(other, checkpoint, tmp_path / "gaps.h5")
    assert FrameRecipe.count == 3


def test_scores_that_are_not_finite_are_listed_by_id(
    cache: Path, checkpoint: Path, tmp_path: Path
) -> None:
    content = torch.load(checkpoint, weights_only=True)
    content["model"]["head.bias"][0] = float("nan")
    torch.save(signed(content), checkpoint)
    with pytest.raises(InputError, match="not finite for 60 of 60 samples\n  train-0\n"):
        gaps(cache, checkpoint, tmp_path / "gaps.h5")
    assert not (tmp_path / "gaps.h5").exists()


def test_a_device_without_room_is_told_with_what_to_try(
    cache: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("tried to allocate")

    monkeypatch.setattr("avgap.training.measure.predict_together", full)
    with pytest.raises(InputError, match="the device is out of memory") as caught:
        gaps(cache, checkpoint, tmp_path / "gaps.h5", batch_size=64)
    assert caught.value.hint == "--batch-size 32"


def test_foreign_tables_need_a_gap_column_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.array([0.5, -0.25])
    np.save(tmp_path / "a.npy", values)
    (tmp_path / "a.csv").write_text("\ufeffname,gap\r\nx,0.5\r\ny,-0.25\r\n", encoding="utf-8")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["gap"] = values
    for name in ("a.npy", "a.csv", "a.h5"):
        table = read_gaps(tmp_path / name)
        np.testing.assert_array_equal(table.gap, values)
        assert table.stamp is None
    monkeypatch.setattr(sys, "stdin", io.StringIO("gap\n0.5\n-0.25\n"))
    np.testing.assert_array_equal(read_gaps("-").gap, values)


def test_a_table_travels_through_a_pipe_with_its_stamp(
    cache: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = gaps(cache, checkpoint, "-").table
    monkeypatch.setattr(sys, "stdin", io.StringIO(gaps_as_csv(table)))
    read = read_gaps("-")
    np.testing.assert_array_equal(read.gap, table.gap)
    assert read.stamp is not None
    assert read.stamp.digest == table.digest()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("id,gap\n", "is empty\n  columns: id, gap"),
        ("id,gab\nx,1\n", "has no gap column\n  it has: id, gab"),
        (
            "id;gap\nx;0.5\n",
            "has ';' between its columns\n  its first line: id;gap\n  try: commas between",
        ),
        (f'id,gap\n"{"x" * 200_000}",1\n', "cannot be read as CSV\n  field larger than"),
        ("id,gap\nx,0.5\ny,nan\nz,1.5\n", "2 of 3 gaps are not numbers in .*\n  y: nan\n  z: 1.5"),
        ("id,gap\nx,much\n", "gap is not a number in 1 rows\n  row 1: 'much'"),
    ],
)
def test_a_bad_table_says_what_is_wrong(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(InputError, match=words):
        read_gaps(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("gap", 0.5, "gap is not one column of numbers"),
        ("gap", [b"a", b"b"], "gap is not one column of numbers"),
        ("gap", None, "gap is not one column of numbers"),
        ("audio_prob", [[0.5], [0.5]], "audio_prob is not one column of numbers"),
        ("id", 3, "id is not one column"),
    ],
)
def test_columns_that_are_none_are_named(
    tmp_path: Path, name: str, values: Any, words: str
) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        if name != "gap":
            file["gap"] = [0.5, 0.1]
        file.create_group(name) if values is None else file.create_dataset(name, data=values)
    with pytest.raises(InputError, match=words):
        read_gaps(tmp_path / "a.h5")


def test_a_foreign_table_may_number_its_samples_and_name_its_classes(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["gap"], file["id"], file["label"] = [0.5, 0.1], [7, 8], [b"cat", b"dog"]
    table = read_gaps(tmp_path / "a.h5")
    assert (table.id, table.label) == (["7", "8"], None)
    (tmp_path / "a.csv").write_text("gap,audio_pred,label\n0.5,3.0,cat\n0.1,,dog\n")
    assert read_gaps(tmp_path / "a.csv").gap.tolist() == [0.5, 0.1]


def test_a_foreign_hdf5_may_have_its_own_words_for_what_it_is(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["gap"] = np.array([0.5, 0.1], dtype=np.float16)
        file["id"] = np.array([b"caf\xe9", b"b"])
        file.attrs["format"], file.attrs["format_version"] = "mine", "1.0"
    table = read_gaps(tmp_path / "a.h5")
    assert (table.stamp, table.gap.dtype, table.id[1]) == (None, np.float64, "b")


def test_a_pickle_named_npy_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(InputError, match="cannot be read as"):
        read_gaps(tmp_path / "a.npy")


def test_bf16_gaps_say_how_far_they_are_from_fp32(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = Path("run/warmup/checkpoint.pt")
    exact = gaps(Path("cache.h5"), checkpoint, "exact.h5").table.gap
    rounded = gaps(Path("cache.h5"), checkpoint, "rounded.h5", precision="bf16").table.gap
    told = capsys.readouterr().err
    distance = np.abs(exact - rounded)
    assert f"bf16 moves the gap by {distance.mean():.2g} on average" in told
    assert f"less than {np.quantile(distance, 0.99):.2g} (of 60 samples" in told
    assert 0 < distance.mean() < 0.02
