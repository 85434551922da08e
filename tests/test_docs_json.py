"""docs/formats.md, "What --json prints": the keys are those that the commands print."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from calling import RESULTS, SMALL, call

PAGE = (Path(__file__).parents[1] / "docs" / "formats.md").read_text(encoding="utf-8")
ROWS = PAGE.partition("## What `--json` prints")[2].partition("\n## ")[0]
TRAINING = "`warmup`, `adapt`, `baseline`"


def promised(commands):
    (cell,) = re.findall(rf"^\| {re.escape(commands)} \| (.*) \|$", ROWS, re.MULTILINE)
    return set(re.findall(r"`(\w+)`", cell))


@pytest.mark.parametrize(
    ("commands", "line"),
    [
        (TRAINING, RESULTS["warmup"]),
        (TRAINING, RESULTS["adapt"]),
        (TRAINING, ["baseline", "concat", "cache.h5", "-o", "b", "--epochs", "1", *SMALL]),
        ("`gaps`", RESULTS["gaps"]),
        ("`fitgmm`", ["fitgmm", "run/gaps.h5", "-o", "new.json"]),
        ("`report RUN`", ["report", "run"]),
    ],
)
def test_the_keys_of_a_command_are_documented(work, commands, line):
    assert set(json.loads(call(*line, "--json").stdout)) == promised(commands)


def test_the_keys_of_a_crossfit_are_those_of_the_gaps_or_of_the_training_and_its_own(work):
    line = ["crossfit", "cache.h5", "-o", "x", "--folds", "2", "--epochs", "1", *SMALL, "--json"]
    one = json.loads(call(*line, "--fold", "2").stdout)
    assert {"warmup", *one} == promised(TRAINING) | promised("`crossfit --fold I`")
    assert set(json.loads(call(*line).stdout)) == promised("`gaps`") | promised("`crossfit`")


def test_the_keys_of_an_artifact_are_its_own_and_a_few(work):
    there = set(json.loads(Path("run/warmup/metrics.json").read_text()))
    measured = json.loads(call(*RESULTS["evaluate"], "--json").stdout)
    assert set(measured) == promised("`evaluate`") | there
    told = json.loads(call("report", "run/gmm.json", "--json").stdout)
    assert promised("`report FILE`") <= set(told)


def test_the_keys_of_a_cache_and_of_a_comparison_are_documented(tmp_path, monkeypatch, work):
    made = json.loads(
        call("prepare", "demo", tmp_path / "d", "-o", "d.h5", "--dry-run", "--json").stdout
    )
    assert set(made) == promised("`prepare`, `merge`")
    for seed in (0, 1):
        line = ["baseline", "concat", "cache.h5", "-o", f"runs/{seed}/b", "--epochs", "1", *SMALL]
        assert call(*line, "--seed", seed).exit_code == 0
        line = ["evaluate", "cache.h5", "-c", f"runs/{seed}/b/best.pt", "-o", f"runs/{seed}/m.json"]
        assert call(*line).exit_code == 0
    compared = json.loads(call("compare", "runs", "--json").stdout)
    assert set(compared) == promised("`compare RUNS…`")
