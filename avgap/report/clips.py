"""The clips of one split of a cache: what is to be seen, heard and known of each.

Known is what was corrupted on purpose, and so whether a mixture finds it.
"""

from __future__ import annotations

import base64
import io
import os
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from avgap import artifact
from avgap.artifact.gaps import Gaps
from avgap.data.media.spectrogram import SOUND_RATE
from avgap.mixture.model import Mixture

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from avgap.data.cache.reader import Cache

HEIGHT = 96  # px, of a frame and of a spectrogram
_FRAMES = 3


class Pictures(NamedTuple):
    """Frames and spectrogram as PNG, sound as WAV or None; all as data URIs."""

    frames: str
    spectrogram: str
    sound: str | None


@dataclass(frozen=True)
class Clips:
    """One split of a cache, but for the arrays: ids in order, its columns of text.

    pictured: whether it has pictures (not of embeddings). small: whether its frames are smaller
    than they are shown. root: where the dataset lay, as far as the cache remembers.
    """

    path: Path
    split: str
    classes: tuple[str, ...]
    row: dict[str, int]
    meta: dict[str, list[str]]
    pictured: bool
    small: bool
    root: Path | None

    @cached_property
    def corrupt(self) -> dict[str, str]:
        """What was corrupted on purpose: id → kind, "" for nothing; empty where that is unknown."""
        return dict(zip(self.row, self.meta.get("corrupt", ()), strict=False))

    def columns(self, ids: Sequence[str]) -> dict[str, list[str]]:
        """The cache's columns for N samples, in their order; "" for a clip that it lacks."""
        rows = [self.row.get(id) for id in ids]
        return {
            name: ["" if row is None else values[row] for row in rows]
            for name, values in self.meta.items()
        }

    def source(self, name: str) -> str:
        """A media file as the dataset names it, as a path to be opened; "" stays ""."""
        if not name or self.root is None:
            return name
        # The list of a csv dataset lies beside its media, other datasets are the folder itself.
        folder = self.root.parent if self.root.suffix.lower() == ".csv" else self.root
        return os.path.normpath(folder / name)

    def pictures(self, id: str) -> Pictures:
        """What is to be seen, and heard where the cache keeps sound, of one clip."""
        row = self.row[id]
        with artifact.open_hdf5(self.path) as file:
            group = file[self.split]
            visual, audio = group["visual"][row], group["audio"][row]
            sound = wav_uri(group["sound"][row]) if "sound" in group else None
        frames, spectrogram = strip_of_frames(visual), picture_of_spectrogram(audio)
        return Pictures(png_uri(frames), png_uri(spectrogram), sound)


def clips_of(cache: Cache, split: str) -> Clips:
    """What a report needs to know of one split. Raises InputError: no such split."""
    ids, meta = cache.labels(split), cache.meta(split)
    pictured = cache.kind == "media"
    small = pictured and cache.visual_shape[1] < HEIGHT
    hint = cache.stamp.hints.get("root")
    root = None if not hint else cache.path.parent / hint
    rows = {id: row for row, id in enumerate(ids)}
    return Clips(cache.path, split, cache.classes, rows, meta, pictured, small, root)


# ---------------------------------------------------------------- pictures


def strip_of_frames(frames: NDArray[np.uint8]) -> Image:
    """At most three of K RGB frames, (K, H, W, 3), side by side."""
    from PIL import Image

    count = min(len(frames), _FRAMES)
    chosen = frames[np.linspace(0, len(frames) - 1, count).round().astype(int)]
    strip = Image.fromarray(np.concatenate(list(chosen), axis=1))
    return _shrink(strip)


def picture_of_spectrogram(audio: NDArray[np.float16]) -> Image:
    """A spectrogram (F, T) in colour over its 1st to 99th percentile, low frequencies below."""
    from PIL import Image

    from avgap import figures

    values = audio.astype(np.float64)[::-1]
    low, high = np.percentile(values, [1, 99])
    scaled = np.clip((values - low) / max(high - low, 1e-9), 0, 1)
    picture = Image.fromarray((scaled * 255).astype(np.uint8)).convert("P")
    colours = np.array(figures.matplotlib().colormaps["magma"].colors) * 255
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


# ---------------------------------------------------------------- corruption


def imbalance(gap: NDArray[np.float64], mixture: Mixture) -> NDArray[np.float64]:
    """What ranks samples, (N,): the log-odds, or |gap| where no component is imbalanced.

    The log-odds still tell samples apart where the posterior is 1 to all digits.
    """
    return np.asarray(mixture.log_odds(gap)) if mixture.leaning else np.abs(gap)


def corrupted_auc(table: Gaps, mixture: Mixture, clips: Clips) -> float | None:
    """ROC AUC of the posterior against the corruption on purpose; None where that is not known.

    Ranked by the log-odds, of which the posterior is a monotone function: see imbalance.
    """
    truth = _truth(table, clips)
    if truth is None:
        return None
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(truth, imbalance(table.gap, mixture)))


def corrupted_precision(table: Gaps, mixture: Mixture, clips: Clips) -> float | None:
    """Of as many samples of highest posterior as are corrupted, the share that is; None as the AUC.

    At that number precision and recall are one.
    """
    truth = _truth(table, clips)
    if truth is None:
        return None
    order = np.argsort(-imbalance(table.gap, mixture), kind="stable")
    return float(truth[order[: truth.sum()]].mean())


def _truth(table: Gaps, clips: Clips) -> NDArray[np.bool_] | None:
    """Which samples are known to be corrupted, (N,); None: unknown, or all of them, or none."""
    if table.id is None or not set(table.id) <= set(clips.corrupt):
        return None
    truth = np.array([clips.corrupt[id] != "" for id in table.id])
    return None if truth.all() or not truth.any() else truth
