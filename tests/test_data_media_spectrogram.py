"""The spectrogram against its definition written out in numpy; the sound for the ear."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from media import tone

from avgap.data.clip import MediaError
from avgap.data.media.spectrogram import (
    check_recipe,
    playable,
    playable_length,
    spectrogram,
    tiled,
)
from avgap.errors import UsageError
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
    wave = np.array([0.1, 0.2, 0.3], np.float32)
    assert tiled(wave, 8).tolist() == wave[[0, 1, 2, 0, 1, 2, 0, 1]].tolist()
    assert tiled(wave, 2).tolist() == wave[:2].tolist()
    assert tiled(np.array([3.0]), 3).tolist() == [1, 1, 1]


@pytest.mark.parametrize("samples", [0, 1, 511])
def test_sound_shorter_than_one_window_is_refused_not_tiled(samples):
    with pytest.raises(MediaError, match=r"ms of one window of the recipe 'ogm'"):
        spectrogram(np.zeros(samples), OGM)
    with pytest.raises(MediaError, match=r"^31\.9 ms of sound, shorter than the 32\.0 ms of one"):
        spectrogram(np.zeros(511), AUDIO_RECIPES["pmr-ave"])


def test_samples_beyond_full_scale_are_clipped():
    wave = np.random.default_rng(0).normal(0, 5, OGM.n_samples)
    assert np.array_equal(spectrogram(wave, OGM), spectrogram(np.clip(wave, -1, 1), OGM))


def test_silence_is_the_logarithm_of_the_floor():
    assert np.unique(spectrogram(np.zeros(600), OGM)).tolist() == [np.float16(np.log(1e-7))]


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


# ---------------------------------------------------------------- power density


def density_by_definition(wave: np.ndarray, recipe: AudioRecipe) -> np.ndarray:
    """Log power per Hz of windows within the sound, each without its mean, a quarter tapered."""
    n, hop = recipe.n_fft, recipe.hop_length
    taper = n // 8  # an eighth at each end; periodic, so that the last sample is left out
    window = np.ones(n)
    window[: taper + 1] = 0.5 - 0.5 * np.cos(np.pi * np.arange(taper + 1) / taper)
    window[n - taper :] = window[taper:0:-1]
    columns = [wave[t : t + n] for t in range(0, wave.size - n + 1, hop)]
    power = np.abs(np.fft.rfft([(c - c.mean()) * window for c in columns], axis=1)) ** 2
    power /= recipe.sample_rate * (window**2).sum()
    power[:, 1:-1] *= 2  # one-sided: what stands at negative frequencies is added
    return np.log(power.T + 1e-7)


def test_the_density_recipes_give_what_scipys_definition_says():
    for name, shape in (("ogm-text", (257, 299)), ("pmr-ave", (257, 1004))):
        recipe = AUDIO_RECIPES[name]
        wave = np.random.default_rng(0).uniform(-0.5, 0.5, recipe.n_samples)
        expected = density_by_definition(wave, recipe)
        if name == "pmr-ave":
            expected = (expected - expected.mean()) / expected.std()
        found = spectrogram(wave, recipe)
        assert found.shape == recipe.shape == shape
        assert np.abs(found.astype(float) - expected).max() < 0.01


def test_a_clip_normalised_recipe_has_mean_zero_and_deviation_one():
    found = spectrogram(np.random.default_rng(0).normal(0, 0.1, 48000), AUDIO_RECIPES["pmr-ave"])
    assert found.astype(float).mean() == pytest.approx(0, abs=1e-3)
    assert found.astype(float).std() == pytest.approx(1, abs=1e-3)
    silent = spectrogram(np.zeros(48000), AUDIO_RECIPES["pmr-ave"])
    assert np.abs(silent).max() < 0.01


# ---------------------------------------------------------------- Kaldi's filter banks

KALDI = AUDIO_RECIPES["kaldi-fbank"]


def kaldi_by_definition(wave: np.ndarray, bands: int) -> np.ndarray:
    """Log mel energies (bands, T) at 16 kHz, sample by sample and band by band."""
    wave = wave - wave.mean()
    window = [0.5 - 0.5 * np.cos(2 * np.pi * i / 399) for i in range(400)]
    step = 1127 * np.log((700 + 8000) / (700 + 20)) / (bands + 1)  # mel from edge to edge
    mel = [1127 * np.log((700 + 31.25 * k) / (700 + 20)) / step for k in range(256)]  # in steps
    columns = []
    for start in range(0, wave.size - 399, 160):
        x = wave[start : start + 400] - wave[start : start + 400].mean()
        y = [(x[i] - 0.97 * x[max(i - 1, 0)]) * window[i] for i in range(400)]
        power = np.abs(np.fft.fft(y, 512)) ** 2
        energies = [
            sum(max(0.0, 1 - abs(mel[k] - band - 1)) * power[k] for k in range(256))
            for band in range(bands)
        ]
        columns.append(np.log(np.maximum(energies, 2.0**-23)))
    return np.array(columns).T


def test_kaldis_bands_are_as_defined_padded_with_zeros_and_scaled_by_audiosets_statistics():
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, 2000) + 0.1
    found = spectrogram(wave, KALDI).astype(float)
    assert found.shape == KALDI.shape == (128, 1024)
    expected = kaldi_by_definition(wave, 128)
    assert expected.shape == (128, 11)  # 1 + (2000 − 400) // 160
    assert np.abs(found[:, :11] - (expected + 4.503877) / (2 * 5.141276)).max() < 0.002
    assert np.unique(found[:, 11:]).tolist() == [np.float16(4.503877 / (2 * 5.141276))]


def test_kaldis_own_code_gives_the_same_numbers():
    # kaldi-native-fbank 1.23.0, Hann, 25 ms, 10 ms, no dither, 64 bands from 20 Hz (of 128 it
    # refuses some as empty), on the samples of this waveform less their mean.
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, 16000) + 0.1
    found = spectrogram(wave, replace(KALDI, mels=64)).astype(float)
    found = found * (2 * 5.141276) - 4.503877
    stored = {
        (0, 0): -5.295,
        (5, 13): -1.630,
        (20, 10): -0.758,
        (40, 30): 2.694,
        (50, 60): 5.115,
        (63, 97): 6.279,
    }
    for (band, column), value in stored.items():
        assert found[band, column] == pytest.approx(value, abs=0.01)


def test_long_sound_is_cut_to_the_first_1024_windows():
    wave = np.random.default_rng(0).normal(0, 0.1, 12 * 16000)
    wave -= wave.mean()
    found, cut = spectrogram(wave, KALDI), wave[: KALDI.n_samples]
    again = spectrogram(cut - cut.mean(), KALDI)
    assert KALDI.n_samples == 164_080  # 1,023 hops of 160 and a window of 400
    assert np.abs(found.astype(float) - again.astype(float)).max() < 0.02


# ---------------------------------------------------------------- changes that cannot be meant


@pytest.mark.parametrize(
    ("name", "changes", "what", "hint"),
    [
        ("ogm", {"seconds": 0.01}, "a window of 512 samples does not fit into 0.01 s", "--n-fft"),
        ("pmr-ave", {"mels": 64}, "a power density over linear frequencies", "logmel"),
        ("pmr-ave", {"hop_length": 600}, "windows of 512 samples, 600 apart", "--hop-length 512"),
        ("logmel", {"mels": 400}, r"\d+ of 400 mel bands hold no frequency", "fewer --mels"),
    ],
)
def test_changes_that_cannot_be_meant_are_refused_with_a_remedy(name, changes, what, hint):
    with pytest.raises(UsageError, match=what) as caught:
        check_recipe(replace(AUDIO_RECIPES[name], **changes))
    assert hint in (caught.value.hint or "")


def test_every_recipe_and_its_plain_changes_are_accepted():
    for recipe in AUDIO_RECIPES.values():
        check_recipe(recipe)
        check_recipe(replace(recipe, seconds=2.0, sample_rate=8000))
    check_recipe(replace(AUDIO_RECIPES["ogm"], mels=40))
    check_recipe(replace(KALDI, mels=64))


# ---------------------------------------------------------------- for the ear

EAR = AudioRecipe("tiny", 8000, 0.75, 64, 100)


def test_a_clip_is_heard_once_and_then_silence():
    heard = playable(tone(440, 0.5, 8000), EAR)
    assert (heard.dtype, heard.shape) == (np.int16, (12000,))
    assert playable_length(EAR) == 12000
    # Amplitude ½ of 32,767, and nothing after half a second.
    assert np.abs(heard[1000:7000]).max() == pytest.approx(16384, rel=0.02)
    assert not heard[8000:].any()
    assert np.abs(np.fft.rfft(heard[:8000])).argmax() == 220  # 440 Hz in bins of 2 Hz


def test_long_sound_is_cut():
    assert playable(np.ones(80000, np.float32), EAR).tolist()[-1] == 32767
