"""Memory of prepare: the largest resident size of the main process and of every worker.

python tests/bench/bench_memory.py [--clips 600] [--workers 2]

Twice, with a quarter of the clips and with all: what grows with the data set shows there.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import arms
import clips


def resident(pid: int) -> float:
    """Memory that a process holds alone or shares, MB; 0 once it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    kilobytes = [int(line.split()[1]) for line in lines if line.startswith("VmRSS")]
    return kilobytes[0] / 1000 if kilobytes else 0.0


def children(pid: int) -> list[int]:
    """Processes that a process has started."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += map(int, task.read_text(encoding="ascii").split())
        except OSError:
            continue
    return found


def watch(table: Path, output: Path, workers: int) -> tuple[float, float]:
    """The peaks of the main process and of its largest worker, MB."""
    command = [sys.executable, "-m", "avgap", "prepare", "csv", str(table), "-o", str(output)]
    peaks = {"main": 0.0, "worker": 0.0}
    with subprocess.Popen(
        [*command, "--workers", str(workers), "--quiet", "--json"], stdout=subprocess.DEVNULL
    ) as process:
        while process.poll() is None:
            peaks["main"] = max(peaks["main"], resident(process.pid))
            sizes = [resident(child) for child in children(process.pid)]
            peaks["worker"] = max([peaks["worker"], *sizes])
            time.sleep(0.05)
    if process.returncode:
        raise SystemExit(process.returncode)
    return peaks["main"], peaks["worker"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=600)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    print(arms.machine())
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        for count in (max(2, options.clips // 4), options.clips):
            table = clips.make(Path(name) / f"{count}", count)
            main_process, worker = watch(table, Path(name) / f"{count}.h5", options.workers)
            print(f"{count} clips: main {main_process:.0f} MB, worker {worker:.0f} MB (target 300)")


if __name__ == "__main__":
    main()
