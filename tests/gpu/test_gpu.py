"""On a GPU: a graph computes what eager steps do, no step waits, places agree, bits repeat."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import make_cache

from avgap.adapt import adapt
from avgap.artifact.checkpoint import read_checkpoint
from avgap.baseline import baseline
from avgap.data.cache.reader import open_cache
from avgap.data.loading.resident import RawBatch, batches, resident
from avgap.gaps import gaps
from avgap.settings import Adaptive, Network, Running, Training
from avgap.training.folder import Folder
from avgap.warmup import warmup

SMALL, RESNET = Network("small", "small"), Network("resnet18", "resnet18")
SETTINGS: dict[str, Any] = {"epochs": 3, "batch_size": 16, "lr": 0.01, "augment": "on"}


def run(
    cache: Path,
    folder: Path,
    network: Network = SMALL,
    running: Running | None = None,
    **changes: Any,
) -> Path:
    settings = Training(**{**SETTINGS, "precision": "fp32", **changes})
    running = running or Running("cuda")
    return warmup(
        cache, folder, loss="joint", network=network, settings=settings, running=running
    ).path


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("network", [SMALL, RESNET], ids=["small", "resnet18"])
def test_a_graph_gives_the_losses_and_weights_of_eager_steps(
    cache: Path, tmp_path: Path, network: Network, optimizer: str, capsys: Any
) -> None:
    options = {"optimizer": optimizer, "lr": 0.01 if optimizer == "sgd" else 1e-3}
    eager = run(cache, tmp_path / "e", network, Running("cuda", graph="off"), **options)
    graph = run(cache, tmp_path / "g", network, Running("cuda"), **options)
    assert "no CUDA graph" not in capsys.readouterr().err
    one, two = read_checkpoint(eager), read_checkpoint(graph)
    for a, b in zip(one.history, two.history, strict=True):
        assert b["loss"] == pytest.approx(a["loss"], rel=1e-3)
    for name, weights in one.model.items():
        torch.testing.assert_close(two.model[name], weights, atol=2e-3, rtol=2e-2)


@pytest.mark.parametrize("method", ["ogm-ge", "pmr", "agm", "mmpareto", "opm"])
def test_methods_are_captured_or_say_why_not(cache: Path, tmp_path: Path, method: str) -> None:
    done = baseline(
        method,
        cache,
        tmp_path / method,
        network=SMALL,
        settings=Training(**SETTINGS),
        running=Running("cuda"),
    )
    assert all(np.isfinite(line["loss"]) for line in done.checkpoint.history)


def test_an_epoch_waits_for_the_gpu_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What synchronises inside an epoch, counted: nothing, from the second epoch on."""
    from avgap.training.loop import _Loop

    found: list[int] = []
    whole = _Loop.epoch
    means = "avgap.training.updates.Updates.means"
    from avgap.training.updates import Updates

    read = Updates.means

    def counted(self: Any, bar: Any) -> Any:
        torch.cuda.set_sync_debug_mode("warn")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            monkeypatch.setattr(means, off)
            result = whole(self, bar)
        found.append(sum("synchroniz" in str(w.message) for w in caught))
        return result

    def off(self: Any, samples: int) -> Any:  # the one read at the epoch's end is meant
        torch.cuda.set_sync_debug_mode("default")
        return read(self, samples)

    monkeypatch.setattr(_Loop, "epoch", counted)
    run(make_cache(tmp_path / "c.h5", n=160), tmp_path / "w", epochs=4)
    assert len(found) == 4
    assert found[1:] == [0, 0, 0]


def test_gaps_in_bf16_are_near_those_in_fp32(cache: Path, tmp_path: Path) -> None:
    start = run(cache, tmp_path / "w", RESNET)
    table = {
        precision: gaps(
            cache, start, tmp_path / f"{precision}.h5", precision=precision, device_name="cuda"
        ).table.gap
        for precision in ("fp32", "bf16")
    }
    distance = np.abs(table["fp32"] - table["bf16"])
    assert distance.mean() < 0.01
    assert np.quantile(distance, 0.99) < 0.05


def test_gaps_on_a_gpu_are_those_of_a_cpu(cache: Path, tmp_path: Path) -> None:
    start = run(cache, tmp_path / "w")
    one = gaps(cache, start, tmp_path / "gpu.h5", device_name="cuda").table.gap
    two = gaps(cache, start, tmp_path / "cpu.h5", device_name="cpu").table.gap
    # Frames are resized in bytes on a CPU, without rounding on a GPU; here they are not resized.
    np.testing.assert_allclose(one, two, atol=1e-4)


def test_a_broken_run_repeats_its_bits_if_asked_to(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = Running("cuda", deterministic=True)
    whole = run(cache, tmp_path / "whole", RESNET, running)
    saved = Folder.save

    def save_and_die(self: Folder, state: Any, **rest: Any) -> None:
        saved(self, state, **rest)
        if len(state.history) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(Folder, "save", save_and_die)
    with pytest.raises(KeyboardInterrupt):
        run(cache, tmp_path / "broken", RESNET, running)
    monkeypatch.setattr(Folder, "save", saved)
    broken = run(cache, tmp_path / "broken", RESNET, running)
    one, two = read_checkpoint(whole), read_checkpoint(broken)
    assert all(torch.equal(one.model[name], two.model[name]) for name in one.model)


@pytest.mark.parametrize("place", ["host", "file"])
def test_every_place_gives_the_batches_of_the_device(cache: Path, place: str) -> None:
    def parts(where: str) -> list[RawBatch]:
        data = resident(open_cache(cache), "train", torch.device("cuda"), where)
        order = torch.randperm(len(data), generator=torch.Generator().manual_seed(1))
        return [RawBatch(*(a.cpu() for a in raw)) for raw in batches(data, order.split(16))]

    for mine, theirs in zip(parts("device"), parts(place), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))


def test_adaptation_runs_in_bf16_with_a_graph_for_each_round(cache: Path, tmp_path: Path) -> None:
    start = run(cache, tmp_path / "w", RESNET, precision="bf16")
    settings = Adaptive(steps=2, epochs=2)
    end = adapt(cache, start, tmp_path / "a", settings=settings, running=Running("cuda")).path
    lines = [json.loads(line) for line in (end.parent / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 1, 2, 2]
    assert all(np.isfinite(line["loss"]) for line in lines)
    assert all(line["memory"] > 0 for line in lines)


@pytest.mark.parametrize("loss", ["adaptive", "abstain", "push", "distill"])
def test_a_graph_weighs_each_sample_by_its_own_posterior(
    cache: Path, tmp_path: Path, loss: str, capsys: Any
) -> None:
    table = tmp_path / "held-out.csv"
    rows = [f"train-{row},{0.7 if row % 3 == 0 else 0.01 * (row % 7)}" for row in range(60)]
    table.write_text("\n".join(["id,gap", *rows]) + "\n")
    start, settings = run(cache, tmp_path / "w"), Adaptive(loss=loss, steps=1, epochs=3)  # type: ignore[arg-type]
    capsys.readouterr()
    ends = [
        adapt(
            cache,
            start,
            tmp_path / graph,
            settings=settings,
            posteriors=table,
            running=Running("cuda", graph=graph),  # type: ignore[arg-type]
        ).checkpoint
        for graph in ("auto", "off")
    ]
    assert "no CUDA graph" not in capsys.readouterr().err
    for one, other in zip(ends[0].history, ends[1].history, strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-3)
        assert one["terms"]["imbalanced"] == pytest.approx(other["terms"]["imbalanced"], abs=1e-6)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_two_gpus_train_as_one_does(cache: Path, tmp_path: Path) -> None:
    import subprocess
    import sys

    one = run(cache, tmp_path / "one")
    words = ["warmup", str(cache), "--encoder", "small", "--epochs", "3", "--batch-size", "16"]
    words += ["--lr", "0.01", "--augment", "on", "--precision", "fp32"]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", "-m", "avgap", *words, "-o", str(tmp_path / "two")]
    subprocess.run(command, check=True)
    two = read_checkpoint(tmp_path / "two" / "checkpoint.pt")
    for name, weights in read_checkpoint(one).model.items():
        torch.testing.assert_close(two.model[name], weights, atol=1e-3, rtol=1e-2)


def test_a_split_of_exactly_one_slab_lies_on_the_gpu(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avgap.data.loading.resident._SLAB", 60)
    data = resident(open_cache(cache), "train", torch.device("cuda"), "device")
    (raw,) = batches(data, [torch.arange(60)])
    assert raw.audio.device.type == raw.visual.device.type == "cuda"
