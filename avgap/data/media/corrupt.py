"""Corrupting one modality of known clips, so that the truth about imbalance is known."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from avgap.errors import UsageError
from avgap.text import nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Frames = NDArray[np.uint8]
    Waveform = NDArray[np.float32]

KINDS = {"visual": ("noise", "blank", "pca25", "white"), "audio": ("noise", "silence", "white")}
ADDED = "white"  # the kind that is added, at a ratio that the user states
PROJECTED = "pca25"  # the kind that needs all training frames, so that it comes last
VARIANCE = 0.25  # share of the variance that pca25 keeps


@dataclass(frozen=True)
class Corruption:
    """Which modality of which share of the clips is corrupted, and how.

    visual:noise   every pixel is drawn anew from 0…255, in each frame
    visual:blank   every pixel is 0
    visual:pca25   frames keep the leading principal components of the training frames that hold
                   25 % of their variance, and lose the rest
    visual:white   white Gaussian noise is added to every value of every frame
    audio:noise    white Gaussian noise of the clip's own root mean square
    audio:silence  zeros
    audio:white    white Gaussian noise is added to the sound

    ratio: of white, dB: 10 log₁₀ of the signal's power over the noise's. The signal's power is the
    mean square of the sound of the clip's window, and the variance of the clip's frames. A clip
    without any, silent or of one grey, stays as it is.
    """

    modality: str
    share: float
    kind: str
    ratio: float | None = None

    @property
    def flag(self) -> str:
        """How a corrupt clip is marked in the column `corrupt`."""
        return f"{self.modality}:{self._how}"

    @property
    def spec(self) -> str:
        """The whole of it, as `parse` reads it."""
        return f"{self.modality}:{self.share:g}:{self._how}"

    @property
    def _how(self) -> str:
        return self.kind if self.ratio is None else f"{self.kind}:{self.ratio:g}dB"


def parse(text: str) -> Corruption:
    """Read MODALITY:SHARE[:KIND], as in visual:0.15, audio:0.2:silence or audio:1:white:-5dB.

    Without a kind it is noise. Raises UsageError with what is allowed.
    """
    modality, _, rest = text.partition(":")
    share_text, _, how = rest.partition(":")
    kind, _, ratio_text = (how or "noise").partition(":")
    try:
        share = float(share_text)
    except ValueError:
        share = -1.0
    ratio = _decibels(ratio_text)
    stated = ratio is not None if kind == ADDED else not ratio_text
    if modality in KINDS and kind in KINDS[modality] and 0 < share <= 1 and stated:
        return Corruption(modality, share, kind, ratio)
    allowed = [
        f"{name}:SHARE:{'|'.join(f'{k}:RATIOdB' if k == ADDED else k for k in kinds)}"
        for name, kinds in KINDS.items()
    ]
    meant = nearest(modality, KINDS) if modality not in KINDS else None
    hint = None if meant is None else f"{meant}:{rest}" if rest else f"{meant}:0.15"
    if kind == ADDED and not stated:
        hint = f"{modality}:{share_text}:{ADDED}:-5dB"
    raise UsageError(
        f"cannot corrupt {text!r}", [f"expected {' or '.join(allowed)}, SHARE in (0, 1]"], hint
    )


def _decibels(text: str) -> float | None:
    """The number of -5dB; None of anything else."""
    if not text.endswith("dB"):
        return None
    try:
        value = float(text[:-2])
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def corrupt_sound(
    wave: Waveform, kind: str, id: str, seed: int, ratio: float | None = None
) -> Waveform:
    """The waveform (samples,) corrupted, before its spectrogram. Depends on the id and the seed.

    ratio: of white, dB.
    """
    if kind == "silence":
        return np.zeros_like(wave)
    level = float(np.sqrt(np.mean(np.square(wave, dtype=np.float64))))
    if ratio is not None:
        level /= _amplitude(ratio)
    noise = _generator(id, seed).normal(0.0, level, wave.shape)
    return (noise if ratio is None else wave + noise).astype(np.float32)


def corrupt_frames(
    frames: Frames, kind: str, id: str, seed: int, ratio: float | None = None
) -> Frames:
    """The frames (K, H, W, 3) corrupted; pca25 is left to `Components`. Depends on id and seed.

    ratio: of white, dB, as far as values stay within 0 … 255.
    """
    if ratio is not None:
        level = float(frames.std(dtype=np.float64)) / _amplitude(ratio)
        noisy = frames + _generator(id, seed).normal(0.0, level, frames.shape)
        return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    if kind == "blank":
        return np.zeros_like(frames)
    if kind == "noise":
        return _generator(id, seed).integers(0, 256, frames.shape, np.uint8)
    return frames


class Components:
    """The leading principal components of some frames, by the Gram matrix of the frames.

    frames: (n, H, W, 3) with n far below the number of pixels. Keeps as few components as hold
    `variance` of the frames' variance, at least one.
    """

    def __init__(self, frames: Frames, variance: float = VARIANCE) -> None:
        flat = frames.reshape(len(frames), -1).astype(np.float32)
        self._mean = flat.mean(axis=0, dtype=np.float64).astype(np.float32)
        flat -= self._mean
        values, vectors = np.linalg.eigh((flat @ flat.T).astype(np.float64))
        values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
        held = np.cumsum(values)
        self.count = int(np.searchsorted(held, variance * held[-1])) + 1
        scale = np.sqrt(np.maximum(values[: self.count], np.finfo(np.float64).tiny))
        self._axes = (flat.T @ (vectors[:, : self.count] / scale)).astype(np.float32)

    def project(self, frames: Frames) -> Frames:
        """Frames (K, H, W, 3) with nothing but these components left."""
        flat: NDArray[Any] = frames.reshape(len(frames), -1) - self._mean
        kept = (flat @ self._axes) @ self._axes.T + self._mean
        pixels: Frames = np.clip(np.rint(kept), 0, 255).astype(np.uint8)
        return pixels.reshape(frames.shape)


def _amplitude(ratio: float) -> float:
    """A ratio of powers in dB as a ratio of root mean squares."""
    return float(10 ** (ratio / 20))


def _generator(id: str, seed: int) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed}:{id}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))
