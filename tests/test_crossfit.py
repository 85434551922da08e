"""Held-out gaps: nothing leaks, broken equals unbroken, and every fold is accounted for."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from calling import INTERRUPTED, SMALL, call, fails
from conftest import make_cache
from test_cli_processes import all_ended, interrupt
from test_data_datasets_embeddings import write as write_embeddings
from test_training_distributed import torchrun

from avgap.artifact import read_stamp
from avgap.artifact.checkpoint import read_checkpoint
from avgap.artifact.gaps import read_gaps
from avgap.crossfit import Trainings, crossfit, crossfit_fold
from avgap.data.cache.reader import open_cache
from avgap.errors import InputError, OutputError, UsageError
from avgap.fitgmm import fitgmm
from avgap.gaps import gaps
from avgap.prepare import prepare
from avgap.settings import Crossfit, Network, Training
from avgap.training.folder import Folder

THREE = Crossfit(folds=3)
TRAINING = Training(epochs=2, batch_size=16, optimizer="adam", lr=3e-3)


def asked(cache: Path, output: Path, settings: Crossfit = THREE, **changes) -> Trainings:
    small = Network("small", "small")
    trainings = Trainings(cache, output, settings, "joint", small, TRAINING)
    return replace(trainings, **changes)


def digests(folder: Path, folds: int = 3) -> list[str]:
    places = [folder / f"fold-{n}" / "checkpoint.pt" for n in range(1, folds + 1)]
    return [read_stamp(path).digest for path in (*places, folder / "gaps.h5")]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with cache.h5 and x, three folds of it."""
    folder = tmp_path_factory.mktemp("crossfit")
    crossfit(asked(make_cache(folder / "cache.h5"), folder / "x"), logits=True)
    return folder


def test_every_training_sample_is_there_once_in_cache_order(done: Path) -> None:
    table, cache = read_gaps(done / "x" / "gaps.h5"), open_cache(done / "cache.h5")
    assert table.id == list(cache.labels("train"))
    assert table.label.tolist() == list(cache.labels("train").values())
    assert np.bincount(table.fold).tolist() == [0, 20, 20, 20]
    assert table.held_out
    assert table.fused_logits.shape == (60, 3)


def test_the_gaps_are_those_of_each_folds_checkpoint_to_the_bit(done: Path, tmp_path: Path) -> None:
    table = read_gaps(done / "x" / "gaps.h5")
    for fold in (1, 2, 3):
        checkpoint = done / "x" / f"fold-{fold}" / "checkpoint.pt"
        whole = gaps(done / "cache.h5", checkpoint, tmp_path / f"{fold}.h5", logits=True).table
        mine = table.fold == fold
        for name in ("gap", "audio_prob", "visual_prob", "audio_pred", "fused_logits"):
            np.testing.assert_array_equal(getattr(table, name)[mine], getattr(whole, name)[mine])


def test_no_clip_of_a_fold_changes_the_network_without_it(done: Path, tmp_path: Path) -> None:
    other = shutil.copy(done / "cache.h5", tmp_path / "cache.h5")
    mine = np.flatnonzero(read_gaps(done / "x" / "gaps.h5").fold == 2)
    with h5py.File(other, "r+") as file:
        for row in mine:
            file["train/visual"][row] = 255
            file["train/audio"][row] = 0
    for fold, same in ((2, True), (1, False)):
        again = crossfit_fold(asked(other, tmp_path / "y"), fold).trained.checkpoint
        there = read_checkpoint(done / "x" / f"fold-{fold}" / "checkpoint.pt")
        assert (again.stamp.digest == there.stamp.digest) is same
        assert all(torch.equal(there.model[n], again.model[n]) for n in there.model) is same


def test_the_question_of_a_fold_names_what_is_held_out(done: Path) -> None:
    stamps = [read_stamp(done / "x" / f"fold-{n}" / "checkpoint.pt") for n in (1, 2)]
    assert [stamp.parameters["fold"] for stamp in stamps] == [1, 2]
    assert {(s.parameters["phase"], s.parameters["folds"]) for s in stamps} == {("warmup", 3)}
    assert {s.parameters["by"] for s in stamps} == {None}
    assert stamps[0].parameters["held_out"] != stamps[1].parameters["held_out"]


def test_the_table_says_what_it_was_made_from(done: Path) -> None:
    stamp = read_stamp(done / "x" / "gaps.h5")
    assert list(stamp.inputs) == ["cache", "checkpoint_1", "checkpoint_2", "checkpoint_3"]
    assert list(stamp.inputs.values())[1:] == digests(done / "x")[:3]
    assert stamp.hints["checkpoint_3"] == "fold-3/checkpoint.pt"
    asked_for = {"split": "train", "logits": True, "precision": "fp32", "folds": 3, "by": None}
    assert stamp.parameters == asked_for


def test_everything_takes_the_table_like_any_other(done: Path, tmp_path: Path) -> None:
    path, csv = done / "x" / "gaps.h5", tmp_path / "gaps.csv"
    assert json.loads(call("report", path, "--verify", "--json").stdout)["verified"]
    fitgmm(path, tmp_path / "gmm.json")
    assert set(read_stamp(tmp_path / "gmm.json").inputs) == {"gaps", "cache"}
    page = tmp_path / "page.html"
    assert call("report", path, tmp_path / "gmm.json", "-o", page).exit_code == 0
    assert call("gaps", "--predictions", path, "-o", csv).exit_code == 0
    np.testing.assert_array_equal(read_gaps(csv).gap, read_gaps(path).gap)


def test_the_same_call_confirms_and_reads_no_split(
    done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("avgap.data.loading.resident.resident")
    assert crossfit(asked(done / "cache.h5", done / "x"), logits=True).gaps.up_to_date


def test_the_splits_are_read_once_for_all_folds(
    done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from avgap.data.loading import resident as module

    seen: list[str] = []
    read = module.resident
    monkeypatch.setattr(
        module, "resident", lambda cache, name, *rest: seen.append(name) or read(cache, name, *rest)
    )
    crossfit(asked(done / "cache.h5", tmp_path / "y"))
    assert seen == ["train", "val"]


@pytest.mark.parametrize(("fold", "epoch"), [(1, 1), (2, 1), (2, 2)])
def test_a_broken_crossfit_ends_as_an_unbroken_one(
    done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fold: int, epoch: int
) -> None:
    saved = Folder.save

    def save_and_die(self: Folder, state: object, **rest: object) -> None:
        saved(self, state, **rest)  # type: ignore[arg-type]
        if self.path.name == f"fold-{fold}" and len(state.history) == epoch:  # type: ignore[attr-defined]
            raise KeyboardInterrupt

    trainings = asked(done / "cache.h5", tmp_path / "x")
    with monkeypatch.context() as patch:
        patch.setattr(Folder, "save", save_and_die)
        with pytest.raises(KeyboardInterrupt):
            crossfit(trainings, logits=True)
    assert not (tmp_path / "x" / "gaps.h5").exists()
    crossfit(trainings, logits=True)
    assert digests(tmp_path / "x") == digests(done / "x")


def test_the_tasks_of_an_array_end_as_one_call_and_say_what_is_left(
    done: Path, tmp_path: Path
) -> None:
    trainings = asked(done / "cache.h5", tmp_path / "x")
    assert [crossfit_fold(trainings, fold).left for fold in (3, 1)] == [[1, 2], [2]]
    assert crossfit_fold(trainings, 3).trained.up_to_date
    crossfit(trainings, logits=True)
    assert digests(tmp_path / "x") == digests(done / "x")
    assert crossfit_fold(trainings, 2).left == []


def test_another_question_is_refused_before_anything_is_trained(done: Path, tmp_path: Path) -> None:
    shutil.copytree(done / "x" / "fold-3", tmp_path / "x" / "fold-3")
    other = asked(done / "cache.h5", tmp_path / "x", training=replace(TRAINING, seed=1))
    with pytest.raises(OutputError, match="fold-3") as caught:
        crossfit(other)
    assert [line.split(":")[0] for line in caught.value.details] == ["held_out", "seed"]
    assert not (tmp_path / "x" / "fold-1").exists()
    crossfit(replace(other, force=True))
    assert digests(tmp_path / "x") != digests(done / "x")


def test_a_file_in_the_place_of_the_table_is_told_at_once(done: Path, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "gaps.h5").write_text("mine")
    with pytest.raises(OutputError, match="is not an avgap artifact"):
        crossfit(asked(done / "cache.h5", tmp_path / "x", force=True))
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["gaps.h5"]


@pytest.mark.parametrize("size", [100, -200])
def test_a_damaged_checkpoint_of_a_fold_is_named(done: Path, tmp_path: Path, size: int) -> None:
    shutil.copytree(done / "x", tmp_path / "x")
    path = tmp_path / "x" / "fold-2" / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(OutputError, match=r"fold-2/checkpoint.pt exists and is not an avgap"):
        crossfit(asked(done / "cache.h5", tmp_path / "x"), logits=True)
    shutil.rmtree(path.parent)
    assert crossfit(asked(done / "cache.h5", tmp_path / "x"), logits=True).gaps.up_to_date


def with_speakers(path: Path, speakers: int) -> Path:
    """The cache with a column speaker; each speaks six clips in turn, all classes."""
    with h5py.File(path, "r+") as file:
        for split in ("train", "val", "test"):
            n = len(file[split]["label"])
            names = [f"s{row // 6 % speakers}" for row in range(n)]
            file[split]["meta"].create_dataset("speaker", data=names, dtype=h5py.string_dtype())
    return path


def test_by_a_column_keeps_its_groups_together(cache: Path, tmp_path: Path) -> None:
    by = Crossfit(folds=3, by="speaker")
    made = crossfit(asked(with_speakers(cache, 5), tmp_path / "x", by)).gaps.table
    speaker = np.array(open_cache(cache).meta("train")["speaker"])
    assert all(len(set(made.fold[speaker == name])) == 1 for name in set(speaker))
    assert made.stamp.parameters["by"] == "speaker"
    with pytest.raises(InputError, match="6 folds need as many groups, and there are 5"):
        crossfit(asked(cache, tmp_path / "y", Crossfit(folds=6, by="speaker")))


def test_wrong_folds_and_columns_are_told(done: Path, tmp_path: Path) -> None:
    line = ["crossfit", done / "cache.h5", "-o", tmp_path / "y", *SMALL]
    assert "there is no fold 6\n  folds: 1 to 5\n" in fails(2, *line, "--fold", "6")
    assert "'--fold': Input should be greater than or equal to 1" in fails(2, *line, "--fold", "0")
    assert "try: corrupt" in fails(2, *line, "--by", "corupt")
    told = fails(3, *line, "--folds", "21")
    assert "21 folds need 21 clips of every class\n  class low: 20 training clips\n" in told
    assert not (tmp_path / "y").exists()
    with pytest.raises(UsageError, match="there is no fold 4"):
        crossfit_fold(asked(done / "cache.h5", tmp_path / "y"), 4)


def test_a_cache_of_one_group_is_told(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="3 folds need as many groups, and there is one"):
        crossfit(asked(with_speakers(cache, 1), tmp_path / "x", Crossfit(3, "speaker")))


def test_embeddings_without_a_validation_split_are_crossfitted(tmp_path: Path) -> None:
    cache = tmp_path / "c.h5"
    prepare("embeddings", write_embeddings(tmp_path / "e.npz"), cache, val_fraction=0.0)
    assert open_cache(cache).sizes["val"] == 0
    trainings = asked(cache, tmp_path / "x", network=Network("identity", "identity"))
    table = crossfit(trainings).gaps.table
    assert np.bincount(table.fold).tolist() == [0, 35, 35, 35]


def test_a_command_says_which_fold_and_what_comes_next(
    done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    line = ["crossfit", done / "cache.h5", "-o", "x", "--folds", "2", "--epochs", "1", *SMALL]
    first = call(*line, "--fold", "2")
    assert first.stderr.startswith("fold 2 of 2\non the CPU")
    assert first.stderr.endswith("wrote x/fold-2/checkpoint.pt\nnot trained yet: fold 1\n")
    told = json.loads(call(*line, "--fold", "2", "--json").stdout)
    assert (told["up_to_date"], told["fold"], told["left"]) == (True, 2, [1])
    whole = call(*line)
    assert whole.stderr.startswith("fold 1 of 2\non the CPU")
    assert "fold 2 of 2" not in whole.stderr
    assert whole.stderr.endswith(
        "wrote x/gaps.h5\nnext: avgap fitgmm x/gaps.h5 -o x/gmm.json --criterion nec\n"
    )
    assert "gap = audio − visual, 60 samples" in whole.stdout
    assert "the same command without --fold gathers" in call(*line, "--fold", "1").stderr
    told = json.loads(call(*line, "--json").stdout)
    assert told["checkpoints"] == ["x/fold-1/checkpoint.pt", "x/fold-2/checkpoint.pt"]
    assert told["up_to_date"]


# ---------------------------------------------------------------- processes of their own


@pytest.mark.slow
def test_two_at_once_end_as_one_after_another(done: Path, tmp_path: Path) -> None:
    two = Crossfit(folds=3, jobs=2)
    crossfit(asked(done / "cache.h5", tmp_path / "x", two), logits=True)
    assert digests(tmp_path / "x") == digests(done / "x")


@pytest.mark.slow
def test_an_error_of_one_of_several_is_its_own(done: Path, tmp_path: Path) -> None:
    two = Crossfit(folds=3, jobs=2)
    diverging = replace(TRAINING, optimizer="sgd", lr=1e30)
    with pytest.raises(InputError, match=r"in epoch 1 of warmup") as caught:
        crossfit(asked(done / "cache.h5", tmp_path / "x", two, training=diverging))
    assert caught.value.hint == "a smaller --lr than 1e+30"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are listed in /proc")
def test_an_interruption_ends_all_and_the_same_command_goes_on(done: Path, tmp_path: Path) -> None:
    line = ["crossfit", done / "cache.h5", "-o", tmp_path / "x", "--folds", "2", "--jobs", "2"]
    line += ["--epochs", "12", *SMALL]
    child, out, err = interrupt(*line, after="fold 2 of 2: warmup epoch 1:")
    assert (child.returncode, out) == (130, "")
    assert err.endswith(INTERRUPTED)
    assert "Traceback" not in err
    assert all_ended(child.pid)
    assert not (tmp_path / "x" / "gaps.h5").exists()
    for folder in ("x", "y"):
        assert call(*line[:3], tmp_path / folder, *line[4:], "--jobs", "1").exit_code == 0
    assert digests(tmp_path / "x", 2) == digests(tmp_path / "y", 2)


@pytest.mark.slow
def test_several_processes_of_torchrun_share_each_folds_batches(done: Path, tmp_path: Path) -> None:
    line = ["-m", "avgap", "crossfit", done / "cache.h5", "-o", tmp_path / "x", "--folds", "3"]
    line += ["--epochs", "2", "--batch-size", "16", "--optimizer", "adam", "--lr", "3e-3"]
    line += ["--encoder", "small", "--logits"]
    refused = torchrun(*line, "--jobs", "2")
    assert refused.stderr.count("error: --jobs starts processes of its own") == 1
    assert torchrun(*line).returncode == 0
    one, two = (read_gaps(place / "x" / "gaps.h5") for place in (done, tmp_path))
    np.testing.assert_array_equal(one.fold, two.fold)
    np.testing.assert_allclose(one.gap, two.gap, atol=1e-4)
