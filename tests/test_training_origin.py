"""What is told of a checkpoint before it is used: incomplete, of another cache, has seen this."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest
import test_adapt
import test_training
from conftest import make_cache

from avgap.artifact.checkpoint import read_checkpoint
from avgap.evaluate import evaluate
from avgap.gaps import gaps
from avgap.training import train


@pytest.fixture
def warned(capsys: pytest.CaptureFixture[str]):
    def lines() -> list[str]:
        return [line for line in capsys.readouterr().err.splitlines() if "warning: " in line]

    return lines


def test_of_a_finished_checkpoint_on_its_own_cache_nothing_is_said(
    cache: Path, tmp_path: Path, warned
) -> None:
    path = test_training.run(cache, tmp_path / "w")
    for checkpoint in (path, path.with_name("best.pt")):
        evaluate(cache, checkpoint, tmp_path / f"{checkpoint.stem}.json", device_name="cpu")
    gaps(cache, path, tmp_path / "g.h5", device_name="cpu")
    assert warned() == []


def test_a_checkpoint_that_is_not_complete_says_so(
    cache: Path, tmp_path: Path, warned, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(state, method, setup, epochs, save, bar):
        train(state, method, setup, 1, save, bar)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("avgap.training.run.train", broken)
        with pytest.raises(KeyboardInterrupt):
            test_training.run(cache, tmp_path / "w", epochs=3)
    path = tmp_path / "w" / "checkpoint.pt"
    assert not read_checkpoint(path).complete
    for checkpoint in (path, path.with_name("best.pt")):
        told = f"warning: {checkpoint} is not complete: its training was broken off, or goes on."
        evaluate(cache, checkpoint, tmp_path / f"{checkpoint.stem}.json", device_name="cpu")
        gaps(cache, checkpoint, tmp_path / f"{checkpoint.stem}.h5", device_name="cpu")
        assert [line.startswith(told) for line in warned()] == [True, True]
    test_adapt.run(cache, path, tmp_path / "a", steps=1, epochs=1)
    assert "is not complete" in warned()[0]


def test_clips_of_training_in_the_split_that_is_measured_are_told_loudly(
    cache: Path, tmp_path: Path, warned
) -> None:
    path = test_training.run(cache, tmp_path / "w")
    other = make_cache(tmp_path / "other.h5", seed=1)  # of the same ids, but for the splits
    evaluate(other, path, tmp_path / "clean.json", device_name="cpu")
    assert warned() == [f"warning: {path} was trained on another cache than {other}"]
    mixed = make_cache(tmp_path / "mixed.h5", seed=2)
    with h5py.File(mixed, "r+") as file:
        file["train/id"][:] = [f"new-{i}" for i in range(60)]
        file["test/id"][:] = [f"train-{i}" for i in range(21)]
    evaluate(mixed, path, tmp_path / "mixed.json", device_name="cpu")
    first, loud = warned()
    assert "another cache" in first
    assert loud.startswith(
        f"warning: NOT HELD OUT: 21 of 21 clips of test have the ids of clips that {path} has "
        "trained on (train-0, "
    )
    cache.unlink()
    evaluate(other, path, tmp_path / "lost.json", device_name="cpu")
    assert "whether it has trained on clips of test here cannot be told" in warned()[1]
