"""What the data of a 100-epoch run costs: prepared once against decoded in every epoch.

python tests/bench/bench_data_cost.py [--clips 200] [--epochs 100] [--rounds 5]

In processor seconds per clip, with one thread. Prepared once: prepare, the cache read once into
memory, and a batch gathered for every clip in every epoch. Decoding per epoch: the media decoded
and transformed for every clip in every epoch, as a loader without a cache does; and, as the peers
publish it, JPEGs and sound files read and transformed in every epoch. Crops, flips and scaling
come after all three and are left out of all.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from pathlib import Path

import arms
import bench_prepare
import clips
import peer
import torch
from PIL import Image

from avgap.data.cache.reader import open_cache
from avgap.data.clip import Clip
from avgap.data.loading.resident import batches, generator, resident
from avgap.data.media import decode
from avgap.settings import AudioRecipe, FrameRecipe

BATCH = 64


def once(table: Path, cache: Path, epochs: int) -> None:
    """Prepare, read, and gather every batch of every epoch."""
    bench_prepare.run_prepare(table, cache, workers=1)
    data = resident(open_cache(cache), "train", torch.device("cpu"))
    for epoch in range(epochs):
        order = torch.randperm(len(data), generator=generator("cpu", 0, epoch))
        for _ in batches(data, order.split(BATCH)):
            pass


def decoding(table: Path, count: int) -> float:
    """Processor seconds per clip of decoding a clip as prepare does."""
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[:count]
    folder = table.parent
    job = decode.Job(AudioRecipe(), FrameRecipe(), "auto", None, 0)
    there = [Clip(r["id"], "a", "", folder / r["video"], audio=folder / r["audio"]) for r in rows]
    decode.decode(there[0], job)
    begin = time.process_time()
    for clip in there:
        decode.decode(clip, job)
    return (time.process_time() - begin) / len(there)


def reading(table: Path, folder: Path, count: int) -> float:
    """Processor seconds per clip of the peers' loader: three JPEGs, one sound file, one STFT."""
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[:count]
    for row in rows:
        (folder / row["id"]).mkdir(parents=True)
        peer.frames(table.parent / row["video"], folder / row["id"])
    peer.spectrogram(table.parent / rows[0]["audio"])
    begin = time.process_time()
    for row in rows:
        for picture in sorted((folder / row["id"]).glob("*.jpg")):
            Image.open(picture).convert("RGB")
        peer.spectrogram(table.parent / row["audio"])
    return (time.process_time() - begin) / len(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(arms.machine())
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        table = clips.make(folder / "clips", options.clips)
        few = min(options.clips, clips.DISTINCT)
        per_clip: dict[str, list[float]] = {"once": [], "decoding": [], "reading": []}
        for number in range(options.rounds):
            cost = arms.measure(lambda: once(table, folder / "cache.h5", options.epochs))
            per_clip["once"].append(cost.cpu / options.clips)
            per_clip["decoding"].append(options.epochs * decoding(table, few))
            jpegs = folder / f"jpegs-{number}"
            per_clip["reading"].append(options.epochs * reading(table, jpegs, few))
        middle = {n: sorted(values)[len(values) // 2] for n, values in per_clip.items()}
        print(
            f"{options.epochs} epochs, CPU per clip: prepared once {1000 * middle['once']:.1f} ms"
        )
        for name, words in (("decoding", "decoded"), ("reading", "JPEG and WAV read")):
            times = middle[name] / middle["once"]
            print(f"  {words} in every epoch {middle[name]:.2f} s: {times:.0f}x (target 30)")


if __name__ == "__main__":
    main()
