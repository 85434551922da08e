"""Artifacts of yesterday are answers still: a stored run is confirmed, and not a byte changes."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from calling import call

COMMANDS = (
    "prepare embeddings f.npz -o c.h5",
    "warmup c.h5 -o w --epochs 3 --encoder identity --lr 0.05",
    "gaps c.h5 --checkpoint w/checkpoint.pt -o g.h5",
    "fitgmm g.h5 -o m.json",
    "adapt c.h5 --checkpoint w/checkpoint.pt -o a --steps 2 --epochs 2",
    "evaluate c.h5 --checkpoint a/checkpoint.pt -o e.json",
)


def content(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def stored(data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the run that was made before; tests that need it skip without."""
    folder = data_folder.parent / "stored"
    if not folder.is_dir():
        pytest.skip("no stored run beside AVGAP_TEST_DATA")
    shutil.copytree(folder, tmp_path / "stored")
    for path in (tmp_path / "stored", *(tmp_path / "stored").rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    monkeypatch.chdir(tmp_path / "stored")
    return tmp_path / "stored"


def test_every_artifact_of_a_stored_run_is_up_to_date_and_stays_as_it_is(stored: Path) -> None:
    before = content(stored)
    for line in COMMANDS:
        done = call(*line.split(), *([] if "prepare" in line or "fitgmm" in line
                                     else ["--device", "cpu"]))  # fmt: skip
        assert done.exit_code == 0, done.output
        assert "up to date" in done.stderr, line
    assert content(stored) == before


def test_another_question_over_a_stored_artifact_is_refused(stored: Path) -> None:
    before = content(stored)
    line = "warmup c.h5 -o w --epochs 2 --encoder identity --lr 0.05 --device cpu"
    done = call(*line.split())
    assert done.exit_code == 4
    assert "epochs: 3 there, 2 asked for" in done.stderr
    assert content(stored) == before
