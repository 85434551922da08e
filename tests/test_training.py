"""The loop: broken equals unbroken, randomness from (seed, epoch), clear ends."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from avgap.artifact.checkpoint import read_checkpoint
from avgap.data.cache.reader import open_cache
from avgap.data.loading.resident import RawBatch, batches, generator, resident
from avgap.errors import InputError, OutputError
from avgap.settings import Network, Running, Training
from avgap.training.batches import ResidentView
from avgap.warmup import warmup

SMALL = Network("small", "small")


def settings(**changes: object) -> Training:
    values = {"epochs": 3, "batch_size": 16, "optimizer": "adam", "lr": 3e-3}
    return Training(**{**values, **changes})  # type: ignore[arg-type]


def run(
    cache: Path, folder: Path, *, loss: str = "joint", force: bool = False, **changes: object
) -> Path:
    trained = warmup(
        cache,
        folder,
        loss=loss,
        network=SMALL,
        settings=settings(**changes),
        force=force,
        running=Running("cpu"),
    )
    return trained.path


def same_weights(one: Path, other: Path) -> bool:
    a, b = read_checkpoint(one), read_checkpoint(other)
    assert a.model.keys() == b.model.keys()
    return all(torch.equal(a.model[name], b.model[name]) for name in a.model)


def test_warm_up_learns_what_both_modalities_show(cache: Path, tmp_path: Path) -> None:
    checkpoint = read_checkpoint(run(cache, tmp_path / "w", epochs=6))
    assert checkpoint.complete
    assert checkpoint.progress.epoch == 6
    assert checkpoint.history[-1]["loss"] < 0.5 * checkpoint.history[0]["loss"]
    assert checkpoint.validation["fused"] > 0.9


def test_the_log_has_one_line_per_epoch_with_loss_terms_and_three_accuracies(
    cache: Path, tmp_path: Path
) -> None:
    run(cache, tmp_path / "w")
    lines = [json.loads(line) for line in (tmp_path / "w" / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    for line in lines:
        assert line["phase"] == "warmup"
        assert line["loss"] == pytest.approx(sum(line["terms"].values()), rel=1e-5)
        assert set(line["val"]) == {"fused", "audio", "visual"}


def test_the_best_checkpoint_is_the_first_with_the_highest_fused_validation_accuracy(
    cache: Path, tmp_path: Path
) -> None:
    last = read_checkpoint(run(cache, tmp_path / "w", epochs=5))
    best = read_checkpoint(tmp_path / "w" / "best.pt")
    scores = [line["val"]["fused"] for line in last.history]
    assert best.selected == "best on validation"
    assert best.progress.epoch == scores.index(max(scores)) + 1


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("augment", ["on", "off"])
def test_a_run_broken_between_epochs_ends_with_the_weights_of_an_unbroken_one(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimizer: str, augment: str
) -> None:
    options = {"optimizer": optimizer, "augment": augment}
    whole = run(cache, tmp_path / "whole", **options)
    from avgap.training.folder import Folder

    saved = Folder.save

    def save_twice_and_die(self: Folder, state: object, **rest: object) -> None:
        saved(self, state, **rest)  # type: ignore[arg-type]
        if len(state.history) == 2:  # type: ignore[attr-defined]
            raise KeyboardInterrupt

    monkeypatch.setattr(Folder, "save", save_twice_and_die)
    with pytest.raises(KeyboardInterrupt):
        run(cache, tmp_path / "broken", **options)
    monkeypatch.setattr(Folder, "save", saved)
    assert not read_checkpoint(tmp_path / "broken" / "checkpoint.pt").complete
    continued = run(cache, tmp_path / "broken", **options)
    assert same_weights(whole, continued)
    assert read_checkpoint(whole).stamp.digest == read_checkpoint(continued).stamp.digest
    assert len((tmp_path / "broken" / "log.jsonl").read_text().splitlines()) == 3


@pytest.mark.slow
def test_a_process_killed_at_any_moment_continues_to_the_same_weights(
    cache: Path, tmp_path: Path, avgap: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    words = [
        "warmup",
        cache,
        "--encoder",
        "small",
        "--epochs",
        "40",
        "--batch-size",
        "16",
        "--quiet",
    ]
    assert avgap(*words, "-o", tmp_path / "whole").returncode == 0
    command = [sys.executable, "-m", "avgap", *map(str, words), "-o", str(tmp_path / "killed")]
    process = subprocess.Popen(command, env=os.environ)
    log = tmp_path / "killed" / "log.jsonl"
    while not log.exists() and process.poll() is None:
        time.sleep(0.005)
    time.sleep(0.11)
    process.send_signal(signal.SIGKILL)
    process.wait()
    epochs = len(log.read_text().splitlines())
    assert 1 <= epochs < 40
    assert avgap(*words, "-o", tmp_path / "killed").returncode == 0
    assert same_weights(tmp_path / "whole" / "checkpoint.pt", tmp_path / "killed" / "checkpoint.pt")


def test_the_same_question_again_is_confirmed_and_another_is_refused(
    cache: Path, tmp_path: Path
) -> None:
    path = run(cache, tmp_path / "w")
    before = path.read_bytes()
    run(cache, tmp_path / "w")
    assert path.read_bytes() == before
    with pytest.raises(
        OutputError, match="answers another question\n  epochs: 3 there, 2 asked for"
    ):
        run(cache, tmp_path / "w", epochs=2)
    assert path.read_bytes() == before
    run(cache, tmp_path / "w", epochs=2, force=True)
    assert read_checkpoint(path).progress.epoch == 2
    assert len((tmp_path / "w" / "log.jsonl").read_text().splitlines()) == 2


def test_a_log_that_is_not_ours_is_never_overwritten(cache: Path, tmp_path: Path) -> None:
    folder = tmp_path / "w"
    folder.mkdir()
    (folder / "log.jsonl").write_text("mine")
    with pytest.raises(OutputError, match="exists without a checkpoint"):
        run(cache, folder, force=True)
    assert (folder / "log.jsonl").read_text() == "mine"


def test_a_loss_that_is_not_finite_stops_with_what_to_try(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the loss is (nan|inf) in epoch .* of warmup") as caught:
        run(cache, tmp_path / "w", optimizer="sgd", lr=1e12, epochs=5)
    assert caught.value.hint == "a smaller --lr than 1e+12"


@pytest.mark.parametrize(("decay", "words"), [(0.0, "an output"), (1e20, "a weight")])
def test_weights_that_the_last_updates_ruined_are_not_saved(
    cache: Path, tmp_path: Path, decay: float, words: str
) -> None:
    # One batch: its loss is that of the first weights, and finite.
    with pytest.raises(InputError, match=f"{words} is not finite in epoch 1 of warmup"):
        run(
            cache,
            tmp_path / "w",
            optimizer="sgd",
            lr=1e25,
            weight_decay=decay,
            epochs=1,
            batch_size=64,
        )
    assert not list((tmp_path / "w").glob("*.pt"))


def test_every_sample_is_seen_once_per_epoch_also_when_the_last_batch_is_partial(
    cache: Path,
) -> None:
    data = resident(open_cache(cache), "train", torch.device("cpu"))
    order = torch.randperm(len(data), generator=generator("cpu", 0, 1))
    # A raw batch is good until the next: what is to last is copied.
    parts = [RawBatch(*(array.clone() for array in raw)) for raw in batches(data, order.split(16))]
    assert [len(raw.label) for raw in parts] == [16, 16, 16, 12]
    whole = open_cache(cache).split("train")
    for name in ("audio", "visual", "label"):
        joined = torch.cat([getattr(raw, name) for raw in parts])
        assert torch.equal(joined, torch.from_numpy(getattr(whole, name))[order])
    assert torch.equal(torch.cat([raw.rows for raw in parts]), order)


@pytest.mark.parametrize("augment", [False, True])
@pytest.mark.parametrize("place", ["device", "file"])
def test_a_batch_says_which_rows_of_its_split_it_holds(
    cache: Path, place: str, augment: bool
) -> None:
    data = resident(open_cache(cache), "train", torch.device("cpu"), place)
    whole = open_cache(cache).split("train")
    order = torch.randperm(len(data), generator=generator("cpu", 0, 1))
    seen = []
    view = ResidentView(data, 16, 16, augment)
    for batch in view.batches(order, augment=generator("cpu", 0, 2)):
        assert torch.equal(batch.audio, torch.from_numpy(whole.audio)[batch.rows])
        assert torch.equal(batch.label, torch.from_numpy(whole.label)[batch.rows])
        seen += batch.rows.tolist()
    assert seen == order.tolist()


def test_the_shuffle_is_a_function_of_seed_epoch_and_purpose_alone() -> None:
    draws = {
        key: tuple(torch.randperm(20, generator=generator("cpu", *key)).tolist())
        for key in [(0, 0, 1), (0, 1, 1), (1, 0, 1), (0, 0, 2)]
    }
    assert len(set(draws.values())) == 4
    torch.manual_seed(7)
    assert draws[0, 0, 1] == tuple(torch.randperm(20, generator=generator("cpu", 0, 0, 1)).tolist())


def test_the_baselines_loss_is_the_fused_term_alone(cache: Path, tmp_path: Path) -> None:
    history = read_checkpoint(run(cache, tmp_path / "w", loss="fused", epochs=1)).history
    assert set(history[0]["terms"]) == {"fused"}
    assert math.isclose(history[0]["loss"], history[0]["terms"]["fused"])


def test_other_seeds_give_other_weights(cache: Path, tmp_path: Path) -> None:
    one, two = (run(cache, tmp_path / str(seed), seed=seed, epochs=1) for seed in (0, 1))
    assert not same_weights(one, two)
