"""prepare against the peers' one process, on clips in CREMA-D's shape: wall time, CPU, shares.

python tests/bench/bench_prepare.py [--clips 600] [--rounds 5] [--folder FOLDER]

Needs the extra `bench`. Each arm is a process of its own, from its start to its last file.
"""

from __future__ import annotations

import argparse
import csv
import pickle
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import arms
import clips
import cv2
import librosa
import numpy as np

from avgap.data.cache.header import Header
from avgap.data.cache.parts import Parts
from avgap.data.cache.reader import open_cache
from avgap.data.cache.writer import write_cache
from avgap.data.clip import Clip
from avgap.data.media import decode, frames
from avgap.settings import AudioRecipe, FrameRecipe

HERE = Path(__file__).parent


def run_prepare(table: Path, output: Path, workers: int) -> None:
    output.unlink(missing_ok=True)
    command = [sys.executable, "-m", "avgap", "prepare", "csv", str(table), "-o", str(output)]
    subprocess.run(
        [*command, "--workers", str(workers), "--quiet", "--json"],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def run_peer(table: Path, output: Path) -> None:
    shutil.rmtree(output, ignore_errors=True)
    subprocess.run([sys.executable, str(HERE / "peer.py"), str(table), str(output)], check=True)


def check(table: Path, cache: Path, peer: Path) -> None:
    """Both arms made the same spectrograms, and frames of the same video."""
    split = open_cache(cache).split("train")
    with table.open(encoding="utf-8", newline="") as file:
        files = {row["id"]: table.parent / row["video"] for row in csv.DictReader(file)}
    for row, id in list(enumerate(split.id))[: clips.DISTINCT]:
        theirs = pickle.loads((peer / id / "audio.pkl").read_bytes())
        difference = np.abs(theirs - split.audio[row].astype(np.float32)).max()
        assert difference < 0.01, f"{id}: spectrograms differ by {difference}"
        capture = cv2.VideoCapture(str(files[id]))
        read = [capture.read()[1] for _ in range(75)]
        # The middles of three parts of 2.5 s at 30 frames per second: frames 12, 37 and 62.
        for frame, number in zip(split.visual[row], (12, 37, 62), strict=True):
            picture = frames.resize(np.ascontiguousarray(read[number][..., ::-1]), 256)
            assert np.abs(picture.astype(float) - frame).mean() < 3, f"{id}: other frames"


def shares(table: Path) -> dict[str, float]:
    """Milliseconds per clip that decoding, transforming and writing take in one process."""
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[: clips.DISTINCT]
    there = [
        Clip(
            r["id"], r["label"], "train", table.parent / r["video"], audio=table.parent / r["audio"]
        )
        for r in rows
    ]
    job = decode.Job(AudioRecipe(), FrameRecipe(), "auto", None, 0)
    spent = {"decode": 0.0, "transform": 0.0, "write": 0.0}

    def timed(work):
        def run(*values, **options):
            begin = time.process_time()
            done = work(*values, **options)
            spent["transform"] += time.process_time() - begin
            return done

        return run

    originals = (frames, "resize"), (decode, "spectrogram"), (librosa, "resample")
    decode.decode(there[0], job)
    before = [getattr(module, name) for module, name in originals]
    for (module, name), work in zip(originals, before, strict=True):
        setattr(module, name, timed(work))
    header = Header("csv", ("a", "b"), True, job.audio, job.frames)
    with tempfile.TemporaryDirectory(dir=table.parent) as name:
        target = Path(name) / "a.h5"
        sizes = {"train": len(there), "val": 0, "test": 0}
        with Parts(Path(name) / "parts") as parts, write_cache(target, header, sizes) as writer:
            for row, clip in enumerate(there):
                begin = time.process_time()
                done = decode.decode(clip, job)
                middle = time.process_time()
                parts.put(clip.id, done)
                writer.put("train", row, clip.id, 0, done.audio, done.visual, {})
                spent["decode"] += middle - begin
                spent["write"] += time.process_time() - middle
            writer.finish({}, {}, {}, {}, {})
    for (module, name), work in zip(originals, before, strict=True):
        setattr(module, name, work)
    spent["decode"] -= spent["transform"]
    return {name: 1000 * seconds / len(there) for name, seconds in spent.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    print(arms.machine())
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        table = clips.make(folder / "clips", options.clips)
        cache, peer = folder / "cache.h5", folder / "peer"
        work = {
            "prepare": lambda: run_prepare(table, cache, options.workers),
            "peer": lambda: run_peer(table, peer),
        }
        costs = arms.interleaved(work, options.rounds)
        check(table, cache, peer)
        for name, (wall, cpu) in {n: arms.medians(c) for n, c in costs.items()}.items():
            per_clip = 1000 * cpu / options.clips
            rate = options.clips / wall
            print(f"{name:8} {wall:6.2f} s, {rate:6.1f} clips/s, {per_clip:5.1f} ms CPU per clip")
        ours, theirs = arms.medians(costs["prepare"]), arms.medians(costs["peer"])
        print(f"wall {theirs.wall / ours.wall:.2f}x (target 2.2), CPU {theirs.cpu / ours.cpu:.2f}x")
        spent = shares(table)
        total = sum(spent.values())
        parts = ", ".join(f"{n} {ms:.1f} ms ({100 * ms / total:.0f} %)" for n, ms in spent.items())
        print(f"per clip in one process: {parts}")


if __name__ == "__main__":
    main()
