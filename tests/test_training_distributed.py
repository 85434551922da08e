"""Two processes of torchrun compute what one does; a process that dies ends the run clearly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import make_cache

from avgap.adapt import adapt
from avgap.artifact import read_stamp
from avgap.artifact.checkpoint import read_checkpoint
from avgap.baseline import baseline
from avgap.evaluate import evaluate
from avgap.gaps import gaps
from avgap.settings import Adaptive, Network, Training
from avgap.training import distributed
from avgap.warmup import warmup

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
# 61 samples: neither by 16 nor by 2 can they be divided.
STAGES = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_training_distributed import all_stages
all_stages(Path({cache!r}), Path({out!r}))
"""


def all_stages(cache: Path, out: Path) -> None:
    """Warm-up, two baselines, adaptation with mixtures of its own and with posteriors, measures."""
    torch.set_num_threads(1)
    settings = Training(epochs=2, batch_size=16, lr=0.02, augment="on")
    start = warmup(
        cache, out / "warmup", loss="joint", network=Network("small", "small"), settings=settings
    ).path
    for method in (
        "ogm-ge",
        "mla",
    ):  # sums over processes; several updates of a part of the weights
        baseline(
            method,
            cache,
            out / method,
            assignments=["noise=no"] if method == "ogm-ge" else [],
            network=Network("small", "small"),
            settings=settings,
        )
    end = adapt(cache, start, out / "adapt", settings=Adaptive(steps=2, epochs=1)).path
    held_out = cache.with_name("held-out.csv")
    abstain = Adaptive(loss="abstain", steps=1, epochs=2)
    adapt(cache, start, out / "held-out", settings=abstain, posteriors=held_out)
    gaps(cache, end, out / "gaps.h5", logits=True, batch_size=16)
    evaluate(cache, end, out / "metrics.json", batch_size=16)


def torchrun(*words: object, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [*TORCHRUN, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **options)


@pytest.mark.slow
def test_two_processes_train_and_measure_as_one_does(tmp_path: Path) -> None:
    cache, script = make_cache(tmp_path / "cache.h5", n=61), tmp_path / "stages.py"
    lines = [f"train-{row},{0.7 if row % 4 == 0 else 0.01 * (row % 9)}" for row in range(61)]
    (tmp_path / "held-out.csv").write_text("\n".join(["id,gap", *lines]) + "\n")
    all_stages(cache, tmp_path / "one")
    tests = str(Path(__file__).parent)
    script.write_text(STAGES.format(tests=tests, cache=str(cache), out=str(tmp_path / "two")))
    done = torchrun(script)
    assert done.returncode == 0, done.stderr
    for phase in ("warmup", "adapt", "held-out", "ogm-ge", "mla"):
        one, two = (read_checkpoint(tmp_path / n / phase / "checkpoint.pt") for n in ("one", "two"))
        for name, weights in one.model.items():
            torch.testing.assert_close(two.model[name], weights, atol=2e-5, rtol=1e-4)
        for mine, theirs in zip(one.history, two.history, strict=True):
            assert theirs["loss"] == pytest.approx(mine["loss"], rel=1e-5)
            assert theirs["val"] == mine["val"]
    # The same checkpoint measured by one process: the same gaps and metrics to the last bit.
    last = tmp_path / "two" / "adapt" / "checkpoint.pt"
    gaps(cache, last, tmp_path / "again.h5", logits=True, batch_size=16)
    evaluate(cache, last, tmp_path / "again.json", batch_size=16)
    for mine, theirs in (("again.h5", "two/gaps.h5"), ("again.json", "two/metrics.json")):
        assert read_stamp(tmp_path / mine).digest == read_stamp(tmp_path / theirs).digest


@pytest.mark.slow
def test_an_error_that_all_processes_meet_is_told_once(tmp_path: Path) -> None:
    done = torchrun("-m", "avgap", "warmup", tmp_path / "no.h5", "-o", tmp_path / "w")
    assert done.returncode == 1  # torchrun's own status
    assert done.stderr.count("no.h5 does not exist") == 1
    assert done.stdout == ""


@pytest.mark.slow
def test_a_process_that_dies_ends_the_run_and_the_same_command_continues(tmp_path: Path) -> None:
    cache = make_cache(tmp_path / "cache.h5", n=61)
    words = ["-m", "avgap", "warmup", str(cache), "--encoder", "small", "--epochs", "60"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert torchrun(*words, "-o", whole).returncode == 0
    command = [*TORCHRUN, *words, "-o", str(killed)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as run:
        deadline = time.monotonic() + 120
        while not (killed / "log.jsonl").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(second_process(run.pid), signal.SIGKILL)
        _, said = run.communicate(timeout=120)
    assert run.returncode == 1
    assert "error: another process of this run ended\n  what was saved stays" in said
    assert not read_checkpoint(killed / "checkpoint.pt").complete
    assert "continuing after warmup epoch" in torchrun(*words, "-o", killed).stderr
    one, two = (read_checkpoint(folder / "checkpoint.pt") for folder in (whole, killed))
    assert one.stamp.digest == two.stamp.digest


def second_process(launcher: int) -> int:
    """The process of number 1 that torchrun, the launcher, started."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
                variables = (folder / "environ").read_text().split("\0")
            except OSError:
                continue
            if parent == str(launcher) and "RANK=1" in variables:
                return int(folder.name)
    raise AssertionError("torchrun has no second process")


@pytest.mark.parametrize(("count", "batch", "size"), [(61, 16, 2), (3, 256, 2), (1000, 7, 3)])
def test_every_row_is_one_processes_and_batches_stay_whole(
    count: int, batch: int, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = []
    for rank in range(size):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        monkeypatch.setattr(distributed, "size", lambda: size)
        shares.append(distributed.my_rows(count, batch))
    assert [row for share in shares for row in share] == list(range(count))
    assert all(share.start % batch == 0 or not share for share in shares)


def test_one_process_is_the_first_and_shares_with_nobody() -> None:
    assert (distributed.rank(), distributed.size(), distributed.first()) == (0, 1, True)
    tensor = torch.ones(3)
    assert distributed.total(tensor) is not None
    assert distributed.gathered(tensor) is tensor
    assert distributed.from_first(lambda: 7) == 7


@pytest.mark.parametrize(("name", "chosen"), [("cuda:1", ["cuda:1"]), ("cuda", []), ("cpu", [])])
def test_a_gpu_with_a_number_becomes_the_current_one(
    monkeypatch: pytest.MonkeyPatch, name: str, chosen: list[str]
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: seen.append(str(device)))
    assert str(distributed.start(torch.device(name))) == name
    assert seen == chosen
