"""A finished training can be asked for more: it ends as one that was asked for all at once."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import test_adapt
import test_artifact_locks
import test_crossfit
import test_training
from conftest import make_cache

from avgap.artifact import read_stamp
from avgap.artifact.checkpoint import read_checkpoint
from avgap.crossfit import crossfit, crossfit_fold
from avgap.errors import OutputError
from avgap.settings import Network
from avgap.warmup import warmup


def digest(path: Path) -> str:
    return read_stamp(path).digest


@pytest.mark.parametrize("schedule", [{}, {"lr_schedule": "step", "lr_step": 2}])
def test_a_warm_up_goes_on_to_more_epochs(cache: Path, tmp_path: Path, schedule: dict) -> None:
    short, long = tmp_path / "short", tmp_path / "long"
    test_training.run(cache, short, epochs=2, **schedule)
    test_training.run(cache, short, epochs=5, **schedule)
    test_training.run(cache, long, epochs=5, **schedule)
    for name in ("checkpoint.pt", "best.pt"):
        there, asked = read_stamp(short / name), read_stamp(long / name)
        assert (there.digest, there.question) == (asked.digest, asked.question)
    assert read_checkpoint(short / "checkpoint.pt").complete
    assert len((short / "log.jsonl").read_text().splitlines()) == 5


def test_a_best_checkpoint_of_the_first_epochs_stays_and_is_confirmed(
    cache: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "w"
    test_training.run(cache, folder, epochs=6)  # all of validation is right by now
    first = digest(folder / "best.pt")
    test_training.run(cache, folder, epochs=8)
    assert digest(folder / "best.pt") == first
    assert read_stamp(folder / "best.pt").parameters["epochs"] == 8
    before = (folder / "checkpoint.pt").read_bytes()
    test_training.run(cache, folder, epochs=8)
    assert (folder / "checkpoint.pt").read_bytes() == before


def test_fewer_epochs_or_another_seed_besides_are_another_question(
    cache: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "w"
    test_training.run(cache, folder, epochs=2)
    for changes in ({"epochs": 1}, {"epochs": 4, "seed": 1}):
        with pytest.raises(OutputError, match="another question"):
            test_training.run(cache, folder, **changes)


def test_a_cosine_schedule_says_why_it_cannot_go_on(cache: Path, tmp_path: Path) -> None:
    folder = tmp_path / "w"
    test_training.run(cache, folder, epochs=2, lr_schedule="cosine")
    before = digest(folder / "checkpoint.pt")
    with pytest.raises(OutputError, match="cannot go on to more epochs") as refused:
        test_training.run(cache, folder, epochs=3, lr_schedule="cosine")
    assert any("cosine" in line for line in refused.value.details)
    assert digest(folder / "checkpoint.pt") == before
    test_training.run(cache, folder, epochs=3, lr_schedule="cosine", force=True)
    assert len(read_checkpoint(folder / "checkpoint.pt").history) == 3


def test_adaptation_goes_on_to_more_rounds(tmp_path: Path) -> None:
    cache = make_cache(tmp_path / "cache.h5")
    start = test_training.run(cache, tmp_path / "warmup")
    test_adapt.run(cache, start, tmp_path / "a", steps=1, epochs=2)
    test_adapt.run(cache, start, tmp_path / "a", steps=3, epochs=2)
    test_adapt.run(cache, start, tmp_path / "b", steps=3, epochs=2)
    for name in ("checkpoint.pt", "step-01/gmm.json", "step-03/gaps.h5"):
        assert digest(tmp_path / "a" / name) == digest(tmp_path / "b" / name)
    with pytest.raises(OutputError, match="another question"):
        test_adapt.run(cache, start, tmp_path / "a", steps=3, epochs=4)


def test_a_crossfit_goes_on_fold_by_fold_and_its_table_follows(tmp_path: Path) -> None:
    cache = make_cache(tmp_path / "cache.h5")
    asked = test_crossfit.asked(cache, tmp_path / "x")
    training = test_crossfit.TRAINING
    crossfit(asked)
    longer = test_crossfit.asked(
        cache, tmp_path / "x", training=test_crossfit.replace(training, epochs=3)
    )
    crossfit(longer)
    crossfit(test_crossfit.replace(longer, output=tmp_path / "y"))
    assert test_crossfit.digests(tmp_path / "x") == test_crossfit.digests(tmp_path / "y")
    assert (
        read_stamp(tmp_path / "x" / "gaps.h5").inputs
        == read_stamp(tmp_path / "y" / "gaps.h5").inputs
    )


def test_pixels_that_the_cache_does_not_have_are_told(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for size, told in ((64, True), (8, False), (224, False)):
        network = Network("small", "small", size)
        settings = test_training.settings(epochs=1)
        warmup(cache, tmp_path / f"{size}", loss="joint", network=network, settings=settings)
        words = " ".join(capsys.readouterr().err.split())
        assert ("the cached frames have 16 px, and are used as they are" in words) == told


def test_a_folder_in_which_somebody_trains_is_refused_and_read(cache: Path, tmp_path: Path) -> None:
    folder = tmp_path / "w"
    test_training.run(cache, folder, epochs=1)
    with test_artifact_locks.trainer(folder) as other:
        with pytest.raises(OutputError, match="another avgap is training in"):
            test_training.run(cache, folder, epochs=2)
        test_training.run(cache, folder, epochs=1)  # done: nothing is written
        assert len(read_checkpoint(folder / "checkpoint.pt").history) == 1
        other.communicate()
    test_training.run(cache, folder, epochs=2)
    assert sorted(path.name for path in folder.iterdir()) == [
        "best.pt",
        "checkpoint.pt",
        "log.jsonl",
    ]


def test_a_fold_is_locked_by_itself(tmp_path: Path) -> None:
    cache = make_cache(tmp_path / "cache.h5")
    asked = test_crossfit.asked(cache, tmp_path / "x")
    with test_artifact_locks.trainer(asked.folder(1)):
        crossfit_fold(asked, 2)
        with pytest.raises(OutputError, match=r"another avgap is training in .*fold-1"):
            crossfit_fold(asked, 1)


def test_what_force_replaces_stays_until_the_new_training_has_a_checkpoint(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "w"
    test_training.run(cache, folder, epochs=2)
    there = {path.name: path.read_bytes() for path in folder.iterdir()}

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("avgap.training.run.train", interrupted)
        with pytest.raises(KeyboardInterrupt):
            test_training.run(cache, folder, epochs=2, seed=1, force=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == there
    test_training.run(cache, folder, epochs=2, seed=1, force=True)
    test_training.run(cache, tmp_path / "new", epochs=2, seed=1)
    for name in ("checkpoint.pt", "best.pt"):
        assert digest(folder / name) == digest(tmp_path / "new" / name)


def test_a_training_never_replaces_the_checkpoint_that_it_begins_with(tmp_path: Path) -> None:
    cache = make_cache(tmp_path / "cache.h5")
    start = test_training.run(cache, tmp_path / "w")
    before = digest(tmp_path / "w" / "checkpoint.pt")
    with pytest.raises(OutputError, match="is an input of this command"):
        test_adapt.run(cache, start, tmp_path / "w", steps=1, epochs=1, force=True)
    assert digest(tmp_path / "w" / "checkpoint.pt") == before


def test_a_finished_training_is_confirmed_where_nothing_can_be_written(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "w"
    test_training.run(cache, folder, epochs=1)
    (folder / "log.jsonl").unlink()

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        test_training.run(cache, folder, epochs=1)
    test_training.run(cache, folder, epochs=1)
    assert (folder / "log.jsonl").exists()
