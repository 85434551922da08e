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


@pytest.mark.parametrize(
    "text", ["visual", "visual:0", "visual:1.5", "video:0.2", "audio:0.2:blank", "visual:nan", ":"]
)
def test_what_cannot_be_corrupted_names_what_can(text):
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert "visual:SHARE:noise|blank|pca25 or audio:SHARE:noise|silence" in str(caught.value)


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
