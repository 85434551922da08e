"""Tiny media files whose content tells where it is from: grey levels by frame, pure tones."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from avgap.data.media import frames as media_frames
from avgap.data.media.container import Timeline, open_media

FPS = 10
RATE = 16000
STEP = 10  # grey levels from frame to frame


def grey(number: int) -> int:
    """The grey level of a frame."""
    return min(20 + STEP * number, 255)


def frame_numbers(frames: Any) -> list[int]:
    """Which frames these are (K, H, W, 3), by their grey level."""
    return [round((float(frame.mean()) - 20) / STEP) for frame in frames]


def read_frames(path: Path, *how: Any, **options: Any) -> Any:
    """The frames of a film that is opened for them alone, (K, H, W, 3)."""
    with open_media(path) as film:
        return media_frames.read_frames(film, *how, **options)


def timeline(path: Path) -> Timeline:
    """When a file shows its frames and where it ends."""
    with open_media(path) as file:
        return file.timeline


def tone(frequency: float, seconds: float, rate: int = RATE) -> Any:
    """A sine of amplitude ½, (samples,) float32."""
    return (0.5 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)).astype(
        np.float32
    )


def write_video(
    path: Path,
    *,
    frames: int = 20,
    times: Sequence[int] | None = None,
    sound: Any = "tone",
    size: tuple[int, int] = (64, 48),
    codec: str = "mpeg4",
    offset: int = 0,
    picture: Any = None,
) -> Path:
    """Write frames of rising grey at 10 per second (or at times, in tenths of a second), and sound.

    picture: (height, width, 3), what every frame shows instead.

    sound: samples at 16 kHz, "tone" for 440 Hz of the video's length, or None. offset: tenths of a
    second by which the container's clock is ahead.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream(codec, rate=FPS)
        video.width, video.height = size
        video.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        video.thread_count = 1
        audio: Any = None
        if sound is not None:
            audio = container.add_stream("aac", rate=RATE)
            audio.layout = "mono"
        stamps = list(range(frames)) if times is None else list(times)
        for number, stamp in enumerate(stamps):
            seen = np.full((size[1], size[0], 3), grey(number), np.uint8)
            seen = seen if picture is None else picture
            frame = av.VideoFrame.from_ndarray(seen, format="rgb24")
            frame.pts, frame.time_base = stamp + offset, Fraction(1, FPS)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            wave = tone(440, len(stamps) / FPS) if isinstance(sound, str) else sound
            block = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
            block.rate, block.time_base = RATE, Fraction(1, RATE)
            block.pts = offset * RATE // FPS
            container.mux(audio.encode(block))
            container.mux(audio.encode(None))
    return path


def write_table(folder: Path, rows: Sequence[dict[str, Any]], name: str = "clips.csv") -> Path:
    """Write a table of clips; columns as in the first row."""
    lines = [",".join(rows[0]), *(",".join(str(value) for value in row.values()) for row in rows)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / name


def write_dataset(folder: Path, per_split: dict[str, int], **video: Any) -> Path:
    """Write clips of the classes a and b in turn, and their table; returns the folder."""
    rows = []
    for split, count in per_split.items():
        for number in range(count):
            name = f"{split}-{number}"
            write_video(folder / f"{name}.mp4", **{"frames": 5, **video})
            rows.append(
                {"id": name, "label": "ab"[number % 2], "split": split, "video": f"{name}.mp4"}
            )
    write_table(folder, rows)
    return folder
