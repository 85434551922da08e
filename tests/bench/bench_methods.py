"""Samples per second of every comparison method, in the loop, beside those of `concat`.

python tests/bench/bench_methods.py [--clips 256] [--rounds 3] [--encoder small] [--folder FOLDER]

Runs are interleaved. Each round trains a method for one epoch and for six; the difference is the
time of five, with validation, saving and what the method does between epochs. The median over the
rounds is told, on a GPU by the clock, on a CPU by the processor's time of one thread. The aim is
0.8 of `concat`'s rate divided by the method's forward passes.
Clips are noise, 32×32 each modality, in a temporary folder, deleted after.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from avgap import artifact, console
from avgap.baseline import baseline
from avgap.data.cache.header import Header
from avgap.data.cache.writer import write_cache
from avgap.methods.registry import METHODS
from avgap.settings import AudioRecipe, FrameRecipe, Network, Training

RECIPE = AudioRecipe("noise", 3200, 0.62, 62, 64)
HEADER = Header("noise", tuple("abcdef"), False, RECIPE, FrameRecipe(1, 32))
AIM = 0.8
EPOCHS = 5
Clock = Callable[[], float]
ONCE = {"g-blending": ["super_epoch=1"]}  # its copies train before the epochs that are timed


def write(path: Path, count: int) -> None:
    """A cache of noise: count clips to train on, 64 to validate."""
    generator = np.random.default_rng(0)
    sizes = {"train": count, "val": 64, "test": 0}
    with artifact.atomic(path) as part, write_cache(part, HEADER, sizes) as writer:
        for split, size in sizes.items():
            for row in range(size):
                audio = generator.normal(-6, 2, HEADER.audio_shape)
                visual = generator.integers(0, 256, HEADER.visual_shape, np.uint8)
                writer.put(split, row, f"{split}{row:05}", row % 6, audio, visual, {})
        writer.finish({}, {}, {}, {}, {})


def seconds(name: str, cache: Path, folder: Path, encoder: str, epochs: int, clock: Clock) -> float:
    """How long a run of so many epochs takes by this clock."""
    begin = clock()
    baseline(
        name,
        cache,
        folder,
        assignments=ONCE.get(name, ()),
        network=Network(encoder, encoder, 32),
        settings=Training(epochs=epochs, batch_size=32),
    )
    shutil.rmtree(folder)
    return clock() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--encoder", default="small")
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("methods", nargs="*", default=list(METHODS))
    options = parser.parse_args()
    console.setup(quiet=True)
    gpu = torch.cuda.is_available()
    clock: Clock = time.perf_counter if gpu else time.process_time
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(dir=options.folder) as place:
        cache = Path(place) / "cache.h5"
        write(cache, options.clips)
        names = dict.fromkeys(["concat", *options.methods])
        seconds(
            "concat", cache, Path(place) / "concat", options.encoder, 1, clock
        )  # imports, caches
        seen: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(options.rounds):
            for name in names:
                short, long = (
                    seconds(name, cache, Path(place) / name, options.encoder, epochs, clock)
                    for epochs in (1, 1 + EPOCHS)
                )
                seen[name].append(EPOCHS * options.clips / (long - short))
    plain = statistics.median(seen["concat"])
    print(f"{'method':<14}{'samples/s':>10}{'passes':>8}{'of concat/passes':>18}  (aim {AIM})")
    for name, values in seen.items():
        rate, passes = statistics.median(values), METHODS[name].passes
        print(f"{name:<14}{rate:>10.0f}{passes:>8}{rate * passes / plain:>18.2f}")


if __name__ == "__main__":
    main()
