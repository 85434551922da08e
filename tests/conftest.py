"""What the tests share: one thread, a small learnable cache, and avgap as a person calls it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from avgap import artifact
from avgap.data.cache.header import Header
from avgap.data.cache.writer import write_cache
from avgap.settings import AudioRecipe, FrameRecipe

# With two threads, small convolutions were seen up to twenty times slower.
torch.set_num_threads(1)
# A shell that starts the tests in the background has SIGINT ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

RECIPE = AudioRecipe("test", 1000, 0.15, 22, 10)  # 12×16
FRAMES = FrameRecipe(2, 16)
CLASSES = ("low", "middle", "high")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What lies in tests/gpu needs a GPU, and skips elsewhere."""
    for item in items:
        if "gpu" in item.path.parts:
            item.add_marker(pytest.mark.gpu)
            if not torch.cuda.is_available():
                item.add_marker(pytest.mark.skip(reason="needs a GPU: there is none here"))


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("AVGAP_DEVICE", raising=False)


def make_cache(path: Path, seed: int = 0, n: int = 60, spoiled: float = 0.25) -> Path:
    """A cache of n training clips whose class both modalities show; a share has spoiled frames."""
    rng = np.random.default_rng(seed)
    sizes = {"train": n, "val": 15, "test": 21}
    header = Header("test", CLASSES, False, RECIPE, FRAMES)
    bins, frames = RECIPE.shape
    with artifact.atomic(path) as part, write_cache(part, header, sizes) as writer:
        for split, size in sizes.items():
            for row in range(size):
                label = row % 3
                audio = rng.normal(-6, 1, (bins, frames))
                audio[4 * label : 4 * label + 4] += 1.5
                visual = rng.normal(100, 30, (2, 16, 16, 3))
                corrupt = split == "train" and row < spoiled * n
                if not corrupt:
                    visual[:, :, 5 * label : 5 * label + 5] += 60
                meta = {"corrupt": "visual:noise" if corrupt else ""}
                pixels = visual.clip(0, 255).astype(np.uint8)
                writer.put(split, row, f"{split}-{row}", label, audio, pixels, meta)
        writer.finish({}, {"source": f"synthetic {seed} {n}"}, {"seed": seed}, {}, {})
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return make_cache(tmp_path / "cache.h5")


@pytest.fixture(scope="session")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from calling import SMALL, START, call

    folder = tmp_path_factory.mktemp("made")
    make_cache(folder / "cache.h5")
    lines = [
        ["warmup", "cache.h5", "-o", "run/warmup", "--epochs", "2", *SMALL],
        ["gaps", *START, "-o", "run/gaps.h5"],
        ["fitgmm", "run/gaps.h5", "-o", "run/gmm.json"],
        ["evaluate", *START, "-o", "run/warmup/metrics.json"],
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for line in lines:
            assert call(*line).exit_code == 0, line
    return folder


@pytest.fixture
def work(_made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: cache.h5, and run with a warm-up, its gaps, mixture and metrics."""
    shutil.copytree(_made, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture
def avgap() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run avgap in a process of its own: avgap("gaps", cache, …) → returncode, stdout, stderr."""

    def run(*words: object, **options: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "avgap", *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, env=os.environ, **options)  # type: ignore[call-overload,no-any-return]

    return run


@pytest.fixture
def data_folder() -> Path:
    """The real data; tests that need it skip without."""
    folder = os.environ.get("AVGAP_TEST_DATA")
    if not folder:
        pytest.skip("AVGAP_TEST_DATA is not set: no real data here")
    return Path(folder)
