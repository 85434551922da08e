"""The spectrogram against its definition written out in numpy."""

from __future__ import annotations

import numpy as np
import pytest

from avgap.data.audio import fit, spectrogram
from avgap.settings import AUDIO_RECIPES, AudioRecipe

OGM = AUDIO_RECIPES["ogm"]


def by_definition(wave: np.ndarray, recipe: AudioRecipe) -> np.ndarray:
    """Log magnitude of a centred Hann-windowed transform with zeros beyond the ends."""
    n, hop = recipe.n_fft, recipe.hop_length
    padded = np.pad(wave.astype(np.float64), n // 2)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)  # periodic
    columns = [padded[t * hop : t * hop + n] * window for t in range(1 + wave.size // hop)]
    return np.log(np.abs(np.fft.rfft(columns, axis=1)).T + 1e-7)


def test_the_default_recipe_gives_257_by_188_values_as_defined():
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, OGM.n_samples)
    found = spectrogram(wave, OGM)
    assert found.shape == OGM.shape == (257, 188)
    assert found.dtype == np.float16
    # float16 rounds values below 8 by at most 0.002, small magnitudes in float32 add some.
    assert np.abs(found.astype(float) - by_definition(wave, OGM)).max() < 0.02


def test_a_tone_stands_in_its_bin():
    # 22,050 Hz / 512 = 43.07 Hz per bin: 1,000 Hz is bin 23.2.
    time = np.arange(OGM.n_samples) / OGM.sample_rate
    assert set(spectrogram(np.sin(2 * np.pi * 1000 * time), OGM).argmax(axis=0)[2:-2]) == {23}


def test_short_sound_is_tiled_as_often_as_needed_and_long_sound_cut():
    assert fit(np.array([1, 2, 3]), 8).tolist() == [1, 2, 3, 1, 2, 3, 1, 2]
    assert fit(np.array([1, 2, 3]), 2).tolist() == [1, 2]
    assert fit(np.array([5]), 3).tolist() == [5, 5, 5]
    with pytest.raises(ValueError, match="without samples"):
        fit(np.array([]), 3)


def test_samples_beyond_full_scale_are_clipped():
    wave = np.random.default_rng(0).normal(0, 5, OGM.n_samples)
    assert np.array_equal(spectrogram(wave, OGM), spectrogram(np.clip(wave, -1, 1), OGM))


def test_silence_is_the_logarithm_of_the_floor():
    assert np.unique(spectrogram(np.zeros(100), OGM)).tolist() == [np.float16(np.log(1e-7))]


@pytest.mark.parametrize("name", AUDIO_RECIPES)
def test_every_recipe_gives_the_shape_it_promises(name):
    recipe = AUDIO_RECIPES[name]
    found = spectrogram(np.random.default_rng(0).normal(0, 0.1, 1000), recipe)
    assert found.shape == recipe.shape
    assert np.isfinite(found).all()


def test_a_mel_recipe_weights_the_magnitudes_by_librosas_filters():
    import librosa

    recipe = AUDIO_RECIPES["logmel"]
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, recipe.n_samples)
    magnitude = np.exp(by_definition(wave, recipe)) - 1e-7
    filters = librosa.filters.mel(sr=16000, n_fft=400, n_mels=64)
    expected = np.log(filters @ magnitude + 1e-7)
    assert np.abs(spectrogram(wave, recipe).astype(float) - expected).max() < 0.02
