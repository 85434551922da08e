"""The command line: help, lines that cannot be read or meant, results and streams."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import get_type_hints

import pytest
from calling import INTERRUPTED, RESULTS, SMALL, START, call, fails

from avgap import __version__
from avgap.cli import app

COMMANDS = [command.name or command.callback.__name__ for command in app.registered_commands]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_has_an_example_and_explains_every_option(command):
    result = call(command, "-h")
    assert result.exit_code == 0
    assert result.stdout == call(command, "--help").stdout
    assert re.search(rf"^  avgap {command} ", result.stdout, re.MULTILINE)


@pytest.mark.parametrize("command", app.registered_commands, ids=COMMANDS)
def test_every_option_and_argument_says_what_it_is(command):
    hints = get_type_hints(command.callback, include_extras=True)
    del hints["return"]
    assert len(hints) >= 3
    for name in hints.keys() - {"ctx"}:
        assert hints[name].__metadata__[0].help, name


def test_defaults_are_shown_where_they_are_not_plain():
    text = " ".join(call("adapt", "-h").stdout.split())
    steps = "Rounds of gaps, mixture, training (the paper's S_adaptive); one with --gmm."
    assert f"{steps} [default: 4; x>=1]" in text
    assert "[default: 10; x>=1]" in text
    assert "[default: (as in warm-up); x>=1]" in text


def test_avgap_alone_shows_its_help_as_a_usage_error_and_tells_its_version():
    alone = call()
    assert alone.exit_code == 2
    assert "Try: avgap demo" in alone.output
    assert call("--version").stdout == f"avgap {__version__}\n"


# ---------------------------------------------------------------- usage: exit 2


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("prepar", "No such command 'prepar'. Did you mean 'prepare', 'report'?"),
        (
            "prepare --otput x",
            "No such option: --otput (Possible options: --corrupt, --crop, --output)",
        ),
        ("warmup", "Missing argument 'CACHE'."),
        ("evaluate cache.h5 -o m.json", "Missing option '--checkpoint' / '-c'."),
        ("warmup cache.h5 -o w --epochs 0", "Input should be greater than or equal to 1"),
        ("warmup cache.h5 -o w --lr nan", "Input should be greater than or equal to 0"),
        (
            "gaps cache.h5 -c w.pt -o g.h5 --split tst",
            "'tst' is not one of 'train', 'val', 'test'.",
        ),
    ],
)
def test_a_line_that_cannot_be_read_is_told_with_what_was_meant(line, text):
    assert text in fails(2, *line.split())


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (
            "prepare avdigit . -o c.h5",
            "unknown dataset 'avdigit'\n  known: csv, avdigits, demo\n  try: avdigits\n",
        ),
        (
            "prepare csv . -o c.h5 --audio-recipe omg",
            "unknown audio recipe 'omg'\n  known: ogm, logmel\n  try: ogm\n",
        ),
        (
            "prepare csv . -o c.h5 --corrupt visul:0.1",
            "cannot corrupt 'visul:0.1'\n  expected visual:SHARE:noise|blank|pca25|white:RATIOdB "
            "or audio:SHARE:noise|silence|white:RATIOdB, SHARE in (0, 1]\n  try: visual:0.1\n",
        ),
        (
            "warmup cache.h5 -o w --encoder resnet81",
            "unknown encoder 'resnet81'\n  known: resnet18, small\n  try: resnet18\n",
        ),
        (
            "warmup cache.h5 -o w --device gpu",
            "unknown device 'gpu'\n  known: auto, cpu, cuda, cuda:0, cuda:1 …\n",
        ),
        (
            "fitgmm run/gaps.h5 -o - --json",
            "-o - prints the artifact, --json the result: choose one\n",
        ),
        (
            "adapt cache.h5 -c run/warmup/checkpoint.pt -o a --gmm run/gmm.json --steps 3",
            "--gmm is one round with that mixture, --steps 3 asks for more\n",
        ),
        (
            "report run -o r.txt",
            "r.txt does not say which format it has\n"
            "  known endings: .html, .htm, .md, .tex, .csv, .json\n  try: --format NAME\n",
        ),
        ("report run --format html", "--format html needs a place\n  try: -o report.html\n"),
        ("report run --format figures -o -", "--format figures needs a place\n  try: -o FOLDER\n"),
        (
            "report run --format md --json",
            "--json and --format both want standard output\n  try: -o FILE\n",
        ),
        (
            "report run -o r.html --verify",
            "--verify looks at one artifact and at nothing else\n",
        ),
        (
            "report run/gaps.h5 --by speker",
            "--by speker: no such column\n"
            "  there are: class, predicted class, agreement, corrupt\n  try: --by FILE.csv\n",
        ),
    ],
)
def test_a_line_that_cannot_be_meant_is_refused_with_the_remedy(work, line, text):
    known = sorted(work.rglob("*"))
    stderr = fails(2, *line.split())
    # Datasets and encoders may grow in number: the rest of the text is exact.
    listed = re.compile(r"  known: .*\n")
    assert listed.sub("", stderr) == "error: " + listed.sub("", text)
    assert bool(listed.search(stderr)) == bool(listed.search(text))
    assert sorted(work.rglob("*")) == known


# ---------------------------------------------------------------- streams


@pytest.mark.parametrize("name", RESULTS)
def test_json_is_one_object_on_stdout_and_quiet_leaves_stderr_empty(work, name):
    Path("clips.csv").write_text("id,label,split,video\na,x,train,a.mp4\n")
    loud = call(*RESULTS[name], "--json")
    assert loud.exit_code == 0, loud.output
    assert loud.stdout.count("\n") == 1
    assert isinstance(json.loads(loud.stdout), dict)
    quiet = call(*RESULTS[name], "--json", "--quiet")
    assert quiet.exit_code == 0
    assert [line for line in quiet.stderr.splitlines() if not line.startswith("warning: ")] == []
    assert json.loads(quiet.stdout).keys() == json.loads(loud.stdout).keys()


def test_the_demo_prints_one_object_with_json_whatever_its_commands_print(work, monkeypatch):
    lines = [RESULTS["fitgmm"], RESULTS["report"], RESULTS["report of runs"]]
    monkeypatch.setattr("avgap.demo.command_lines", lambda folder: lines)
    shown = call("demo", "-o", "new", "--json")
    pages = {"comparison": "new/comparison.html", "report": "new/report.html"}
    assert json.loads(shown.stdout) == pages
    assert "$ avgap fitgmm run/gaps.h5 -o new.json --plot new.svg\n" in shown.stderr
    quiet = call("demo", "-o", "new", "--json", "-q").stderr.splitlines()
    assert all(line.startswith("warning: ") for line in quiet)  # those are told all the same


def test_an_error_within_the_demo_is_told_once_with_its_status(work, monkeypatch):
    lines = [["fitgmm", "none.h5", "-o", "x.json"], RESULTS["report"]]
    monkeypatch.setattr("avgap.demo.command_lines", lambda folder: lines)
    assert fails(3, "demo", "-q") == "error: none.h5 does not exist\n"


def test_gaps_pipe_into_the_mixture(work):
    piped = call("gaps", *START, "-o", "-")
    assert piped.stderr == ""
    fitted = call("fitgmm", "-", "-o", "-", stdin=piped.stdout)
    assert fitted.exit_code == 0
    by_files = json.loads(Path("run/gmm.json").read_text())
    assert json.loads(fitted.stdout)["components"] == by_files["components"]
    assert json.loads(fitted.stdout)["inputs"] == by_files["inputs"]
    assert "samples are imbalanced" in fitted.stderr


def test_the_same_command_again_confirms_what_is_there(work):
    line = [*RESULTS["evaluate"]]
    assert call(*line).stderr.startswith("wrote new.json\nwrote new.csv\n")
    before = {path: path.stat().st_mtime_ns for path in work.glob("new.*")}
    assert call(*line).stderr.startswith("up to date: new.json\nup to date: new.csv\n")
    assert {path: path.stat().st_mtime_ns for path in work.glob("new.*")} == before


def test_the_next_command_is_one_that_can_be_copied(work):
    shutil.copy("cache.h5", "-my cache.h5")
    shutil.copytree("run/warmup", "-w")
    result = call("gaps", "-c", "-w/checkpoint.pt", "-o", "-g.h5", "--", "-my cache.h5")
    assert result.stderr == "wrote -g.h5\nnext: avgap fitgmm ./-g.h5 -o ./-gmm.json\n".replace(
        "./-gmm.json", "gmm.json"
    )


def test_names_that_try_to_draw_are_shown_as_text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text(
        "id,label,split,video\n<b>\x1b[2J,\x1b[31mred,train,no\x1b[0m.mp4\n-x,[bold],train,a.mp4\n"
    )
    result = call("prepare", "csv", "t.csv", "-o", "-c.h5", "--dry-run", "--val-fraction", "0")
    assert result.exit_code == 0
    assert "\x1b" not in result.output
    assert "\\x1b[31mred" in result.stdout
    assert "<b>\\x1b[2J: no\\x1b[0m.mp4: no such file" in result.stdout
    assert "[bold]" in result.stdout


def test_a_run_folder_can_be_moved_and_be_named_from_anywhere(work, tmp_path, monkeypatch):
    work.rename(tmp_path / "mövéd")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    result = call("report", "../mövéd/run", "-o", tmp_path / "r é.html", "--json")
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith("wrote ")  # and no warning that pictures are missing
    assert (tmp_path / "r é.html").exists()


@pytest.mark.parametrize("command", ["gaps", "fitgmm", "evaluate"])
def test_an_interruption_anywhere_ends_with_130_and_one_line(work, monkeypatch, command):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("avgap.artifact.Output.reuse", interrupted)
    assert fails(130, *RESULTS[command]) == INTERRUPTED


@pytest.mark.slow
def test_the_next_command_goes_on_from_where_the_files_are(work) -> None:
    told = call("fitgmm", "run/gaps.h5", "-o", "run/new.json").stderr
    assert told.endswith(
        "next: avgap adapt cache.h5 --checkpoint run/warmup/checkpoint.pt -o run/adapt\n"
    )
    Path("g.csv").write_text("gap\n" + "0.1\n0.2\n0.9\n" * 20)
    told = call("fitgmm", "g.csv", "-o", "m.json").stderr
    assert told.endswith("next: avgap report g.csv m.json -o report.html\n")
    assert call("report", "g.csv", "m.json", "-o", "report.html").exit_code == 0
    line = ["baseline", "concat", "cache.h5", "-o", "one", "--epochs", "1", *SMALL]
    _, _, line = call(*line).stderr.partition("next: avgap ")
    assert "one/best.pt" in line
    assert call(*shlex.split(line)).exit_code == 0
    assert {path.name for path in Path("one").iterdir()} >= {
        "metrics-best.json",
        "predictions-best.h5",
    }
