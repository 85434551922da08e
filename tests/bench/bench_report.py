"""How long a page of many samples takes to be made, and to open in headless Chromium.

python tests/bench/bench_report.py [--samples 10000] [--rounds 5] [--folder FOLDER]

A table of gaps with ids, labels, scores and predictions, and its mixture. Opening is from the start
of the navigation until the page's script has run and two frames were drawn, each time in a browser
that has the page open for the first time.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import arms
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from browser import browser, look

from avgap.artifact import Stamp
from avgap.artifact.gaps import Gaps, write_gaps
from avgap.fitgmm import fitgmm
from avgap.report import page

_DRAWN = """
const done = arguments[0];
requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now())));
"""


def write(path: Path, n: int) -> None:
    """Gaps of n samples of ten classes, a seventh of them imbalanced."""
    rng = np.random.default_rng(0)
    gap = np.where(rng.random(n) < 1 / 7, rng.normal(0.6, 0.1, n), rng.normal(0, 0.15, n))
    gap = gap.clip(-0.99, 0.99)
    label, guesses = rng.integers(0, 10, n), rng.integers(0, 10, (3, n))
    ids = [f"speaker-{i % 91:02}/sentence-{i:06}.mp4" for i in range(n)]
    prob = 0.5 + gap / 2
    table = Gaps(2 * prob - 1, ids, label, prob, 1 - prob, *guesses)
    stamp = Stamp("avgap.gaps", table.digest(), {"cache": "c"}, {"split": "train"}, {})
    write_gaps(path, Gaps(**{**vars(table), "stamp": stamp}))


def opened(page_file: Path, folder: Path) -> float:
    """Seconds from the start of the navigation until two frames were drawn."""
    with tempfile.TemporaryDirectory(dir=folder) as profile, browser(Path(profile)) as driver:
        look(driver, page_file)
        return float(driver.execute_async_script(_DRAWN)) / 1000


def main() -> None:
    """Make the page, open it, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    print(arms.machine())
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        folder = Path(name)
        write(folder / "gaps.h5", asked.samples)
        fitgmm(folder / "gaps.h5", folder / "gmm.json")
        begin = time.perf_counter()
        page([folder / "gaps.h5", folder / "gmm.json"], folder / "report.html")
        made = time.perf_counter() - begin
        size = (folder / "report.html").stat().st_size / 1e6
        print(f"made     {asked.samples:,} samples, {size:.1f} MB, in {made:.1f} s")
        times = [opened(folder / "report.html", folder) for _ in range(asked.rounds)]
    shown = ", ".join(f"{seconds:.2f}" for seconds in times)
    print(f"opened   median {statistics.median(times):.2f} s of {shown}")


if __name__ == "__main__":
    main()
