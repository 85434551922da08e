"""Frames, spectrograms and sounds as data URIs: what a page shows of a clip."""

from __future__ import annotations

import base64
import io
import wave
from typing import TYPE_CHECKING

import numpy as np

from avgap.data.media.spectrogram import SOUND_RATE

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

HEIGHT = 96  # px, of a frame and of a spectrogram
_FRAMES = 3


def strip_of_frames(frames: NDArray[np.uint8]) -> Image:
    """At most three of K RGB frames, (K, H, W, 3), side by side."""
    from PIL import Image

    count = min(len(frames), _FRAMES)
    chosen = frames[np.linspace(0, len(frames) - 1, count).round().astype(int)]
    strip = Image.fromarray(np.concatenate(list(chosen), axis=1))
    return _shrink(strip)


def picture_of_spectrogram(audio: NDArray[np.float16]) -> Image:
    """A spectrogram (F, T) in colour over its 1st to 99th percentile, low frequencies below."""
    import matplotlib as mpl
    from PIL import Image

    values = audio.astype(np.float64)[::-1]
    low, high = np.percentile(values, [1, 99])
    scaled = np.clip((values - low) / max(high - low, 1e-9), 0, 1)
    picture = Image.fromarray((scaled * 255).astype(np.uint8)).convert("P")
    colours = np.array(mpl.colormaps["magma"].colors) * 255  # type: ignore[attr-defined]
    picture.putpalette(colours.round().astype(np.uint8).tobytes())
    return picture if picture.height <= 2 * HEIGHT else _shrink(picture.convert("RGB"))


def _shrink(picture: Image) -> Image:
    if picture.height <= HEIGHT:
        return picture
    width = round(picture.width * HEIGHT / picture.height)
    return picture.resize((width, HEIGHT), 1)  # 1: Lanczos


def wav_uri(sound: NDArray[np.int16]) -> str:
    """Samples (n,) at 16 kHz as a data URI."""
    with io.BytesIO() as target:
        with wave.open(target, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SOUND_RATE)
            file.writeframes(sound.astype("<i2").tobytes())
        return "data:audio/wav;base64," + base64.b64encode(target.getvalue()).decode("ascii")


def png_uri(picture: Image) -> str:
    """A picture as a PNG data URI."""
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
