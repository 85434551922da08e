"""Learning rates on numbers computed by hand; they reach the optimizer, and the log."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from avgap.artifact.checkpoint import read_checkpoint
from avgap.settings import Network, Training
from avgap.training.optimizer import learning_rate, make_optimizer, restore, set_rate, state_of
from avgap.warmup import warmup


def test_constant_is_constant() -> None:
    assert {learning_rate(Training(lr=0.5), epoch, 10) for epoch in range(10)} == {0.5}


def test_step_multiplies_after_every_so_many_epochs() -> None:
    settings = Training(lr=0.5, lr_schedule="step", lr_step=2, lr_decay=0.1)
    rates = [learning_rate(settings, epoch, 5) for epoch in range(5)]
    assert rates == pytest.approx([0.5, 0.5, 0.05, 0.05, 0.005])


def test_cosine_begins_at_the_rate_and_halves_in_the_middle() -> None:
    settings = Training(lr=0.5, lr_schedule="cosine")
    rates = [learning_rate(settings, epoch, 4) for epoch in range(4)]
    # 0.5 (1 + cos(π k / 4)) / 2
    assert rates == pytest.approx([0.5, 0.4267767, 0.25, 0.0732233])


def test_the_log_has_the_rate_of_each_epoch(cache: Path, tmp_path: Path) -> None:
    settings = Training(epochs=3, lr=0.01, lr_schedule="step", lr_step=1, batch_size=32)
    run = warmup(
        cache, tmp_path / "w", loss="joint", network=Network("small", "small"), settings=settings
    )
    rates = [line["lr"] for line in read_checkpoint(run.path).history]
    assert rates == pytest.approx([0.01, 0.001, 0.0001])


def test_gradients_are_clipped_to_the_norm_asked_for(cache: Path, tmp_path: Path) -> None:
    # One step of SGD without momentum and decay: the weights move by at most lr · clip.
    moved = []
    for clip in (None, 1e-3):
        settings = Training(
            epochs=1, lr=1.0, momentum=0.0, weight_decay=0.0, batch_size=60, clip=clip
        )
        folder = tmp_path / str(clip)
        network = Network("small", "small")
        run = warmup(cache, folder, loss="joint", network=network, settings=settings)
        after = read_checkpoint(run.path)
        from avgap.models import build

        before = build(after.description, settings.seed).state_dict()
        moved.append(
            sum(
                ((after.model[n] - before[n]) ** 2).sum() for n in before if "mean" not in n
            )  # the statistics of the input are no weights
        )
    assert moved[1] < 1.0
    assert moved[0] > moved[1]


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_an_optimizers_state_is_saved_without_what_is_the_devices(name: str) -> None:
    settings = Training(optimizer=name, lr=0.25)
    model = torch.nn.Linear(3, 2)
    optimizer = make_optimizer(model, settings)
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    saved = state_of(optimizer)
    assert "foreach" not in saved["param_groups"][0]
    assert saved["param_groups"][0]["lr"] == 0.25
    fresh = make_optimizer(model, settings)
    set_rate(fresh, 0.125)
    restore(fresh, saved)
    assert fresh.param_groups[0]["lr"] == 0.125
    for one, other in zip(
        fresh.state_dict()["state"].values(), saved["state"].values(), strict=True
    ):
        for key, value in other.items():
            assert torch.equal(torch.as_tensor(one[key]), torch.as_tensor(value))
