"""Training on one process and on several of torchrun: samples per second, efficiency.

python tests/bench/bench_scaling.py [--processes 1 2] [--device cpu] [--encoder small]
    [--clips 512] [--epochs 3] [--image-size 112] [--rounds 3] [--folder FOLDER]

The same batches of 64, shared among the processes; on a CPU each has one thread. The rate is that
of the last epoch, as the log has it, with its validation.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import arms
from bench_run import write


def rate(folder: Path, cache: Path, processes: int, options: argparse.Namespace) -> float:
    """Samples per second of a run's last epoch."""
    words = ["-m", "avgap", "warmup", str(cache), "-o", str(folder), "--quiet"]
    words += ["--epochs", str(options.epochs), "--encoder", options.encoder]
    words += ["--image-size", str(options.image_size), "--device", options.device]
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [sys.executable, *(launcher if processes > 1 else []), *words]
    variables = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, env=variables, capture_output=True)
    line = (folder / "log.jsonl").read_text().splitlines()[-1]
    return float(json.loads(line)["samples_per_second"])


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--encoder", default="small")
    parser.add_argument("--clips", type=int, default=512)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--image-size", type=int, default=112)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    print(f"{arms.machine()}; {options.encoder}, {options.clips} clips, {options.device}")
    folder = Path(tempfile.mkdtemp(dir=options.folder))
    try:
        write(folder / "cache.h5", options.clips, 1, 128)
        rates: dict[int, list[float]] = {n: [] for n in options.processes}
        for number in range(options.rounds):
            for n in options.processes:
                place = folder / f"{number}-{n}"
                rates[n].append(rate(place, folder / "cache.h5", n, options))
    finally:
        shutil.rmtree(folder)
    one = statistics.median(rates[options.processes[0]]) / options.processes[0]
    for n, values in rates.items():
        middle = statistics.median(values)
        print(f"| {n} | {middle:,.0f} samples/s ({min(values):,.0f} to {max(values):,.0f}) "
              f"| efficiency {middle / n / one:.2f} |")  # fmt: skip


if __name__ == "__main__":
    main()
