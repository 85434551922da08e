"""A folder that one training has for itself, as long as it runs."""

from __future__ import annotations

import errno
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from avgap.artifact import alone_in, locks
from avgap.errors import OutputError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="no such locks")

TRAINER = """
import sys
from pathlib import Path
from avgap.artifact.locks import alone_in
with alone_in(Path(sys.argv[1])):
    print("training", flush=True)
    sys.stdin.read()
"""


def trainer(folder: Path) -> subprocess.Popen[str]:
    """A process that has a folder for itself until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", TRAINER, str(folder)], stdin=-1, stdout=-1, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "training\n"
    return process


def test_a_second_one_is_refused_and_told_who_is_there_until_it_dies(tmp_path: Path) -> None:
    folder = tmp_path / "run" / "warmup"
    with trainer(folder) as other:
        with pytest.raises(OutputError) as caught, alone_in(folder):
            pass
        who = f"process {other.pid} on {socket.gethostname()}, since "
        assert re.fullmatch(
            re.escape(f"another avgap is training in {folder}\n  held by {who}")
            + r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n  try: wait for it to end, or another -o",
            str(caught.value),
        )
        assert caught.value.exit_code == 4
        with alone_in(tmp_path / "run" / "adapt"):
            pass
        other.send_signal(signal.SIGKILL)
        other.wait()
    with alone_in(folder):
        assert (folder / locks.LOCK).read_text().startswith(f"process {os.getpid()} on ")
    assert list(folder.iterdir()) == []


def test_a_folder_that_was_made_for_nothing_is_removed(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), alone_in(tmp_path / "new"):
        raise RuntimeError
    with pytest.raises(RuntimeError), alone_in(tmp_path):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_locks_is_told_of_once_and_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import fcntl

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    for _ in range(2):
        with alone_in(tmp_path), alone_in(tmp_path / "fold-1"):
            pass
    told = capsys.readouterr().err.splitlines()
    assert told == [
        f"warning: {place} lies on a disk without locks: nothing keeps another training out of it"
        for place in (tmp_path, tmp_path / "fold-1")
    ]


def test_a_link_in_the_locks_place_is_refused_and_what_it_names_is_left_alone(
    tmp_path: Path,
) -> None:
    (tmp_path / "letter").write_text("dear reader")
    (tmp_path / locks.LOCK).symlink_to(tmp_path / "letter")
    with pytest.raises(OutputError, match="no plain file"), alone_in(tmp_path):
        pass
    assert (tmp_path / "letter").read_text() == "dear reader"
