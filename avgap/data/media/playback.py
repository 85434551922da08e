"""Sound for the ear (`--keep-sound`): what the report plays beside a clip's spectrogram."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from avgap.settings import AudioRecipe

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE = 16000  # Hz


def length(recipe: AudioRecipe) -> int:
    """Samples that are kept of every clip: the recipe's seconds."""
    return round(RATE * recipe.seconds)


def playable(wave: NDArray[np.floating[Any]], recipe: AudioRecipe) -> NDArray[np.int16]:
    """A waveform (samples,) at the recipe's rate as int16 at 16 kHz, cut or followed by silence.

    Not tiled as for the spectrogram: one hears the clip once.
    """
    import librosa

    if recipe.sample_rate != RATE:
        wave = librosa.resample(wave, orig_sr=recipe.sample_rate, target_sr=RATE)
    heard = wave[: length(recipe)]
    heard = np.pad(heard, (0, length(recipe) - heard.size))
    samples: NDArray[np.int16] = np.rint(heard.clip(-1, 1) * np.iinfo(np.int16).max).astype("<i2")
    return samples
