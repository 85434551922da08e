"""A cache of CREMA-D's true size: how fast it opens, and how fast a split is read.

python tests/bench/bench_cache.py [--clips 7442] [--rounds 5] [--folder FOLDER]

Generated into a temporary folder (about 5 GB, checked first) and deleted after. The split is read
as training reads it; the raw arm reads as many bytes of the same file. Both with the file dropped
from the page cache before every reading (the disk's speed), and with it there (our overhead).
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import arms
import numpy as np

from avgap import artifact
from avgap.data.cache.header import Header
from avgap.data.cache.reader import open_cache
from avgap.data.cache.writer import write_cache
from avgap.settings import AudioRecipe, FrameRecipe

HEADER = Header("csv", tuple("abcdef"), True, AudioRecipe(), FrameRecipe())
BYTES = 2 * int(np.prod(HEADER.audio_shape)) + int(np.prod(HEADER.visual_shape))  # per clip
_BLOCK = 8 << 20


def write(path: Path, count: int) -> None:
    """Nine tenths train, the rest test; arrays of random bytes, for a disk that compresses."""
    sizes = {"train": count - count // 10, "val": 0, "test": count // 10}
    generator = np.random.default_rng(0)
    audio = generator.normal(-6, 2, (64, *HEADER.audio_shape)).astype(np.float16)
    visual = generator.integers(0, 256, (64, *HEADER.visual_shape), np.uint8)
    with artifact.atomic(path) as part, write_cache(part, HEADER, sizes) as writer:
        for split, size in sizes.items():
            for row in range(size):
                arrays = audio[row % 64], visual[row * 7 % 64]
                writer.put(split, row, f"{split}{row:05}", row % 6, *arrays, {"speaker": "1001"})
        writer.finish({}, {}, {}, {}, {})


def forget(path: Path) -> None:
    """Drop a file from the page cache."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def raw(path: Path, size: int) -> float:
    """Seconds to read that many bytes of a file into fresh memory."""
    begin = time.perf_counter()
    target = np.empty(size, np.uint8)
    with path.open("rb", buffering=0) as file:
        done = 0
        while done < size:
            done += file.readinto(target[done : done + _BLOCK]) or size
    return time.perf_counter() - begin


def split(path: Path) -> float:
    """Seconds to read the training split."""
    cache = open_cache(path)
    begin = time.perf_counter()
    cache.split("train")
    return time.perf_counter() - begin


def opening(path: Path) -> float:
    """Seconds to open the cache."""
    begin = time.perf_counter()
    open_cache(path)
    return time.perf_counter() - begin


def compare(path: Path, rounds: int, *, cold: bool) -> None:
    """Print how fast the file opens and is read, dropped from the page cache before (cold)."""
    size = open_cache(path).sizes["train"] * BYTES
    readers = {"open": opening, "split": split, "raw": lambda path: raw(path, size)}
    seconds: dict[str, list[float]] = {name: [] for name in readers}
    for number in range(rounds):
        # Turned around every time: what one arm reads may warm a cache behind the disk.
        for name in sorted(readers, reverse=number % 2 == 1):
            if cold:
                forget(path)
            seconds[name].append(readers[name](path))
    middle = {name: statistics.median(values) for name, values in seconds.items()}
    rates = {name: size / middle[name] / 1e9 for name in ("split", "raw")}
    print(
        f"page cache {'cold' if cold else 'warm'}: opened in {middle['open']:.3f} s (target 1), "
        f"split {rates['split']:.2f} GB/s of raw {rates['raw']:.2f} GB/s: "
        f"{100 * rates['split'] / rates['raw']:.0f} % (target 80)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=7442)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    print(arms.machine())
    needed = options.clips * BYTES
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        free = shutil.disk_usage(name).free
        if free < 1.2 * needed:
            sys.exit(f"needs {1.2 * needed / 1e9:.1f} GB in {name}, {free / 1e9:.1f} GB are free")
        path = Path(name) / "cache.h5"
        written = arms.measure(lambda: write(path, options.clips))
        print(f"{path.stat().st_size / 1e9:.2f} GB written in {written.wall:.1f} s")
        for state in ("cold", "warm"):
            compare(path, options.rounds, cold=state == "cold")


if __name__ == "__main__":
    main()
