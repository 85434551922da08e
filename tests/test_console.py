"""What is printed, where, and that no name and no stream can do harm."""

from __future__ import annotations

import io
import json
import sys

import pytest

from avgap import console
from avgap.errors import InputError, OutputError


@pytest.fixture(autouse=True)
def _loud():
    yield
    console.setup(quiet=False)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def stream(encoding):
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict")


def test_results_go_to_stdout_and_everything_else_to_stderr(capsys):
    console.result("two gaps", {"n": 2}, as_json=False)
    console.notice("a notice")
    console.warn("a warning")
    console.wrote("gaps.h5", "2 samples")
    console.up_to_date("gmm.json")
    console.suggest("avgap fitgmm gaps.h5")
    console.command("avgap demo")
    out, err = capsys.readouterr()
    assert out == "two gaps\n"
    assert err.splitlines() == [
        "a notice",
        "warning: a warning",
        "wrote gaps.h5 (2 samples)",
        "up to date: gmm.json",
        "next: avgap fitgmm gaps.h5",
        "$ avgap demo",
    ]


def test_quiet_leaves_results_warnings_and_errors(capsys):
    console.setup(quiet=True)
    console.result("two gaps", {}, as_json=False)
    console.notice("a notice")
    console.wrote("gaps.h5")
    with console.progress("warmup", 2, "steps") as bar:
        bar.advance(2, lines=True)
        bar.say("epoch 1")
    console.warn("a warning")
    console.error(InputError("gaps.h5 is empty", ["it holds no samples"], "collect them again"))
    out, err = capsys.readouterr()
    assert out == "two gaps\n"
    assert err == (
        "warning: a warning\n"
        "error: gaps.h5 is empty\n  it holds no samples\n  try: collect them again\n"
    )


def test_a_result_as_json_is_one_object_in_ascii_on_one_line(capsys):
    console.result("not this", {"class": "σ\x1b[31m", "n": 2}, as_json=True)
    out = capsys.readouterr().out
    assert out == '{"class": "\\u03c3\\u001b[31m", "n": 2}\n'
    assert json.loads(out) == {"class": "σ\x1b[31m", "n": 2}


def test_a_result_that_is_no_number_is_a_defect_not_bad_json():
    with pytest.raises(ValueError, match="not JSON compliant"):
        console.result("", {"loss": float("nan")}, as_json=True)


def test_an_empty_result_prints_no_empty_line(capsys):
    console.result("", {"n": 2}, as_json=False)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("bell\a", "bell\\x07"),
        ("file-\udcff", "file-\\udcff"),
        ("right\u202eleft", "right\\u202eleft"),
        ("[bold]音声 🎵[/bold]", "[bold]音声 🎵[/bold]"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
    ],
)
def test_control_characters_are_shown_not_sent_and_markup_is_text(capsys, name, shown):
    console.warn(name)
    console.result(name, None, as_json=False)
    out, err = capsys.readouterr()
    assert (out, err) == (f"{shown}\n", f"warning: {shown}\n")


def test_a_stream_without_the_letter_shows_an_escape(monkeypatch):
    monkeypatch.setattr(sys, "stdout", stream("latin-1"))
    monkeypatch.setattr(sys, "stderr", stream("ascii"))
    console.never_fail_on_a_letter()
    console.result("é σ", None, as_json=False)
    console.warn("é σ")
    assert sys.stdout.buffer.getvalue() == b"\xe9 \\u03c3\n"
    assert sys.stderr.buffer.getvalue() == b"warning: \\xe9 \\u03c3\n"


def test_an_artifact_is_printed_as_the_bytes_of_its_file_whatever_the_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stdout", stream("ascii"))
    console.artifact("# é\x1b σ\n")
    assert sys.stdout.buffer.getvalue() == "# é\x1b σ\n".encode()


def test_what_is_piped_in_is_utf_8(monkeypatch):
    piped = io.TextIOWrapper(io.BytesIO("id\né\n".encode() + b"\xff"), encoding="ascii")
    monkeypatch.setattr(sys, "stdin", piped)
    console.never_fail_on_a_letter()
    assert sys.stdin.read() == "id\né\n\ufffd"


def test_stdout_that_is_closed_or_full_is_told(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(OutputError, match="cannot write to standard output") as caught:
        console.artifact("text")
    assert caught.value.details == ("it is closed",)

    class Full(io.StringIO):
        def flush(self):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "stdout", Full())
    with pytest.raises(OutputError) as caught:
        console.result("text", None, as_json=False)
    assert caught.value.details == ("No space left on device",)


def test_a_reader_that_went_away_is_no_full_disk(monkeypatch):
    class Gone(io.StringIO):
        tried = 0

        def write(self, text):
            self.tried += 1
            raise BrokenPipeError

    gone = Gone()
    monkeypatch.setattr(sys, "stdout", gone)
    for number in (1, 2):  # the work goes on without a reader, and goes on trying
        console.result("text", None, as_json=False)
        assert gone.tried == number


def test_a_table_is_aligned_first_column_left_the_others_right():
    text = console.table(["%", "accuracy"], [["fused", "9.5"], ["audio", "100.0"]], "on test")
    assert text.splitlines() == [
        "on test",
        "%      accuracy",
        "─────  ────────",
        "fused       9.5",
        "audio     100.0",
    ]


def test_away_from_a_terminal_progress_is_a_line_for_every_tenth(capsys):
    with console.progress("prepare", 20, "clips") as bar:
        for _ in range(20):
            bar.advance(lines=True)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines] == [
        f"prepare: {n}/20 clips" for n in range(2, 21, 2)
    ]
    assert all(line.endswith(" left") for line in lines[:-1])
    assert lines[-1] == "prepare: 20/20 clips"


def test_the_time_left_counts_only_what_this_run_has_done(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("avgap.console.bars.time.monotonic", lambda: now[0])
    with console.progress("warmup", 100, "steps") as bar:
        bar.resume(50)
        bar.say("begun")
        now[0] = 30.0
        bar.advance(10)
        bar.say("epoch 6")
        now[0] = 3000.0
        bar.say("epoch 7")
    # 10 of this run's steps took 30 s, and 40 are left: 120 s; then 3,000 s: 12,000 s.
    assert capsys.readouterr().err.splitlines() == [
        "begun",
        "epoch 6, 2 min left",
        "epoch 7, 3.3 h left",
    ]


@pytest.mark.parametrize(("term", "live"), [("xterm", True), ("dumb", False)])
def test_a_bar_is_drawn_on_a_terminal_that_can(monkeypatch, term, live):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", term)
    monkeypatch.delenv("NO_COLOR", raising=False)
    with console.progress("warmup", 4, "steps") as bar:
        bar.advance(4)
        bar.say("epoch 1: [bold]")
    shown = screen.getvalue()
    assert ("\x1b[" in shown) is live
    assert ("4/4" in shown) is live
    assert "epoch 1: [bold]" in shown


def test_no_colour_is_sent_where_none_is_wanted(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    with console.progress("warmup", 4, "steps") as bar:
        bar.advance(4)
    shown = screen.getvalue()
    assert "4/4 steps" in shown
    assert "\x1b[3" not in shown  # colours 30…37; moving the cursor is not a colour
