"""avgap in processes of its own: interruptions, readers that go away, odd terminals."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from calling import INTERRUPTED, SMALL, TINY, call
from media import write_dataset


def process(*words, **options):
    """avgap in a process group of its own, so that an interruption reaches all that it starts."""
    command = [sys.executable, "-m", "avgap", *map(str, words)]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )


def running(group):
    """The commands of a process group that are still running."""
    stats = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended while we looked
            stats.append(path.read_text())
    parts = [text.rpartition(")")[2].split() for text in stats]
    return [part for part in parts if int(part[2]) == group and part[0] != "Z"]


def all_ended(group):
    """Whether nothing of a process group runs any more, soon after its first process has ended."""
    for _ in range(100):
        if not running(group):
            return True
        time.sleep(0.1)
    return False


def interrupt(*words, after):
    """Ctrl-C as soon as a line of stderr begins with `after`; returns status, stdout, stderr."""
    child = process(*words)
    seen = []
    for line in child.stderr:
        seen.append(line)
        if line.startswith(after):
            break
    os.killpg(child.pid, signal.SIGINT)
    out, err = child.communicate(timeout=60)
    return child, out, "".join(seen) + err


@pytest.mark.slow
def test_an_interrupted_warm_up_continues_to_the_weights_of_an_unbroken_one(work):
    line = ["warmup", "cache.h5", "-o", "broken", "--epochs", "40", *SMALL]
    child, out, err = interrupt(*line, after="warmup epoch 1:")
    assert (child.returncode, out) == (130, "")
    assert err.endswith(INTERRUPTED)
    assert "Traceback" not in err
    assert not list(Path("broken").glob("*.part"))
    broken = json.loads(call(*line, "--json").stdout)
    unbroken = json.loads(call(*line[:3], "unbroken", *line[4:], "--json").stdout)
    assert broken["epoch"] == 40
    assert broken["digest"] == unbroken["digest"]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are listed in /proc")
def test_an_interrupted_prepare_leaves_no_file_and_no_worker(tmp_path):
    media = write_dataset(tmp_path / "media", {"train": 200, "test": 8}, size=(32, 32))
    line = ["prepare", "csv", media, "-o", tmp_path / "c.h5", *TINY, "--val-fraction", "0"]
    child, out, err = interrupt(*line, after="prepare: ")
    assert (child.returncode, out) == (130, "")
    assert err.endswith(INTERRUPTED)
    assert "Traceback" not in err
    assert all_ended(child.pid)
    assert not (tmp_path / "c.h5").exists()


@pytest.mark.slow
def test_a_reader_that_goes_away_ends_avgap_without_a_word(work):
    child = process("report", "run/gaps.h5")
    child.stdout.close()
    with child.stderr:
        assert child.stderr.read() == ""
    assert child.wait(60) == 0


@pytest.mark.slow
def test_help_and_results_survive_a_terminal_without_the_letters(avgap, work, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    assert "\\u2460 Decode media files" in avgap("--help").stdout
    result = avgap("report", "run/gaps.h5")
    assert (result.returncode, result.stderr) == (0, "")
    assert "gap = audio \\u2212 visual, 60 samples" in result.stdout


def test_warnings_never_take_the_place_of_an_artifact(tmp_path):
    (tmp_path / "g.csv").write_text("gap\n" + "0.1\n0.2\n0.9\n" * 20)
    line = f"exec {sys.executable} -m avgap fitgmm g.csv -o - 2>&-"
    done = subprocess.run(
        ["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["format"] == "avgap.gmm"
