"""The commands that a page shows: each, run again, finds its work done."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from calling import SMALL, call

from avgap.artifact import Stamp
from avgap.report.commands import commands
from avgap.report.runfolder import Found, RunFolder, read_run


@pytest.mark.slow
def test_the_commands_on_the_page_answer_the_same_questions(work):
    line = ["adapt", "cache.h5", "-c", "run/warmup/checkpoint.pt", "-o", "run/adapt"]
    assert call(*line, "--steps", "2", "--epochs", "1", "--gamma", "0.5").exit_code == 0
    place = ["-c", "run/adapt/checkpoint.pt", "-o", "run/adapt/gaps.csv", "--split", "val"]
    assert call("gaps", "cache.h5", *place).exit_code == 0
    line = ["baseline", "ogm-ge", "cache.h5", "-o", "run/ogm", "--epochs", "1", *SMALL]
    assert call(*line, "--set", "noise=false").exit_code == 0
    lines = commands(read_run(work / "run"))
    names = [re.match(r"avgap (\w+)", line)[1] for line in lines]
    expected = ["baseline", "warmup", "gaps", "fitgmm", "evaluate", "adapt", "gaps"]
    assert names == expected
    for line in lines:
        result = call(*shlex.split(line)[1:])
        assert result.exit_code == 0, result.stderr
        assert "up to date" in result.stderr, line


def test_a_cache_is_made_again_with_its_recipe():
    parameters = {
        "dataset": "csv",
        "audio": {"name": "ogm", "sample_rate": 22050, "seconds": 2.0, "n_fft": 512,
                  "hop_length": 353, "mels": None, "transform": "stft", "normalise": "none"},
        "frames": {"count": 3, "size": 64, "sampling": "uniform"},
        "corrupt": None, "keep_sound": True, "seed": 0,
    }  # fmt: skip
    stamp = Stamp("avgap.cache", "c", {}, parameters, {}, {"root": "../clips.csv"})
    run = RunFolder(Path("a/run"), [Found(Path("a/b/cache.h5"), stamp, {})], [], [], {}, [])
    assert commands(run) == [
        "avgap prepare csv a/clips.csv -o a/b/cache.h5 --audio-recipe ogm --seconds 2.0 "
        "--frames 3 --frame-size 64 --sampling uniform --keep-sound --seed 0"
    ]
    lost = replace(stamp, hints={})
    run = RunFolder(Path("a/run"), [Found(Path("a/b/cache.h5"), lost, {})], [], [], {}, [])
    assert commands(run) == []
