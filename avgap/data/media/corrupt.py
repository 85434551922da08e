"""Corrupting one modality of known clips, so that the truth about imbalance is known."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from avgap.errors import UsageError
from avgap.text import nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Frames = NDArray[np.uint8]
    Waveform = NDArray[np.float32]

KINDS = {"visual": ("noise", "blank", "pca25"), "audio": ("noise", "silence")}
PROJECTED = "pca25"  # the kind that needs all training frames, so that it comes last
VARIANCE = 0.25  # share of the variance that pca25 keeps


@dataclass(frozen=True)
class Corruption:
    """Which modality of which share of the clips is corrupted, and how.

    visual:noise   every pixel is drawn anew from 0…255, in each frame
    visual:blank   every pixel is 0
    visual:pca25   frames keep the leading principal components of the training frames that hold
                   25 % of their variance, and lose the rest
    audio:noise    white Gaussian noise of the clip's own root mean square
    audio:silence  zeros
    """

    modality: str
    share: float
    kind: str

    @property
    def flag(self) -> str:
        """How a corrupt clip is marked in the column `corrupt`."""
        return f"{self.modality}:{self.kind}"

    @property
    def spec(self) -> str:
        """The whole of it, as `parse` reads it."""
        return f"{self.modality}:{self.share:g}:{self.kind}"


def parse(text: str) -> Corruption:
    """Read MODALITY:SHARE[:KIND], as in visual:0.15 or audio:0.2:silence; the kind is noise.

    Raises UsageError with what is allowed.
    """
    modality, _, rest = text.partition(":")
    share_text, _, kind = rest.partition(":")
    kind = kind or "noise"
    try:
        share = float(share_text)
    except ValueError:
        share = -1.0
    if modality in KINDS and kind in KINDS[modality] and 0 < share <= 1:
        return Corruption(modality, share, kind)
    allowed = [f"{name}:SHARE:{'|'.join(kinds)}" for name, kinds in KINDS.items()]
    meant = nearest(modality, KINDS) if modality not in KINDS else None
    hint = None if meant is None else f"{meant}:{rest}" if rest else f"{meant}:0.15"
    raise UsageError(
        f"cannot corrupt {text!r}", [f"expected {' or '.join(allowed)}, SHARE in (0, 1]"], hint
    )


def corrupt_sound(wave: Waveform, kind: str, id: str, seed: int) -> Waveform:
    """The waveform (samples,) corrupted, before its spectrogram. Depends on the id and the seed."""
    if kind == "silence":
        return np.zeros_like(wave)
    level = float(np.sqrt(np.mean(np.square(wave, dtype=np.float64))))
    noise = _generator(id, seed).normal(0.0, level, wave.shape)
    return noise.astype(np.float32)


def corrupt_frames(frames: Frames, kind: str, id: str, seed: int) -> Frames:
    """The frames (K, H, W, 3) corrupted; pca25 is left to `Components`. Depends on id and seed."""
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


def _generator(id: str, seed: int) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed}:{id}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))
