"""Standard streams that are closed, full, or read by nobody any more."""

from __future__ import annotations

import subprocess
import sys

import pytest

FULL = pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")


def shell(line, folder, **options):
    """A line of the shell, in which $avgap is the program; status, stdout, stderr."""
    command = f"avgap='{sys.executable} -m avgap'; {line}"
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, capture_output=True, text=True, **options
    )


@FULL
@pytest.mark.parametrize("words", ["--help", "--version", "warmup --help"])
def test_help_that_a_full_disk_does_not_take_is_told(tmp_path, words):
    done = shell(f"$avgap {words} > /dev/full", tmp_path)
    told = "error: cannot write to standard output\n  No space left on device\n"
    assert (done.returncode, done.stderr) == (4, told)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("$avgap nonsense 2>&-", 2),
        ("$avgap --help 2>&-", 0),
        ("$avgap 2>&- >&-", 2),
        ("$avgap gaps none.h5 -c none.pt -o g.h5 2>&-", 3),
        ("$avgap --help | true; exit ${PIPESTATUS[0]}", 0),
    ],
)
def test_streams_that_are_closed_change_no_status(tmp_path, line, status):
    done = shell(line, tmp_path)
    assert (done.returncode, done.stderr) == (status, "")


def test_a_file_never_takes_the_place_of_a_closed_stream(tmp_path):
    code = (
        "import os; from avgap import console; console.never_fail_on_a_reader();"
        "file = open('out.txt', 'w'); os.write(2, b'a word'); file.write('a result'); file.close()"
    )
    done = shell(f'{sys.executable} -c "{code}" 2>&- <&-', tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "out.txt").read_text() == "a result"


@pytest.mark.slow
def test_training_goes_on_without_a_reader_of_its_words(work):
    words = "--encoder small --batch-size 32 --optimizer adam --lr 3e-3 --epochs 30"
    line = f"$avgap warmup cache.h5 -o new {words} 2>&1 | head -1; exit ${{PIPESTATUS[0]}}"
    done = shell(line, work)
    assert (done.returncode, done.stdout.count("\n")) == (0, 1)
    assert len((work / "new" / "log.jsonl").read_text().splitlines()) == 30


@pytest.mark.slow
def test_an_interruption_during_start_up_is_told_in_a_sentence(tmp_path):
    code = (
        "import _thread, sys, avgap.errors\n"
        "class Late:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'avgap.cli.prepare':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Late())\n"
        "from avgap.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    told = "interrupted: nothing is half written; the same command goes on\n"
    assert (done.returncode, done.stderr) == (130, told)
