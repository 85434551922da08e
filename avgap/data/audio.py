"""The front end of sound: waveform → log spectrogram, as OGM-GE prepares CREMA-D."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from avgap.settings import AudioRecipe

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FLOOR = 1e-7  # added before the logarithm; OGM-GE, dataset/CramedDataset.py


def spectrogram(waveform: NDArray[np.floating[Any]], recipe: AudioRecipe) -> NDArray[np.float16]:
    """The log-magnitude spectrogram (F, T) of a waveform (samples,) at the recipe's rate.

    Tiled as often as needed, cut to the recipe's length, clipped to [−1, 1]; centred short-time
    Fourier transform with a Hann window and zeros beyond the ends; magnitude, through a mel filter
    bank where the recipe has one; natural logarithm of value + 1e-7. Not normalised: training
    standardises by the training split's statistics. Raises ValueError for no samples.
    Source: OGM-GE, dataset/CramedDataset.py (22,050 Hz, 3 s, 512/353 → 257×188).
    """
    import librosa

    wave = np.clip(fit(waveform, recipe.n_samples), -1.0, 1.0).astype(np.float32)
    magnitude = np.abs(
        librosa.stft(
            wave,
            n_fft=recipe.n_fft,
            hop_length=recipe.hop_length,
            window="hann",
            center=True,
            pad_mode="constant",
        )
    )
    if recipe.mels is not None:
        magnitude = _mel(recipe.sample_rate, recipe.n_fft, recipe.mels) @ magnitude
    logarithm: NDArray[np.float16] = np.log(magnitude + _FLOOR).astype(np.float16)
    return logarithm


def fit(waveform: NDArray[Any], n_samples: int) -> NDArray[Any]:
    """The waveform tiled as often as needed and cut to n_samples. ValueError for no samples."""
    if waveform.size == 0:
        raise ValueError("a waveform without samples cannot be tiled")
    return np.tile(waveform, -(-n_samples // waveform.size))[:n_samples]


@lru_cache(maxsize=4)
def _mel(sample_rate: int, n_fft: int, mels: int) -> NDArray[np.float32]:
    import librosa

    bank: NDArray[np.float32] = librosa.filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=mels)
    return bank
