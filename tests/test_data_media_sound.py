"""Sound: any rate and number of channels, and the same samples that a second decoder gives."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from media import tone, write_video

from avgap.data.media.container import open_media
from avgap.data.media.sound import _by_pyav, read_sound

CHANNELS = {"mono": 1, "stereo": 2, "5.1": 6}


def channels(rate: int, layout: str) -> Any:
    """Half a second of a tone per channel, (channels, samples): 200 Hz, 300 Hz, …"""
    return np.stack([tone(200 + 100 * n, 0.5, rate) for n in range(CHANNELS[layout])])


@pytest.mark.parametrize(
    ("rate", "layout"), [(8000, "mono"), (22050, "stereo"), (48000, "5.1"), (96000, "stereo")]
)
def test_the_mean_of_the_channels_is_kept_at_every_rate(tmp_path: Path, rate: int, layout: str):
    waves = channels(rate, layout)
    soundfile.write(tmp_path / "a.wav", waves.T, rate, subtype="PCM_24")
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream: Any = container.add_stream("pcm_s16le", rate=rate)
        stream.layout = layout
        samples = np.round(32767 * waves.T).astype(np.int16).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=layout)
        frame.rate, frame.time_base, frame.pts = rate, Fraction(1, rate), 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    for name in ("a.wav", "a.mkv"):
        heard = read_sound(tmp_path / name, rate)
        assert heard.shape == (rate // 2,)
        assert np.abs(heard - waves.mean(axis=0)).max() < 1e-4
        assert read_sound(tmp_path / name, 16000).shape == (8000,)


def test_the_sound_track_of_a_film_equals_that_of_decord(tmp_path: Path):
    decord = pytest.importorskip("decord")
    rng = np.random.default_rng(0)
    path = write_video(tmp_path / "a.mp4", sound=rng.uniform(-0.5, 0.5, 32000).astype(np.float32))
    told = decord.AudioReader(str(path), mono=True)[:].asnumpy()[0]
    heard = read_sound(path, 16000)
    size = min(told.size, heard.size)
    assert size >= 31_000
    assert np.abs(told[:size] - heard[:size]).max() < 1e-5


@pytest.mark.data
def test_real_sound_is_the_same_by_ffmpeg_and_by_libsndfile(data_folder: Path):
    media = data_folder / "fixtures" / "media"
    # An MP3 without a LAME header says nothing of its encoder's delay; the two guess otherwise.
    # The other is FLAC in Ogg, which not every libsndfile reads.
    left_out = {"made__git_lfs_pointer.wav", "pydub__test3.mp3", "pydub__bach.ogg"}
    files = [f for f in media.iterdir() if f.suffix in (".wav", ".flac", ".mp3", ".ogg")]
    compared = 0
    for path in files:
        if path.name in left_out:
            continue
        with open_media(path) as opened:
            assert opened.timeline.sound_end is not None
            one, rate = _by_pyav(opened, 0, opened.timeline.sound_end)
        with soundfile.SoundFile(path) as file:
            other = file.read(dtype="float32", always_2d=True).mean(axis=1)
            assert rate == file.samplerate
        size = min(one.size, other.size)
        assert abs(one.size - other.size) < 0.06 * rate, path.name
        assert np.abs(one[:size] - other[:size]).max() < 1e-4, path.name
        compared += 1
    assert compared > 15


@pytest.mark.data
def test_real_films_sound_the_same_by_decord(data_folder: Path):
    decord = pytest.importorskip("decord")
    files = sorted((data_folder / "grid_s1" / "clips").glob("*.mp4"))[:3]
    files.append(data_folder / "fixtures" / "media" / "made__flv1_mp3_480x360.flv")
    for path in files:
        with open_media(path) as opened:
            assert opened.timeline.sound_end is not None
            heard, rate = _by_pyav(opened, 0, opened.timeline.sound_end)
        told = decord.AudioReader(str(path), mono=True)[:].asnumpy()[0]
        # decord counts from the first sound, avgap from the first frame.
        lag = best_lag(told, heard, rate // 20)
        size = min(told.size - lag, heard.size)
        assert size > 2.5 * rate
        assert np.abs(told[lag : lag + size] - heard[:size]).max() < 1e-4, path.name


def best_lag(told: Any, heard: Any, most: int) -> int:
    """By how many samples, at most, the second starts after the first."""
    size = min(told.size, heard.size) - most
    return int(
        np.argmin([np.abs(told[lag : lag + size] - heard[:size]).sum() for lag in range(most)])
    )
