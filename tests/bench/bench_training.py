"""Training samples per second: avgap's loop against the peers', in one run, in turn.

python tests/bench/bench_training.py [--device auto] [--encoder resnet18] [--frames 1 3]
    [--clips 256] [--rounds 5] [--workers 0 1 2] [--image-size 224] [--folder FOLDER]

An arm is one epoch of L_MM with SGD, batches of 64, crops and flips, without validation. The peers
(peer_training.py) run at each number of workers, and the best counts. That all arms compute the
same is checked first: one batch gives avgap's and the peers' code the same loss. On a GPU also:
with and without CUDA graphs, in fp32, compiled (with --compile), MFU and the share of the roof.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import arms
import numpy as np
import peer_training as peer
import soundfile
import torch
from PIL import Image
from torch.nn.functional import cross_entropy

from avgap import console
from avgap.artifact.checkpoint import Progress
from avgap.data.loading.resident import InMemory, Resident
from avgap.methods.concat import Concat
from avgap.models import Description, build
from avgap.models.audiovisual import AudioVisual, Statistics
from avgap.settings import Running, Training
from avgap.training import TrainSetup, TrainState, make_optimizer, train
from avgap.training.device import choose_device, to_device

BATCH, RATE, SECONDS = 64, 22050, 3
CACHED = 256  # px, of avgap's stored frames
# performance.md: of an image of 224 px, of the spectrogram 257×188, forward and backward.
GFLOP_IMAGE, GFLOP_AUDIO, PEAK_TFLOPS, ROOF_IMAGES = 10.65, 10.63, 790, 38_200


def write_media(folder: Path, count: int, frames: int) -> Resident:
    """The peers' files, and the same clips as avgap holds them, on the CPU."""
    generator = np.random.default_rng(0)
    audio, visual = [], []
    for row in range(count):
        name = folder / f"{row:05}"
        time_ = np.arange(RATE * SECONDS) / RATE
        tone = np.sin(2 * np.pi * (200 + 100 * (row % 6)) * time_)
        sound = tone + generator.normal(0, 0.3, len(time_))
        soundfile.write(f"{name}.wav", (0.3 * sound).astype(np.float32), RATE)
        audio.append(peer.spectrogram(Path(f"{name}.wav")))
        np.save(f"{name}.npy", audio[-1])
        for k in range(frames):
            small = generator.integers(0, 256, (9, 12, 3), np.uint8)
            picture = Image.fromarray(small).resize((480, 360), Image.Resampling.BICUBIC)
            picture.save(f"{name}-{k}.jpg", quality=95)
            visual.append(np.asarray(picture.resize((CACHED, CACHED))))
    stacked = np.stack(visual).reshape(count, frames, CACHED, CACHED, 3)
    held = InMemory(torch.from_numpy(np.stack(audio).astype(np.float16)), torch.from_numpy(stacked))
    return Resident([str(i) for i in range(count)], torch.arange(count) % 6, held, "device")


def network(data: Resident, encoder: str, size: int, device: torch.device) -> AudioVisual:
    """The same weights every time."""
    audio, visual = data.source.like
    description = Description(
        encoder, encoder, tuple(audio.shape[1:]), (visual.shape[1], size, size), tuple("abcdef")
    )
    values = data.source.audio.float()  # type: ignore[attr-defined]
    statistics_ = Statistics(float(values.mean()), float(values.std()))
    return build(description, 0, statistics_).to(device)


def on(data: Resident, device: torch.device) -> Resident:
    """The data on the device."""
    source = InMemory(data.source.audio.to(device), data.source.visual.to(device))  # type: ignore[attr-defined]
    return dataclasses.replace(data, label=data.label.to(device), source=source)


class Ours:
    """avgap's loop: epochs of the same run, so that what is captured or compiled is so once."""

    def __init__(
        self, data: Resident, encoder: str, size: int, precision: str, graph: str, compile_: bool
    ) -> None:
        settings = Training(
            epochs=10**6, batch_size=BATCH, precision=precision, augment="on", lr=1e-3
        )
        running = Running(graph=graph)
        self.setup = TrainSetup(data, None, None, size, settings, running, 10**6)
        model = to_device(network(data, encoder, size, torch.device("cpu")), data.device)
        if compile_:
            model.audio_encoder.compile()
            model.visual_encoder.compile()
        optimizer = make_optimizer(model, settings, capturable=self.setup.graph)
        self.state = TrainState(model, optimizer, Progress("bench"))
        self.began = time.perf_counter()
        self.ends: list[float] = []

    def epochs(self, count: int) -> list[float]:
        """Samples per second of each of so many epochs after one that is not counted."""
        ends = [0.0]

        def note(_: TrainState) -> None:
            ends.append(time.perf_counter())

        ends[0] = time.perf_counter()
        with console.training("bench", 1) as bar:
            until = self.state.progress.step_epoch + count + 1
            train(self.state, Concat(), self.setup, until, note, bar)
        self.first = ends[1] - ends[0]
        return [len(self.setup.train) / (b - a) for a, b in itertools.pairwise(ends[1:])]


def same_loss(data: Resident, encoder: str, size: int, device: torch.device) -> float:
    """How far avgap's first loss is from the peers' on the same batch of whole frames."""
    from avgap.data.loading.augment import whole_frames

    model = network(data, encoder, size, device)
    n = min(BATCH, len(data))
    audio, visual = data.source.audio[:n], data.source.visual[:n]  # type: ignore[attr-defined]
    frames, label = whole_frames(visual, size), data.label[:n]
    mine = cross_entropy(model(audio, frames).fused, label)
    ready = (frames - model.visual_mean) / model.visual_std
    theirs = peer.logits(model, (audio.float() - model.audio_mean) / model.audio_std, ready)
    return abs(float(mine.detach()) - float(cross_entropy(theirs, label).detach()))


def compare(folder: Path, frames: int, options: argparse.Namespace, device: torch.device) -> None:
    """All arms at one number of frames; prints their rows."""
    data = write_media(folder, options.clips, frames)
    held, size = on(data, device), options.image_size
    gap = same_loss(held, options.encoder, size, device)
    assert gap < 1e-4, f"the arms' first losses differ by {gap}"
    gpu = device.type == "cuda"
    ours = {"avgap": Ours(held, options.encoder, size, "bf16" if gpu else "fp32", "auto", False)}
    if gpu:
        ours["avgap, no graph"] = Ours(held, options.encoder, size, "bf16", "off", False)
        ours["avgap, fp32"] = Ours(held, options.encoder, size, "fp32", "auto", False)
    if options.compile:
        ours["avgap, compiled"] = Ours(
            held, options.encoder, size, "bf16" if gpu else "fp32", "auto", True
        )
    peers = {
        f"{name}, {workers} workers": peer.Peer(
            peer.Setting(
                folder, options.clips, frames, size, tuned, workers, BATCH,
                network(data, options.encoder, size, torch.device("cpu")),
                str(device), options.threads,
            )
        )
        for name, tuned in (("peer as published", False), ("peer, tuned", True))
        for workers in options.workers
    }  # fmt: skip
    rates: dict[str, list[float]] = {name: [] for name in (*ours, *peers)}
    for number in range(options.rounds + 1):  # the first round warms up
        for name, loop in ours.items():
            found = loop.epochs(1)
            if number == 0:
                print(f"  {name}: first epoch {loop.first:.1f} s, capture and compilation in it")
            else:
                rates[name] += found
        for name, process in peers.items():
            taken = process.epoch()
            if number:
                rates[name].append(len(data) / taken)
    for process in peers.values():
        process.close()
    show(rates, frames, gpu, options.encoder)


def show(rates: dict[str, list[float]], frames: int, gpu: bool, encoder: str) -> None:
    """One row per arm, and the ratios that the targets are about."""
    middle = {name: statistics.median(values) for name, values in rates.items()}
    print(f"| {frames} frame{'s' if frames > 1 else ''} of 64-clip batches | samples/s | range |"
          + (" images/s | MFU | of the roof |" if gpu else ""))  # fmt: skip
    print("|---|---|---|" + ("---|---|---|" if gpu else ""))
    for name, values in rates.items():
        row = f"| {name} | {middle[name]:,.0f} | {min(values):,.0f} to {max(values):,.0f} |"
        if gpu:
            images = middle[name] * (1 + frames)
            flops = middle[name] * (GFLOP_AUDIO + frames * GFLOP_IMAGE) / 1000 / PEAK_TFLOPS
            row += f" {images:,.0f} | {100 * flops:.0f} % | {100 * images / ROOF_IMAGES:.0f} % |"
        print(row)
    for kind in ("peer as published", "peer, tuned"):
        best = max(value for name, value in middle.items() if name.startswith(kind))
        print(f"avgap against the {kind} at its best: {middle['avgap'] / best:.2f}x")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--encoder", default="resnet18")
    parser.add_argument("--frames", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--clips", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0: as it is")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    console.setup(quiet=True)
    if options.threads:
        torch.set_num_threads(options.threads)
    device = choose_device(options.device)
    what = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(f"{arms.machine()}, {what}, torch {torch.__version__}, {torch.get_num_threads()} threads")
    print(f"{options.encoder}, {options.image_size} px, {options.clips} clips")
    for frames in options.frames:
        folder = Path(tempfile.mkdtemp(dir=options.folder))
        try:
            compare(folder, frames, options, device)
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
