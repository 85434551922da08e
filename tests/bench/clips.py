"""Clips in the shape of CREMA-D's: flv1 and mp3 in FLV, 480×360 px, 30 fps, 2.5 s, and a WAV."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile

FPS, SECONDS, RATE = 30, 2.5, 44100
HEIGHT, WIDTH = 360, 480
BIT_RATE = 850_000  # the published files have 270 kB at 2.5 s
WAV_RATE = 16000
DISTINCT = 40  # clips that are generated; the others are copies under other names


def make(folder: Path, count: int, seed: int = 0) -> Path:
    """Write clips, their sound as WAV as CREMA-D has it, and clips.csv; returns the table."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["id,label,split,video,audio"]
    for number in range(count):
        name, source = f"{number:05}", f"{number % DISTINCT:05}"
        if number < DISTINCT:
            _write_clip(folder / name, seed, number)
        else:
            for ending in (".flv", ".wav"):
                shutil.copy(folder / f"{source}{ending}", folder / f"{name}{ending}")
        split = "test" if number % 10 == 9 else "train"
        lines.append(f"{name},{'ab'[number % 2]},{split},{name}.flv,{name}.wav")
    table = folder / "clips.csv"
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return table


def _write_clip(place: Path, seed: int, number: int) -> None:
    rng = np.random.default_rng([seed, number])
    wave = _voice(rng)
    _write_flv(place.with_suffix(".flv"), rng, wave)
    slow = np.interp(
        np.arange(round(SECONDS * WAV_RATE)) / WAV_RATE, np.arange(len(wave)) / RATE, wave
    )
    soundfile.write(place.with_suffix(".wav"), slow, WAV_RATE, subtype="PCM_16")


def _voice(rng: np.random.Generator) -> Any:
    time = np.arange(round(SECONDS * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * rng.uniform(100, 3000) * time) for _ in range(5))
    return (0.1 * tone + 0.02 * rng.normal(size=time.size)).astype(np.float32)


def _write_flv(path: Path, rng: np.random.Generator, wave: Any) -> None:
    # A textured scene that shifts a little from frame to frame, with the grain of a camera.
    coarse = rng.integers(0, 256, (HEIGHT // 12 + 8, WIDTH // 12 + 8, 3))
    scene = np.kron(coarse, np.ones((12, 12, 1))).astype(np.float32)
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("flv", rate=FPS)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.bit_rate, video.thread_count = BIT_RATE, 1
        audio: Any = container.add_stream("mp3", rate=RATE)
        audio.layout = "mono"
        for number in range(round(FPS * SECONDS)):
            top, left = (round(30 + 25 * np.sin(number / period)) for period in (7, 11))
            view = scene[top : top + HEIGHT, left : left + WIDTH]
            grain = rng.normal(0, 4, (HEIGHT, WIDTH, 1))
            frame = av.VideoFrame.from_ndarray(
                (view + grain).clip(0, 255).astype(np.uint8), format="rgb24"
            )
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        block = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
        block.rate, block.time_base, block.pts = RATE, Fraction(1, RATE), 0
        container.mux(audio.encode(block))
        container.mux(audio.encode(None))
