"""The code is formatted, linted and typed, and so is its use: what a user's mypy finds.

The first run of mypy takes about a minute, most of it for torch's types; a later one two seconds.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = """import avgap

gaps = avgap.read_gaps("run/gaps.h5")
result = avgap.fit_mixture(gaps.gap, "auto", bootstrap=100)
share: float = result.mixture.imbalanced_weight if result.diagnostics["supported"] else 0.0
shape: tuple[int, ...] = avgap.open_cache("cache.h5").audio_shape
loss = avgap.AdaptiveLoss(result.mixture, gamma=0.1)
"""


def run(*command: str, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    inherited = {k: v for k, v in os.environ.items() if k not in ("MYPYPATH", "PYTHONPATH")}
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=cwd,
        env={**inherited, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("command", ["ruff format --check .", "ruff check .", "mypy"])
def test_the_code_is_formatted_linted_and_typed(command: str) -> None:
    done = run(*command.split(), MYPYPATH=str(ROOT))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def users_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that has avgap installed, as mypy looks for it: beside the other packages."""
    folder = tmp_path_factory.mktemp("user") / "venv"
    assert run("venv", "--without-pip", str(folder)).returncode == 0
    scripts, packages = (
        Path(sysconfig.get_path(kind, "venv", {"base": folder, "platbase": folder}))
        for kind in ("scripts", "purelib")
    )
    # The repository first: an avgap that is installed may be another.
    paths = f"{ROOT}\n{sysconfig.get_path('purelib')}\n"
    (packages / "avgap.pth").write_text(paths, encoding="utf-8")
    return scripts / "python"


def users_mypy(python: Path, folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    (folder / "script.py").write_text(script, encoding="utf-8")
    return run(
        "mypy",
        "--strict",
        f"--python-executable={python}",
        # The repository's own setting and cache: what is known of torch is not found out again.
        "--untyped-calls-exclude=torch",
        f"--cache-dir={ROOT / '.mypy_cache'}",
        "script.py",
        cwd=folder,
    )


def test_a_users_strict_mypy_knows_the_public_names(users_python: Path, tmp_path: Path) -> None:
    done = users_mypy(users_python, tmp_path, SCRIPT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_users_mypy_finds_keys_and_names_that_are_not_there(
    users_python: Path, tmp_path: Path
) -> None:
    wrong = SCRIPT.replace('["supported"]', '["suported"]').replace("open_cache", "open_cash")
    done = users_mypy(users_python, tmp_path, wrong)
    assert 'TypedDict "Diagnostics" has no key "suported"' in done.stdout
    assert 'Module has no attribute "open_cash"' in done.stdout
