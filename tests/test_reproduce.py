"""docs/reproduce: which commands the scripts call, and that nothing is left out in silence."""

from __future__ import annotations

import csv
import itertools
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer

from avgap.cli import app
from avgap.methods.registry import METHODS, choose

SCRIPTS = Path(__file__).parents[1] / "docs" / "reproduce"
TABLES = ["table1.sh", "table2.sh", "table3.sh", "controls.sh", "sweep.sh"]
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
# In place of python: notes each avgap line and its device, makes what the line would, or fails.
PRETENDER = """#!/bin/sh
[ "$1" = -m ] || exec {python} "$@"
shift 2
echo "${{AVGAP_DEVICE:-none}} $*" >>{log}
case "$*" in *"${{FAIL:-nothing}}"*) echo "error: as asked for" >&2; exit 3 ;; esac
[ "$1" = evaluate ] || exit 0
for word in "$@"; do out=$word; done
half='{{"accuracy": 0.5}}'
echo "{{\\"metrics\\": {{\\"fused\\": $half, \\"audio\\": $half, \\"visual\\": $half}}," \\
    "\\"gap\\": {{\\"mean_abs\\": 0.25}}}}" >"$out"
"""


@pytest.fixture
def call(tmp_path):
    """call(script, *words, FAIL=…): what ran, its output, and the avgap lines since the last."""
    log, pretender = tmp_path / "log", tmp_path / "python"
    pretender.write_text(PRETENDER.format(python=sys.executable, log=log))
    pretender.chmod(0o755)
    (tmp_path / "cache.h5").touch()

    def run(script, *words, **environment):
        log.write_text("")
        line = ["sh", str(SCRIPTS / script), "cache.h5", "out", *words]
        environment = {**os.environ, "PYTHON": str(pretender), **environment}
        environment.pop("AVGAP_DEVICE", None)
        done = subprocess.run(
            line, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        return done, log.read_text().splitlines()

    return run


pytestmark = pytest.mark.skipif(shutil.which("sh") is None, reason="there is no shell")


@pytest.mark.parametrize("script", TABLES)
def test_every_line_of_a_table_is_one_that_avgap_understands(call, script):
    done, lines = call(script, "--seeds", "0", "--", "--encoder", "small")
    assert done.returncode == 0, done.stderr
    assert lines
    for line in lines:
        _, name, *words = shlex.split(line)
        COMMANDS[name].make_context(name, words, resilient_parsing=False)
        assert name != "warmup" or "--encoder small" in line


def test_the_first_table_has_every_method_and_the_papers_own(call):
    _, lines = call("table1.sh", "--seeds", "3")
    trained = [line.split()[2] for line in lines if line.split()[1] == "baseline"]
    assert trained == list(METHODS)
    assert all("--seed 3 " in f"{line} " for line in lines if "--epochs 70" in line)
    assert lines[-1].endswith("compare out")  # which compares all that there is


def test_windows_in_epochs_shrink_with_the_training(call):
    names = ("--names", "dr ogm-ge opm-ogm")
    for lengths, interval, ends in (("30 4 10", 20, 60), ("10 4 5", 8, 25)):
        _, lines = call("table1.sh", "--seeds", "0", "--lengths", lengths, *names)
        assert any(
            "baseline dr " in line and f"interval={interval} " in f"{line} " for line in lines
        )
        assert any("baseline opm-ogm " in line and f"ends={ends} " in f"{line} " for line in lines)


def test_a_run_that_fails_is_named_and_the_others_are_done(call):
    words = ("--seeds", "0 1", "--names", "concat joint")
    done, lines = call("table1.sh", *words, FAIL="baseline concat cache.h5 -o out/concat/seed-0")
    assert done.returncode == 1
    assert "concat seed 0 FAILED: error: as asked for" in done.stderr
    assert "NOT DONE: concat seed 0, see out/concat/seed-0/run.log" in done.stderr
    assert done.stderr.count("NOT DONE") == 1
    assert not [line for line in lines if "evaluate" in line and "out/concat/seed-0" in line]
    assert len([line for line in lines if "metrics.json" in line]) == 3
    assert not any(" compare " in line for line in lines)
    assert call("table1.sh", *words)[0].returncode == 0


def test_metrics_of_an_earlier_run_do_not_hide_that_this_one_failed(call):
    words = ("--seeds", "0", "--names", "concat")
    assert call("table1.sh", *words)[0].returncode == 0
    done, _ = call("table1.sh", *words, FAIL="baseline")
    assert done.returncode == 1
    assert "NOT DONE: concat seed 0" in done.stderr


def test_a_task_is_one_run_and_the_tasks_together_are_all(call):
    words = ("--seeds", "0 1", "--names", "sgd-same adam-reset")
    assert call("table3.sh", *words, "--count")[0].stdout == "4\n"
    done = []
    for task in range(4):
        outcome, lines = call("table3.sh", *words, "--task", str(task))
        assert outcome.returncode == 0, outcome.stderr
        done += [line for line in lines if " adapt " in line]
        assert len([line for line in lines if " adapt " in line]) == 1
    assert len(set(done)) == 4
    assert len([line for line in done if "--keep-optimizer" in line]) == 2
    assert call("table3.sh", *words, "--task", "4")[0].returncode == 2


def test_each_gpu_has_its_share(call):
    done, lines = call("table2.sh", "--seeds", "0 1", "--gpus", "3")
    assert done.returncode == 0, done.stderr
    shares = [line.split()[0] for line in lines if " adapt " in line]
    assert sorted(shares) == ["cuda:0"] * 4 + ["cuda:1"] * 3 + ["cuda:2"] * 3


@pytest.mark.parametrize("lengths", ["30 4 10", "10 4 5"])
def test_every_setting_of_the_sweep_trains_for_the_same_number_of_epochs(call, lengths):
    done, lines = call("sweep.sh", "--seeds", "0", "--lengths", lengths)
    assert done.returncode == 0, done.stderr
    warm, rounds, epochs = (int(length) for length in lengths.split())
    spent = {}
    for words in map(shlex.split, lines):
        at = dict(itertools.pairwise(words))
        if words[1] in ("warmup", "adapt"):
            run = at["-o"].split("/")[1]
            spent[run] = spent.get(run, 0) + int(at.get("--steps", 1)) * int(at["--epochs"])
    assert len(spent) == 38
    assert set(spent.values()) == {warm + rounds * epochs}
    assert any("--pull weaker --keep-unimodal --gamma 0.3" in line for line in lines)


def test_a_sweep_whose_rounds_would_not_be_equally_long_says_so(call):
    done, _ = call("sweep.sh", "--seeds", "0", "--names", "rounds-10", "--lengths", "10 4 4")
    assert done.returncode == 1
    assert "error: 16 epochs are not 10 rounds of the same length" in done.stderr


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--names", "concat ogm"], "unknown name ogm"),
        (["--sedes", "1"], "what is --sedes?"),
        (["--gpus", "two"], "two is no number"),
        (["--lengths", "30 4"], "--lengths are three numbers"),
        (["--lengths", "30 4 ten"], "ten is no number"),
        (["--task"], "--task needs a value"),
        (["--names", "*"], "unknown name *"),
        (["--names", ""], "--names names none"),
        (["--seeds", " "], "--seeds names none"),
        (["--seeds", "1 0 1"], "--seeds has 1 twice"),
        (["--seeds", "1 01"], "01 is no number"),
        (["--names", "concat concat"], "--names has concat twice"),
        (["--task", "0 1"], "0 1 is no number"),
        (["--gpus", "0"], "--gpus 0 would run nothing"),
        (["--gpus", "1", "--task", "0"], "--gpus and --task exclude each other"),
    ],
)
def test_words_that_are_not_meant_are_refused(call, words, text):
    done, lines = call("table1.sh", *words)
    assert done.returncode == 2
    assert text in done.stderr
    assert lines == []


@pytest.mark.parametrize("words", [[], ["--task", "0"], ["--gpus", "2"]])
def test_a_script_that_is_stopped_starts_nothing_more(call, tmp_path, words):
    begun, pretender = tmp_path / "begun", tmp_path / "python"
    pretender.write_text(f"#!/bin/sh\necho $3 >>{begun}\nsleep 0.5\n")
    line = ["sh", str(SCRIPTS / "table1.sh"), "cache.h5", "out", "--seeds", "0", *words]
    environment = {**os.environ, "PYTHON": str(pretender)}
    # A session of its own: with --gpus the script ends all of its group.
    script = subprocess.Popen(
        line, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL, start_new_session=True
    )
    while not begun.exists():
        time.sleep(0.02)
    time.sleep(0.1)  # the second GPU's
    script.terminate()
    assert script.wait(20) == -signal.SIGTERM
    runs = begun.read_text()
    time.sleep(1)
    assert begun.read_text() == runs


def test_windows_of_few_epochs_are_settings_that_the_methods_take(call):
    done, lines = call(
        "table1.sh", "--seeds", "0", "--lengths", "1 1 1", "--names", "dr opm ogm-ge"
    )
    assert done.returncode == 0, done.stderr
    for line in lines:
        _, name, method, *words = shlex.split(line)
        if name == "baseline":
            choose(method, [words[i + 1] for i, word in enumerate(words) if word == "--set"])
    assert any(line.endswith("--set interval=1") for line in lines)


def test_the_corrupted_clips_are_looked_for_after_every_length(call):
    done, lines = call("corrupted.sh", "--encoder", "small")
    assert done.returncode != 0  # the pretender's reports hold no number
    warmups = [shlex.split(line) for line in lines if " warmup " in line]
    assert len(warmups) == 18
    for line in lines:
        _, name, *words = shlex.split(line)
        COMMANDS[name].make_context(name, words, resilient_parsing=False)


def test_gaps_are_measured_in_sample_and_held_out_at_every_length(call):
    words = ("--seeds", "0 1", "--epochs", "2 3", "--", "--encoder", "small")
    done, lines = call("heldout.sh", *words)
    assert done.returncode != 0  # the pretender wrote no tables
    names = [shlex.split(line)[1] for line in lines]
    counts = {name: names.count(name) for name in ("crossfit", "warmup", "gaps", "fitgmm")}
    assert counts == {"crossfit": 4, "warmup": 4, "gaps": 4, "fitgmm": 16}
    for line in lines:
        _, name, *words = shlex.split(line)
        COMMANDS[name].make_context(name, words, resilient_parsing=False)


def test_the_mixtures_are_told_by_round(tmp_path):
    parts = {"balanced": {"mean": 0.0}, "imbalanced": {"weight": 0.25, "mean": 0.5}}
    for seed, separation in ((0, 2.0), (1, 4.0)):
        place = tmp_path / "adaptive" / f"seed-{seed}" / "adapt" / "step-01"
        place.mkdir(parents=True)
        diagnostics = {"separation": separation, "supported": seed == 1}
        body = {"components": parts, "diagnostics": diagnostics}
        (place / "gmm.json").write_text(json.dumps(body))
    line = [sys.executable, str(SCRIPTS / "mixtures.py"), "rounds", str(tmp_path), "adaptive"]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[2] == (
        "| adaptive | 1 | 2 | 0.25 ± 0.00 | 0.00 ± 0.00 | 0.50 ± 0.00 | 3.0 ± 1.4 | 1 of 2 |"
    )


def test_the_sweep_is_told_by_setting_cache_and_loss(tmp_path):
    rows = [
        *((f"out/alpha-3/seed-{seed}/adapt", 0.9, test) for seed, test in ((0, 0.8), (1, 0.9))),
        ("out/kept-alpha-3/seed-0/adapt", 0.95, 0.75),
        ("out/weaker-kept/seed-0/adapt", 1.0, 0.5),
    ]
    head = "training,validation_fused_accuracy,best_fused_accuracy"
    lines = ["# avgap report", head, *(f"{name},{v},{t}" for name, v, t in rows)]
    (tmp_path / "noise.csv").write_text("\n".join(lines) + "\n")
    line = [sys.executable, str(SCRIPTS / "tables.py"), "sweep", str(tmp_path / "noise.csv")]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[2:] == [
        "| alpha 3 | 90.0 / 85.0 ± 7.1 | 95.0 / 75.0 |",
        "| as it is | – | 100.0 / 50.0 |",
    ]


# ---------------------------------------------------------------- caches.sh


@pytest.fixture
def make(tmp_path):
    """make(*names): caches.sh over the names of recordings, images and sentences; the lines."""
    log, pretender, data = tmp_path / "log", tmp_path / "python", tmp_path / "data"
    pretender.write_text(PRETENDER.format(python=sys.executable, log=log))
    pretender.chmod(0o755)
    for folder in ("fsdd/recordings", "mnist", "grid_s1/clips"):
        (data / folder).mkdir(parents=True)
    (data / "mnist" / "t10k-images-idx3-ubyte.gz").touch()
    for speaker, digit, index in itertools.product(("ann", "bob", "cy"), "01", "567"):
        (data / "fsdd" / "recordings" / f"{digit}_{speaker}_{index}.wav").touch()
    columns = ("clip", "talker", "letter", "digit")
    windows = [f"{word}_{end}_s" for word in ("letter", "digit") for end in ("start", "end")]
    with (data / "grid_s1" / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*columns, *windows])
        for letter, digit, take in itertools.product("abcde", ("one", "two"), "1234"):
            row = [f"s1_{letter}{digit[0]}{take}", "s1", letter, digit]
            writer.writerow([*row, "1.0", "1.2", "1.2", "1.5"])

    def run(*names):
        log.write_text("")
        done = subprocess.run(
            ["sh", str(SCRIPTS / "caches.sh"), "data", "out", *names],
            cwd=tmp_path,
            env={**os.environ, "PYTHON": str(pretender)},
            capture_output=True,
            text=True,
            check=False,
        )
        return done, [line.removeprefix("none ") for line in log.read_text().splitlines()]

    return run


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_cache_is_asked_for_in_words_that_avgap_understands(make):
    done, lines = make()
    assert done.returncode == 0, done.stderr
    asked = {}
    for line in lines:
        name, *words = shlex.split(line)
        context = COMMANDS[name].make_context(name, words, resilient_parsing=False)
        asked[context.params["output"].stem] = context.params
    digits = {
        "pca25": ("visual:1.0:pca25", "all"),
        "noise": ("visual:0.3:noise", "all"),
        "sound": ("audio:0.3:noise", "all"),
        "noise-train30": ("visual:0.3:noise", "train"),
        "noise-train50": ("visual:0.5:noise", "train"),
        "sound-train30": ("audio:0.3:noise", "train"),
        "sound-train50": ("audio:0.5:noise", "train"),
        "speaker-ann": ("visual:1.0:pca25", "all"),
        "speaker-bob": ("visual:1.0:pca25", "all"),
        "speaker-cy": ("visual:1.0:pca25", "all"),
        "letter": (None, "all"),
        "lips": ("audio:1.0:white:-5dB", "all"),
    }
    assert {n: (p["corrupt"], p["corrupt_splits"]) for n, p in asked.items()} == digits
    assert asked["lips"]["crop"] == "72,136,88,76"


def test_each_speaker_is_test_once_and_the_next_one_is_validation(make, tmp_path):
    make("speaker")
    speakers = {}
    for test in ("ann", "bob", "cy"):
        rows = rows_of(tmp_path / "out" / f"speaker-{test}.csv")
        assert len(rows) == 18
        speakers[test] = {row["split"]: row["id"].split("_")[1] for row in rows}
    assert speakers == {
        "ann": {"test": "ann", "val": "bob", "train": "cy"},
        "bob": {"test": "bob", "val": "cy", "train": "ann"},
        "cy": {"test": "cy", "val": "ann", "train": "bob"},
    }
    assert len(make("speaker-bob")[1]) == 1
    done, lines = make("speaker-dan")
    assert (done.returncode, lines) == (1, [])
    assert "no dan among ann, bob, cy" in done.stderr
    for recording in (tmp_path / "data" / "fsdd" / "recordings").iterdir():
        recording.unlink()
    done, lines = make("speaker")
    assert (done.returncode, lines) == (1, [])
    assert "no recordings in" in done.stderr


def test_sentences_are_divided_whole_with_every_word_in_each_split(make, tmp_path):
    make("lips", "letter")
    rows = rows_of(tmp_path / "out" / "lips.csv")
    split = {row["id"]: row["split"] for row in rows}
    assert len(split) == len(rows) == 80
    assert all(split[f"{id.rpartition('_')[0]}_letter"] == split[id] for id in split)
    tested = [row["label"] for row in rows if row["split"] == "test"]
    assert sorted(tested) == sorted([*"abcde" * 2, *("one", "two") * 5])  # each pair once
    of = {name: [r["label"] for r in rows if r["split"] == name] for name in ("train", "val")}
    # Six of the thirty sentences that are left, six of each letter: one of each, and one more.
    assert len(of["val"]) == 12
    assert {label for label in of["val"] if len(label) == 1} == set("abcde")
    assert set(of["train"]) == {*"abcde", "one", "two"}
    letters = rows_of(tmp_path / "out" / "letter.csv")
    assert {row["id"]: row["split"] for row in letters} == {
        id: name for id, name in split.items() if id.endswith("_letter")
    }
    assert {row["start"] for row in letters} == {"1.0"}


def test_names_of_no_cache_are_refused_with_those_that_there_are(make):
    done, lines = make("noise", "nosie")
    assert done.returncode == 2
    assert "unknown name nosie, of pca25 noise sound" in done.stderr
    assert len(lines) == 1
