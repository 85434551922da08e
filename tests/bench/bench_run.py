"""A complete run at CREMA-D's size, from a cold start to metrics: wall time, memory.

python tests/bench/bench_run.py [--device auto] [--encoder resnet18] [--clips 7442] [--frames 1]
    [--epochs 100] [--image-size 224] [--folder FOLDER]

The commands of the README as processes of their own: warmup (30 % of the epochs), gaps, fitgmm,
adapt (four rounds), evaluate. The cache is generated, noise with a class in it; making it is not
counted. Targets, on an H200 with one frame: 90 s, and the data's size + 2.5 GB of its memory.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import arms
import numpy as np

from avgap import artifact
from avgap.data.cache.header import Header
from avgap.data.cache.writer import write_cache
from avgap.settings import AudioRecipe, FrameRecipe


def write(path: Path, count: int, frames: int, size: int) -> int:
    """A cache of count clips, 81 : 9 : 10 train, val, test; gives the bytes of its arrays."""
    header = Header("csv", tuple("abcdef"), True, AudioRecipe(), FrameRecipe(frames, size))
    sizes = {"val": count * 9 // 100, "test": count // 10}
    sizes = {"train": count - sum(sizes.values()), **sizes}
    generator = np.random.default_rng(0)
    audio = generator.normal(-6, 2, (64, *header.audio_shape)).astype(np.float16)
    visual = generator.integers(0, 200, (64, *header.visual_shape), np.uint8)
    with artifact.atomic(path) as part, write_cache(part, header, sizes) as writer:
        for split, n in sizes.items():
            for row in range(n):
                label = row % 6
                sound, sight = audio[row % 64].copy(), visual[row * 7 % 64].copy()
                sound[40 * label : 40 * label + 20] += 2
                sight[:, size * label // 6 : size * (label + 1) // 6] += 30
                writer.put(split, row, f"{split}{row:05}", label, sound, sight, {})
        writer.finish({}, {}, {}, {}, {})
    return count * (audio[0].nbytes + visual[0].nbytes)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--encoder", default="resnet18")
    parser.add_argument("--clips", type=int, default=7442)
    parser.add_argument("--frames", type=int, default=1)
    parser.add_argument("--frame-size", type=int, default=256)
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=options.folder))
    try:
        size = write(folder / "cache.h5", options.clips, options.frames, options.frame_size)
        print(f"{arms.machine()}; {options.clips} clips, {size / 1e9:.2f} GB, {options.encoder}")
        tell(folder, options, size)
    finally:
        shutil.rmtree(folder)


def tell(folder: Path, options: argparse.Namespace, size: int) -> None:
    """Every command's seconds, their sum, and the most memory."""
    cache, device = str(folder / "cache.h5"), ["--device", options.device, "--quiet"]
    warm = max(options.epochs * 3 // 10, 1)
    each = max((options.epochs - warm) // 4, 1)
    start, end = (str(folder / name / "checkpoint.pt") for name in ("warmup", "adapt"))
    encoder = ["--encoder", options.encoder, "--image-size", str(options.image_size)]
    lines = {
        f"warmup, {warm} epochs": ["warmup", cache, "-o", str(folder / "warmup"), "--epochs",
                                   str(warm), *encoder, *device],
        "gaps": ["gaps", cache, "-c", start, "-o", str(folder / "gaps.h5"), *device],
        "fitgmm": ["fitgmm", str(folder / "gaps.h5"), "-o", str(folder / "gmm.json"), "--quiet"],
        f"adapt, 4 × {each} epochs": ["adapt", cache, "-c", start, "-o", str(folder / "adapt"),
                                      "--steps", "4", "--epochs", str(each), *device],
        "evaluate": ["evaluate", cache, "-c", end, "-o", str(folder / "m.json"), *device],
    }  # fmt: skip
    whole = 0.0
    for name, words in lines.items():
        begin = time.perf_counter()
        command = [sys.executable, "-m", "avgap", *words]
        subprocess.run(command, check=True, env=os.environ, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - begin
        whole += seconds
        print(f"| {name} | {seconds:.1f} s |")
    print(f"| all | {whole:.1f} s (target on an H200: 90 s) |")
    logs = [
        json.loads(line)
        for name in ("warmup", "adapt")
        for line in (folder / name / "log.jsonl").read_text().splitlines()
    ]
    memory = max(line["memory"] for line in logs)
    print(f"memory of training {memory / 1e9:.2f} GB, data {size / 1e9:.2f} GB, difference "
          f"{(memory - size) / 1e9:.2f} GB (target on a GPU: 2.5)")  # fmt: skip
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    print(f"most memory of a process on the host {most / 1e9:.2f} GB")
    print(f"last epoch {logs[-1]['samples_per_second']:,.0f} samples/s, step {logs[-1]['step_ms']}")


if __name__ == "__main__":
    main()
