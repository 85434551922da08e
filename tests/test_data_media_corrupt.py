"""Corrupting one modality of known clips."""

from __future__ import annotations

import numpy as np
import pytest

from avgap.data.media.corrupt import (
    Components,
    Corruption,
    corrupt_frames,
    corrupt_sound,
    parse,
)
from avgap.errors import UsageError


def test_a_share_of_a_modality_is_corrupted_by_noise_unless_told_otherwise():
    assert parse("visual:0.15") == Corruption("visual", 0.15, "noise")
    assert parse("audio:1:silence") == Corruption("audio", 1.0, "silence")
    assert parse("visual:0.150:pca25").spec == "visual:0.15:pca25"


def test_added_noise_states_its_ratio():
    added = parse("audio:1.0:white:-5.0dB")
    assert added == Corruption("audio", 1.0, "white", -5.0)
    assert (added.spec, added.flag) == ("audio:1:white:-5dB", "audio:white:-5dB")
    assert parse("visual:0.5:white:+2.5dB").flag == "visual:white:2.5dB"


@pytest.mark.parametrize(
    "text",
    [
        *("visual", "visual:0", "visual:1.5", "video:0.2", "audio:0.2:blank", "visual:nan", ":"),
        *("audio:1:white", "audio:1:white:", "audio:1:white:-5", "audio:1:white:loud"),
        *("audio:1:white:infdB", "audio:1:noise:-5dB", "visual:1:pca25:3dB"),
    ],
)
def test_what_cannot_be_corrupted_names_what_can(text):
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert (
        "visual:SHARE:noise|blank|pca25|white:RATIOdB or audio:SHARE:noise|silence|white:RATIOdB"
    ) in str(caught.value)


def test_a_ratio_that_is_not_stated_is_asked_for():
    with pytest.raises(UsageError, match=r"try: audio:0\.3:white:-5dB"):
        parse("audio:0.3:white")


def test_noise_in_frames_covers_all_values_and_depends_on_id_and_seed():
    frames = np.full((3, 32, 32, 3), 7, np.uint8)
    noise = corrupt_frames(frames, "noise", "c", 0)
    assert noise.shape == frames.shape
    assert noise.mean() == pytest.approx(127.5, abs=4)
    assert (noise == corrupt_frames(frames, "noise", "c", 0)).all()
    assert (noise != corrupt_frames(frames, "noise", "d", 0)).any()
    assert (noise != corrupt_frames(frames, "noise", "c", 1)).any()
    assert corrupt_frames(frames, "blank", "c", 0).max() == 0


def test_noise_in_sound_has_the_clips_own_level():
    wave = (0.3 * np.sin(np.arange(50_000))).astype(np.float32)
    noise = corrupt_sound(wave, "noise", "c", 0)
    assert noise.std() == pytest.approx(0.3 / np.sqrt(2), rel=0.02)
    assert abs(np.corrcoef(noise, wave)[0, 1]) < 0.02
    assert np.abs(corrupt_sound(wave, "silence", "c", 0)).max() == 0
    assert np.abs(corrupt_sound(np.zeros(9, np.float32), "noise", "c", 0)).max() == 0


@pytest.mark.parametrize("ratio", [-5.0, 0.0, 10.0])
def test_added_noise_in_sound_has_the_stated_ratio_and_leaves_the_sound_in_it(ratio):
    wave = (0.3 * np.sin(np.arange(50_000))).astype(np.float32)
    noisy = corrupt_sound(wave, "white", "c", 0, ratio)
    noise = noisy.astype(float) - wave
    # The sine's power is 0.3² / 2 = 0.045.
    assert 10 * np.log10(0.045 / np.mean(noise**2)) == pytest.approx(ratio, abs=0.1)
    assert noisy.dtype == np.float32
    assert abs(np.corrcoef(noise, wave)[0, 1]) < 0.02
    halves = np.abs(np.fft.rfft(noise)) ** 2
    assert halves[:12_500].sum() == pytest.approx(halves[12_500:].sum(), rel=0.05)  # white
    assert (noisy == corrupt_sound(wave, "white", "c", 0, ratio)).all()
    assert (noisy != corrupt_sound(wave, "white", "d", 0, ratio)).any()


def test_silence_has_no_power_to_add_noise_by_and_stays_silent():
    silent = np.zeros(9, np.float32)
    assert (corrupt_sound(silent, "white", "c", 0, -5.0) == 0).all()
    grey = np.full((2, 4, 4, 3), 7, np.uint8)
    assert (corrupt_frames(grey, "white", "c", 0, -5.0) == 7).all()


def test_added_noise_in_frames_has_the_stated_ratio_to_their_variance():
    frames = np.full((3, 64, 64, 3), 118, np.uint8)
    frames[:, :32] = 138  # ±10 around 128: a variance of 100
    noise = corrupt_frames(frames, "white", "c", 0, 0.0).astype(float) - frames
    # And 1/12 of rounding; nothing is near 0 or 255.
    assert noise.var() == pytest.approx(100 + 1 / 12, rel=0.02)
    assert corrupt_frames(frames, "white", "c", 0, -6.0).astype(float).std() > 20
    loud = corrupt_frames(frames, "white", "c", 0, -40.0)
    assert (loud.min(), loud.max()) == (0, 255)


def test_components_are_those_of_an_ordinary_decomposition():
    generator = np.random.default_rng(0)
    frames = generator.integers(0, 256, (20, 4, 4, 3), np.uint8)
    frames[:, :, :, 0] //= 4
    flat = frames.reshape(20, -1).astype(float)
    _, values, axes = np.linalg.svd(flat - flat.mean(axis=0), full_matrices=False)
    share = np.cumsum(values**2) / np.sum(values**2)
    count = int((share < 0.25).sum()) + 1
    found = Components(frames)
    assert found.count == count
    kept = (flat - flat.mean(axis=0)) @ axes[:count].T @ axes[:count] + flat.mean(axis=0)
    expected = np.clip(np.rint(kept), 0, 255)
    assert np.abs(found.project(frames).reshape(20, -1) - expected).max() <= 1


def test_frames_that_are_all_alike_stay_as_they_are():
    frames = np.full((5, 4, 4, 3), 9, np.uint8)
    assert (Components(frames).project(frames) == 9).all()
