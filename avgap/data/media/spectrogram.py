"""The front ends of sound: waveform → log spectrogram, by the recipes of the literature.

And waveform → what is kept for the ear (`--keep-sound`), which the report plays beside it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from avgap.data.clip import MediaError
from avgap.errors import UsageError
from avgap.settings import AUDIO_RECIPES, AudioRecipe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.floating[Any]]

SOUND_RATE = 16000  # Hz, of the sound that is kept for the ear
_FLOOR = 1e-7  # added before the logarithm; OGM-GE, dataset/CramedDataset.py
_EPSILON = float(np.finfo(np.float32).eps)  # Kaldi's floor of an energy
_LOWEST = 20.0  # Hz, where Kaldi's mel bands begin
_PREEMPHASIS = 0.97
_MEAN, _STD = -4.503877, 5.141276  # OGM-GE, data/KineticSound/process_audio.py


def spectrogram(waveform: Array, recipe: AudioRecipe) -> NDArray[np.float16]:
    """The log spectrogram (F, T) of a waveform (samples,) at the recipe's rate.

    The transform and the normalisation are the recipe's; training standardises once more, by the
    training split's statistics. Raises MediaError for sound shorter than one window: tiled, it
    would be a tone of our own making.
    """
    if waveform.size < recipe.n_fft:
        had, least = (1000 * n / recipe.sample_rate for n in (waveform.size, recipe.n_fft))
        raise MediaError(
            f"{had:.1f} ms of sound, shorter than the {least:.1f} ms of one window of the "
            f"recipe {recipe.name!r}"
        )
    values = TRANSFORMS[recipe.transform](waveform, recipe)
    rounded: NDArray[np.float16] = _NORMALISED[recipe.normalise](values).astype(np.float16)
    return rounded


def tiled(waveform: NDArray[Any], n_samples: int) -> NDArray[Any]:
    """The waveform repeated as often as needed and cut to n_samples, clipped to [−1, 1]."""
    whole: NDArray[np.float32] = np.tile(waveform, -(-n_samples // waveform.size))[:n_samples]
    return whole.clip(-1.0, 1.0).astype(np.float32)


def playable_length(recipe: AudioRecipe) -> int:
    """Samples that are kept of every clip for the ear: the recipe's seconds."""
    return round(SOUND_RATE * recipe.seconds)


def playable(waveform: Array, recipe: AudioRecipe) -> NDArray[np.int16]:
    """A waveform (samples,) at the recipe's rate as int16 at 16 kHz, cut or followed by silence.

    Not tiled as for the spectrogram: one hears the clip once.
    """
    import librosa

    if recipe.sample_rate != SOUND_RATE:
        waveform = librosa.resample(waveform, orig_sr=recipe.sample_rate, target_sr=SOUND_RATE)
    length = playable_length(recipe)
    heard = waveform[:length]
    heard = np.pad(heard, (0, length - heard.size))
    samples: NDArray[np.int16] = np.rint(heard.clip(-1, 1) * np.iinfo(np.int16).max).astype("<i2")
    return samples


def check_recipe(recipe: AudioRecipe) -> None:
    """Raise UsageError for changes to a recipe that cannot be meant."""
    if recipe in AUDIO_RECIPES.values():
        return
    if recipe.n_samples < recipe.n_fft:
        raise UsageError(
            f"a window of {recipe.n_fft} samples does not fit into {recipe.seconds:g} s",
            [f"{recipe.seconds:g} s at {recipe.sample_rate:,} Hz are {recipe.n_samples} samples"],
            f"--n-fft {recipe.n_samples} or less, or longer --seconds",
        )
    if recipe.transform == "density" and recipe.hop_length > recipe.n_fft:
        raise UsageError(
            f"windows of {recipe.n_fft} samples, {recipe.hop_length} apart, leave sound out",
            hint=f"--hop-length {recipe.n_fft} or less",
        )
    if recipe.mels is None:
        return
    if recipe.transform == "density":
        raise UsageError(
            f"the recipe {recipe.name!r} is a power density over linear frequencies: no --mels",
            [f"recipes with mel bands: {', '.join(_with_bands())}"],
            "--audio-recipe logmel",
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # librosa tells of empty bands, and so do we
        empty = int((_bank(recipe).sum(axis=1) == 0).sum())
    if empty and recipe.transform == "stft":
        raise UsageError(
            f"{empty} of {recipe.mels} mel bands hold no frequency of a window of {recipe.n_fft}",
            [f"its frequencies are {recipe.sample_rate / recipe.n_fft:.0f} Hz apart"],
            "fewer --mels, or a longer --n-fft",
        )


def _with_bands() -> list[str]:
    return [recipe.name for recipe in AUDIO_RECIPES.values() if recipe.mels is not None]


# ---------------------------------------------------------------- transforms


def _stft(waveform: Array, recipe: AudioRecipe) -> Array:
    """log(|X| + 1e-7) of the tiled sound: OGM-GE, dataset/CramedDataset.py.

    Centred short-time Fourier transform with a periodic Hann window, zeros beyond the ends; with
    mels through librosa's (Slaney's) filters.
    """
    import librosa

    magnitude = np.abs(
        librosa.stft(
            tiled(waveform, recipe.n_samples),
            n_fft=recipe.n_fft,
            hop_length=recipe.hop_length,
            window="hann",
            center=True,
            pad_mode="constant",
        )
    )
    if recipe.mels is not None:
        magnitude = _bank(recipe) @ magnitude
    logarithm: Array = np.log(magnitude + _FLOOR)
    return logarithm


def _density(waveform: Array, recipe: AudioRecipe) -> Array:
    """log(P + 1e-7) of the tiled sound: PMR, data preparation of AVE and CREMA-D.

    P is scipy.signal.spectrogram's one-sided power density (1/Hz): Tukey window (¼ tapered), the
    mean of each window removed, no window beyond the ends.
    """
    from scipy.signal import spectrogram as density

    _, _, power = density(
        tiled(waveform, recipe.n_samples),
        recipe.sample_rate,
        nperseg=recipe.n_fft,
        noverlap=recipe.n_fft - recipe.hop_length,
    )
    logarithm: Array = np.log(np.abs(power) + _FLOOR)
    return logarithm


def _fbank(waveform: Array, recipe: AudioRecipe) -> Array:
    """Kaldi's log mel energies as torchaudio computes them for OGM-GE (process_audio.py) and AST.

    The clip's mean is removed, then that of each window; pre-emphasis x_t − 0.97 x_{t−1} (the first
    sample by itself); symmetric Hann window, filled up with zeros to a power of two; power; mel
    bands from 20 Hz to half the rate; log(max(·, 2⁻²³)). Sound is not tiled: what is missing is
    zeros *of the result*, as the literature pads.
    """
    frequencies, columns = recipe.shape
    wave = waveform.astype(np.float64)
    wave = (wave - wave.mean())[: recipe.n_samples]
    windows = np.lib.stride_tricks.sliding_window_view(wave, recipe.n_fft)[:: recipe.hop_length]
    windows = windows - windows.mean(axis=1, keepdims=True)
    before = np.concatenate([windows[:, :1], windows[:, :-1]], axis=1)
    shaped = (windows - _PREEMPHASIS * before) * np.hanning(recipe.n_fft)
    power = np.abs(np.fft.rfft(shaped, _power_of_two(recipe.n_fft))) ** 2
    energies = np.zeros((frequencies, columns))
    energies[:, : len(windows)] = np.log(np.maximum(_bank(recipe) @ power.T, _EPSILON))
    return energies


# A new transform: a function from the waveform and a recipe to (F, T), that cites its source.
TRANSFORMS: dict[str, Callable[[Array, AudioRecipe], Array]] = {
    "stft": _stft,
    "density": _density,
    "fbank": _fbank,
}


# ---------------------------------------------------------------- parts of them


def _clip_normalised(values: Array) -> Array:
    """(x − mean) / (deviation + 1e-9) over the clip, in float64: silence gives zeros. PMR."""
    exact = values.astype(np.float64)
    normalised: Array = (exact - exact.mean()) / (exact.std() + 1e-9)
    return normalised


_NORMALISED: dict[str, Callable[[Array], Array]] = {
    "none": lambda values: values,
    "clip": _clip_normalised,
    "affine": lambda values: (values - _MEAN) / (2 * _STD),
}


@lru_cache(maxsize=4)
def _bank(recipe: AudioRecipe) -> Array:
    """The weights (mels, frequencies) of the recipe's mel bands."""
    bank: Array
    if recipe.transform == "fbank":
        bank = _kaldi_bank(recipe)
    else:
        import librosa

        bank = librosa.filters.mel(
            sr=recipe.sample_rate, n_fft=recipe.n_fft, n_mels=recipe.shape[0]
        )
    return bank


def _kaldi_bank(recipe: AudioRecipe) -> Array:
    """Triangles of equal width in mel = 1127 ln(1 + f/700), each of height 1, from 20 Hz."""
    bins = _power_of_two(recipe.n_fft) // 2 + 1
    half = recipe.sample_rate / 2
    mel = 1127 * np.log1p(np.linspace(0, half, bins) / 700)
    edges = np.linspace(1127 * np.log1p(_LOWEST / 700), mel[-1], recipe.shape[0] + 2)
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (mel - left) / (centre - left), (right - mel) / (right - centre)
    triangles: Array = np.maximum(0, np.minimum(rising, falling))
    return triangles


def _power_of_two(n: int) -> int:
    return 1 << (n - 1).bit_length()
