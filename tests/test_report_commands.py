"""The commands that a page shows: each, run again, finds its work done."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace

import pytest
from calling import SMALL, TINY, call
from media import write_dataset
from runs import make_crossfit

from avgap.artifact import read_stamp
from avgap.report.commands import commands
from avgap.report.index import Found
from avgap.report.runfolder import RunFolder, read_run


def test_held_out_gaps_are_made_by_crossfit_with_the_options_of_its_trainings(tmp_path, cache):
    lines = commands(read_run(make_crossfit(tmp_path / "xf", cache)))
    assert lines[0] == f"avgap crossfit {cache} -o {tmp_path / 'xf'} --folds 3 --lr 0.1"
    assert [line.split()[1] for line in lines] == ["crossfit", "fitgmm"]


@pytest.mark.slow
def test_the_commands_on_the_page_answer_the_same_questions(work):
    line = ["adapt", "cache.h5", "-c", "run/warmup/checkpoint.pt", "-o", "run/adapt"]
    assert call(*line, "--steps", "2", "--epochs", "1", "--gamma", "0.5").exit_code == 0
    place = ["-c", "run/adapt/checkpoint.pt", "-o", "run/adapt/gaps.csv", "--split", "val"]
    assert call("gaps", "cache.h5", *place).exit_code == 0
    line = ["baseline", "ogm-ge", "cache.h5", "-o", "run/ogm", "--epochs", "1", *SMALL]
    assert call(*line, "--set", "noise=false").exit_code == 0
    line = ["adapt", "cache.h5", "-c", "run/warmup/checkpoint.pt", "-o", "run/control"]
    line += ["--loss", "fused", "--steps", "1", "--epochs", "1", "--no-log-test"]
    assert call(*line).exit_code == 0
    line = ["adapt", "cache.h5", "-c", "run/warmup/checkpoint.pt", "-o", "run/pushed"]
    line += ["--loss", "push", "--posteriors", "run/gaps.h5", "--unsupported", "balanced"]
    assert call(*line, "--gmm", "run/gmm.json", "--steps", "2", "--epochs", "1").exit_code == 0
    lines = commands(read_run(work / "run"))
    names = [re.match(r"avgap (\w+)", line)[1] for line in lines]
    assert sorted(names) == sorted(
        ["baseline", "warmup", "gaps", "fitgmm", "evaluate", "adapt", "gaps", "adapt", "adapt"]
    )
    assert names.index("warmup") < names.index("gaps") < names.index("adapt")
    assert "--no-log-test" in next(line for line in lines if "run/control" in line)
    for line in lines:
        result = call(*shlex.split(line)[1:])
        assert result.exit_code == 0, result.stderr
        assert "up to date" in result.stderr, line


@pytest.mark.slow
def test_a_cache_is_made_again_with_its_recipe_its_splits_and_without_what_is_broken(tmp_path):
    root = write_dataset(tmp_path / "source", {"train": 6, "test": 2})
    (root / "train-0.mp4").write_bytes(b"nothing")
    names = dict.fromkeys([f"train-{i}" for i in range(6)], "train")
    names |= dict.fromkeys(["test-0", "test-1"], "test")
    (tmp_path / "s.csv").write_text("id,split\n" + "".join(f"{k},{v}\n" for k, v in names.items()))
    cache = tmp_path / "made" / "c.h5"
    line = ["prepare", "csv", root, "-o", cache, "--splits", tmp_path / "s.csv", *TINY]
    assert call(*line, "--allow-missing", "3", "--keep-sound").exit_code == 0
    found = Found(cache, read_stamp(cache), {})
    (again,) = commands(RunFolder(cache.parent, [found], [], [], {}, []))
    assert "--keep-sound" in again
    assert again.endswith("--allow-missing 1")
    result = call(*shlex.split(again)[1:])
    assert result.exit_code == 0, result.stderr
    assert "up to date" in result.stderr
    lost = Found(cache, replace(found.stamp, hints={}), {})
    assert commands(RunFolder(cache.parent, [lost], [], [], {}, [])) == []
