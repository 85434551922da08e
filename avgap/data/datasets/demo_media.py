"""The dataset `demo`: real handwritten digits as short films, each with the tones of its digit.

Built in and without download: scikit-learn's digits (UCI, 8×8) are written once as media files,
which are then read like any others. A fifth of the clips has a corrupt picture, and says so in the
column `corrupt`, so that the truth about imbalance is known.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from avgap import artifact, console
from avgap.data.clip import Listing
from avgap.data.datasets.csv_table import TABLE, csv_table
from avgap.data.splitting import stratified
from avgap.errors import OutputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

PER_DIGIT = {"train": 90, "val": 15, "test": 25}
CORRUPT = 0.2  # share of the clips whose picture carries no digit
_SEED = 2025
_SIZE = 64  # px
_FPS = 10
_SECONDS = 1
_RATE = 16000  # Hz
_LOW = (697, 770, 852, 941)  # Hz; the two tones of a telephone's keys
_HIGH = (1209, 1336, 1477)  # Hz
_NOISE_DB = (0.0, 10.0)  # noise over tones, dB; drawn per clip
_GRAIN = 12.0  # standard deviation of the camera's noise, in 0…255


class _Scene(NamedTuple):
    id: str
    digit: int
    split: str
    image: NDArray[np.float64]
    corrupt: bool


def demo(root: Path) -> Listing:
    """List the demo's clips, after writing them into root where they are not there yet.

    The table is written last, so that a generation that was interrupted is done again.
    Raises OutputError where root cannot be written.
    """
    if not (root / TABLE).exists():
        _generate(root)
    return csv_table(root, augment=False)


def _generate(root: Path) -> None:
    scenes = _scenes()
    lines = io.StringIO("id,label,split,video,corrupt\n")
    lines.seek(0, io.SEEK_END)
    try:
        (root / "clips").mkdir(parents=True, exist_ok=True)
        with console.progress("demo media", len(scenes), "clips") as bar:
            for number, scene in enumerate(scenes):
                generator = np.random.default_rng([_SEED, number])
                name = f"clips/{scene.id}.mp4"
                _film(root / name, _pictures(scene, generator), _tones(scene.digit, generator))
                flag = "visual:noise" if scene.corrupt else ""
                lines.write(f"{scene.id},{scene.digit},{scene.split},{name},{flag}\n")
                bar.advance(lines=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"cannot write the demo's media into {root}", [reason]) from error
    artifact.write_text(root / TABLE, lines.getvalue())


def _scenes() -> list[_Scene]:
    """Every clip to come; no image is used twice."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    scenes = []
    for digit in range(10):
        pool = iter(np.flatnonzero(digits.target == digit).tolist())
        for split, count in PER_DIGIT.items():
            for number in range(count):
                image = digits.images[next(pool)] / 16
                scenes.append(_Scene(f"{split}-{digit}-{number:02}", digit, split, image, False))
    strata = {scene.id: (scene.split, scene.digit) for scene in scenes}
    corrupt = stratified(strata, CORRUPT, _SEED, "demo")
    return [scene._replace(corrupt=scene.id in corrupt) for scene in scenes]


def _pictures(scene: _Scene, generator: np.random.Generator) -> Iterator[NDArray[np.uint8]]:
    """The frames (H, W, 3): a digit that drifts and changes its brightness, or noise alone."""
    size, moments = _SIZE, np.linspace(0, 1, _FPS * _SECONDS)
    if scene.corrupt:
        for _ in moments:
            yield np.repeat(generator.integers(0, 256, (size, size, 1), np.uint8), 3, axis=2)
        return
    from PIL import Image

    side = int(generator.integers(50, 61))
    small = Image.fromarray((scene.image * 255).astype(np.uint8))
    large = np.asarray(small.resize((side, side), Image.Resampling.BICUBIC)) * 0.8
    start, stop = generator.integers(0, size - side + 1, (2, 2))
    light = generator.uniform(0.6, 1.0, 2)
    for moment in moments:
        canvas = np.full((size, size), 40.0)
        y, x = np.round(start + moment * (stop - start)).astype(int)
        canvas[y : y + side, x : x + side] += large * (light @ (1 - moment, moment))
        canvas += generator.normal(0, _GRAIN, canvas.shape)
        yield np.repeat(np.clip(canvas, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def _tones(digit: int, generator: np.random.Generator) -> NDArray[np.float32]:
    """The digit's two tones at any phase and level under white noise, (samples,)."""
    time = np.arange(_RATE * _SECONDS) / _RATE
    pitch = generator.uniform(0.99, 1.01)
    phases = generator.uniform(0, 2 * np.pi, 2)
    pair = (_LOW[digit // 3], _HIGH[digit % 3])
    tones = sum(np.sin(2 * np.pi * f * pitch * time + p) for f, p in zip(pair, phases, strict=True))
    # Each tone lasts a part of the clip, as a word does.
    begin = generator.uniform(0, 0.4)
    tones *= (time > begin) & (time < begin + 0.5)
    noise = generator.normal(0, 10 ** (generator.uniform(*_NOISE_DB) / 20), time.size)
    wave = (tones + noise) * generator.uniform(0.02, 0.08)
    clipped: NDArray[np.float32] = np.clip(wave, -1, 1).astype(np.float32)
    return clipped


def _film(path: Path, pictures: Iterator[NDArray[np.uint8]], wave: NDArray[np.float32]) -> None:
    """Write an mp4: MPEG-4 video and AAC sound, which every FFmpeg can write."""
    import av

    with av.open(str(path.absolute()), "w") as container:
        video: Any = container.add_stream("mpeg4", rate=_FPS)
        video.width = video.height = _SIZE
        video.pix_fmt = "yuv420p"
        video.bit_rate = 600_000
        video.thread_count = 1
        sound: Any = container.add_stream("aac", rate=_RATE)
        sound.layout = "mono"
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, _FPS)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        samples = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
        samples.rate, samples.pts, samples.time_base = _RATE, 0, Fraction(1, _RATE)
        container.mux(sound.encode(samples))
        container.mux(sound.encode(None))
