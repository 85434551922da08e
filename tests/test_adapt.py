"""Algorithm 1, phase 2: by hand = by machine, broken = unbroken, clear warnings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import make_cache

from avgap.adapt import adapt
from avgap.artifact import read_stamp
from avgap.checkpoint import Checkpoint, read_checkpoint
from avgap.errors import InputError, OutputError
from avgap.fitgmm import fitgmm
from avgap.gaps import gaps
from avgap.settings import Adaptive, Network, Training
from avgap.trainingfolder import Folder
from avgap.warmup import warmup


@pytest.fixture
def start(cache: Path, tmp_path: Path) -> Path:
    settings = Training(epochs=3, batch_size=16, optimizer="adam", lr=3e-3, seed=5)
    network = Network("small", "small")
    return warmup(cache, tmp_path / "warmup", loss="joint", network=network, settings=settings).path


def run(cache: Path, start: Path, folder: Path, gmm: Path | None = None, **changes: Any) -> Path:
    loop = {name: changes.pop(name) for name in ("optimizer", "lr", "seed") if name in changes}
    force = changes.pop("force", False)
    settings = Adaptive(**{"steps": 3, "epochs": 2, **changes})
    return adapt(cache, start, folder, settings=settings, changes=loop, gmm=gmm, force=force).path


def by_hand(cache: Path, start: Path, folder: Path, steps: int, **changes: Any) -> Path:
    for step in range(1, steps + 1):
        measured, mixture = folder / f"gaps-{step}.h5", folder / f"gmm-{step}.json"
        gaps(cache, start, measured)
        fitgmm(measured, mixture)
        start = run(cache, start, folder / f"adapt-{step}", mixture, steps=1, **changes)
    return start


def assert_same(one: Checkpoint, other: Checkpoint) -> None:
    assert one.model.keys() == other.model.keys()
    assert all(torch.equal(one.model[name], other.model[name]) for name in one.model)
    assert one.stamp.digest == other.stamp.digest


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_three_steps_by_hand_equal_three_steps_by_machine_bit_for_bit(
    cache: Path, start: Path, tmp_path: Path, optimizer: str
) -> None:
    machine = run(cache, start, tmp_path / "machine", optimizer=optimizer)
    hand = by_hand(cache, start, tmp_path / "hand", 3, optimizer=optimizer)
    assert_same(read_checkpoint(machine), read_checkpoint(hand))
    # The gaps and mixtures on the way are the same artifacts, too.
    for step in (1, 2, 3):
        for name, folder in (("gaps.h5", "gaps-{}.h5"), ("gmm.json", "gmm-{}.json")):
            one = read_stamp(tmp_path / "machine" / f"step-0{step}" / name)
            other = read_stamp(tmp_path / "hand" / folder.format(step))
            assert (one.digest, one.inputs) == (other.digest, other.inputs)


@pytest.mark.parametrize("epochs_done", [1, 2, 3, 5])
def test_a_run_broken_in_or_between_steps_ends_with_the_weights_of_an_unbroken_one(
    cache: Path, start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epochs_done: int
) -> None:
    whole = run(cache, start, tmp_path / "whole")
    saved = Folder.save

    def save_and_die(self: Folder, trainee: Any, **rest: Any) -> None:
        saved(self, trainee, **rest)
        if len(trainee.history) == epochs_done:
            raise KeyboardInterrupt

    monkeypatch.setattr(Folder, "save", save_and_die)
    with pytest.raises(KeyboardInterrupt):
        run(cache, start, tmp_path / "broken")
    monkeypatch.setattr(Folder, "save", saved)
    assert_same(read_checkpoint(whole), read_checkpoint(run(cache, start, tmp_path / "broken")))


def test_the_optimizer_starts_afresh_unless_it_is_to_be_kept(
    cache: Path, start: Path, tmp_path: Path
) -> None:
    def adam_steps(path: Path) -> float:
        return float(read_checkpoint(path).optimizer["state"][0]["step"])

    fresh = run(cache, start, tmp_path / "fresh", steps=1, epochs=1)
    kept = run(cache, start, tmp_path / "kept", steps=1, epochs=1, keep_optimizer=True)
    # 60 samples in batches of 16 are 4 steps an epoch; the warm-up had 3 epochs.
    assert (adam_steps(fresh), adam_steps(kept)) == (4, 16)


def test_settings_of_the_loop_are_those_of_the_warm_up_unless_given(
    cache: Path, start: Path, tmp_path: Path
) -> None:
    same = read_stamp(run(cache, start, tmp_path / "same", steps=1, epochs=1)).parameters
    assert (same["optimizer"], same["lr"], same["seed"], same["batch_size"]) == (
        "adam",
        3e-3,
        5,
        16,
    )
    other = read_stamp(run(cache, start, tmp_path / "other", steps=1, epochs=1, optimizer="sgd"))
    assert (other.parameters["optimizer"], other.parameters["lr"]) == ("sgd", 2e-3)


def test_anothers_optimizer_state_cannot_be_kept(cache: Path, start: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot continue adam's state with sgd"):
        run(cache, start, tmp_path / "a", optimizer="sgd", keep_optimizer=True)


def test_annealing_counts_epochs_over_the_whole_adaptive_phase(
    cache: Path, start: Path, tmp_path: Path
) -> None:
    # With λ = 0 from the second epoch on, only the classification term is left in the loss.
    history = read_checkpoint(run(cache, start, tmp_path / "a", anneal=0.0, steps=2)).history
    terms = [(line["loss"], line["terms"]) for line in history]
    assert terms[0][0] > terms[0][1]["classification"] + 1e-6
    for loss, parts in terms[1:]:
        assert loss == pytest.approx(parts["classification"], rel=1e-5)


def test_zero_is_a_setting(cache: Path, start: Path, tmp_path: Path) -> None:
    history = read_checkpoint(
        run(cache, start, tmp_path / "a", alpha=0.0, beta=0.0, gamma=0.0, steps=1, epochs=1)
    ).history
    assert history[0]["loss"] == 0


def test_a_mixture_that_calls_most_samples_imbalanced_brings_a_warning(
    cache: Path, start: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import json

    gaps(cache, start, tmp_path / "gaps.h5")
    fitgmm(tmp_path / "gaps.h5", tmp_path / "gmm.json")
    content = json.loads((tmp_path / "gmm.json").read_text())
    content["components"] = {
        "balanced": {"weight": 0.3, "mean": 0.0, "variance": 0.01},
        "imbalanced": {"weight": 0.7, "mean": 0.5, "variance": 0.01, "dominant": "audio"},
    }
    (tmp_path / "gmm.json").write_text(json.dumps(content))
    capsys.readouterr()
    run(cache, start, tmp_path / "a", tmp_path / "gmm.json", epochs=1)
    text = capsys.readouterr().err
    assert "warning: the mixture calls 70 % of the training samples imbalanced" in text
    assert "Try a longer warm-up (warmup --epochs) or --weights uniform" in text
    run(cache, start, tmp_path / "b", tmp_path / "gmm.json", epochs=1, weights="uniform")
    assert "calls 70 %" not in capsys.readouterr().err


def test_a_mixture_of_another_cache_is_refused_with_both_sides(
    cache: Path, start: Path, tmp_path: Path
) -> None:
    other = make_cache(tmp_path / "other.h5", seed=1)
    gaps(other, start, tmp_path / "gaps.h5")
    fitgmm(tmp_path / "gaps.h5", tmp_path / "gmm.json")
    theirs, ours = read_stamp(other).digest[:6], read_stamp(cache).digest[:6]
    with pytest.raises(InputError) as caught:
        run(cache, start, tmp_path / "a", tmp_path / "gmm.json")
    assert str(caught.value) == "\n".join(
        [
            f"{tmp_path}/gmm.json was fitted on gaps of another cache",
            f"  gmm.json  gaps of cache {theirs}… (60 samples)",
            f"  cache.h5  cache {ours}… (test, 60 training samples)",
            f"  try: avgap gaps {cache} -c CHECKPOINT -o gaps.h5, then avgap fitgmm gaps.h5",
        ]
    )
    assert not (tmp_path / "a").exists()


def test_another_question_over_a_run_is_refused(cache: Path, start: Path, tmp_path: Path) -> None:
    run(cache, start, tmp_path / "a", steps=1, epochs=1)
    with pytest.raises(OutputError, match=r"alpha: 1.0 there, 0.0 asked for"):
        run(cache, start, tmp_path / "a", steps=1, epochs=1, alpha=0.0)
    run(cache, start, tmp_path / "a", steps=1, epochs=1, alpha=0.0, force=True)
    assert read_stamp(tmp_path / "a" / "checkpoint.pt").parameters["alpha"] == 0.0
