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

from avgap.data.clip import MediaError
from avgap.data.media import sound
from avgap.data.media.container import open_media
from avgap.data.media.sound import _by_pyav, read_sound
from avgap.data.media.xing import counted_frames

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


def encoded(
    path: Path, codec: str, wave: Any, rate: int, options: Any = None, **to_muxer: str
) -> Path:
    """A wave (samples,), or (channels, samples), in a file of sound alone."""
    wave = np.atleast_2d(wave).astype(np.float32)
    if codec == "vorbis":
        soundfile.write(path, wave.T, rate, format="OGG", subtype="VORBIS")
        return path
    with av.open(str(path), "w", options=to_muxer) as container:
        stream: Any = container.add_stream(codec, rate=rate, options=options or {})
        layout = "stereo" if len(wave) == 2 else "mono"
        stream.layout = layout
        frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout=layout)
        frame.rate, frame.time_base, frame.pts = rate, Fraction(1, rate), 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def clicks(seconds: float, rate: int, every: float = 0.5) -> Any:
    """30 ms of 1 kHz at 0, 0.5, 1 s, …: (samples,)."""
    time = np.arange(round(seconds * rate)) / rate
    return 0.6 * np.sin(2 * np.pi * 1000 * time) * (time % every < 0.03)


def heard_at(wave: Any, rate: int = 16000) -> list[float]:
    """Where the clicks are, s."""
    loud, found = np.flatnonzero(np.abs(wave) > 0.1) / rate, [-1.0]
    for time in loud.tolist():
        if time > found[-1] + 0.2:
            found.append(time)
    return found[1:]


def every_half(wave: Any, count: int) -> None:
    """The clicks come every 0.5 s; a codec's delay where files are joined is at most 0.1 s."""
    found = heard_at(wave)
    assert len(found) == count
    assert np.abs(np.diff(found) - 0.5).max() < 0.1


def mp3_without_length(path: Path) -> Path:
    """Noise, then near silence, at a variable rate of bits and without the header that counts.

    libsndfile takes its length from the rate of the first frames.
    """
    noise = np.random.default_rng(0).uniform(-0.9, 0.9, 2205)
    wave = np.concatenate([noise, 0.001 * tone(440, 3.95, 44100), noise[:2205]])
    options = {"abr": "1", "b": "64000"}
    return encoded(path, "libmp3lame", wave, 44100, options, write_xing="0", id3v2_version="0")


def test_an_mp3_that_does_not_say_its_length_is_heard_whole(tmp_path: Path):
    path = mp3_without_length(tmp_path / "a.mp3")
    with soundfile.SoundFile(path) as file:
        guess = file.frames / file.samplerate
    assert guess < 3.5  # of 4.05 s: the fault is there to be mended
    whole = read_sound(path, 16000)
    assert whole.size / 16000 == pytest.approx(4.05, abs=0.06)
    for start, end in ((0, 0.4), (0, guess + 0.5), (guess - 0.3, guess + 0.1), (guess + 0.1, 3.9)):
        part = read_sound(path, 16000, start, end)
        assert part.size == pytest.approx((end - start) * 16000, abs=2)
        begin = round(start * 16000)
        # As in the whole, but for what resampling makes of the ends.
        inner = whole[begin + 400 : begin + part.size - 400]
        assert np.abs(part[400:-400] - inner).max() < 2e-3


@pytest.mark.parametrize(("rate", "layout"), [(44100, 1), (44100, 2), (22050, 1), (22050, 2)])
def test_an_mp3_that_lacks_what_its_header_counts_is_told(tmp_path: Path, rate: int, layout: int):
    wave = np.stack([clicks(3, rate)] * layout)
    path = encoded(tmp_path / "a.mp3", "libmp3lame", wave, rate)
    packets = len(open_times(path))
    assert counted_frames(path) == pytest.approx(packets, abs=1)
    assert read_sound(path, 16000).size / 16000 == pytest.approx(3.0, abs=0.03)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(MediaError, match=r"cut short: 1\.\d\d s of the 3\.\d\d s it declares"):
        read_sound(path, 16000)


def open_times(path: Path) -> list[int]:
    with av.open(str(path)) as file:
        return [packet.pts for packet in file.demux() if packet.size]


def test_an_mp3_that_was_joined_from_two_is_heard_whole(tmp_path: Path):
    one = encoded(tmp_path / "one.mp3", "libmp3lame", clicks(2, 44100), 44100).read_bytes()
    other = encoded(tmp_path / "two.mp3", "libmp3lame", clicks(2, 24000), 24000).read_bytes()
    for second in (one, other):  # a header that counts 2 s, and a tag in the middle
        (tmp_path / "joined.mp3").write_bytes(one + second)
        wave = read_sound(tmp_path / "joined.mp3", 16000)
        assert wave.size / 16000 == pytest.approx(4.05, abs=0.05)
        every_half(wave, 8)


@pytest.mark.parametrize(("first", "second"), [(44100, 24000), (24000, 44100), (48000, 48000)])
def test_a_rate_that_changes_on_the_way_is_heeded(tmp_path: Path, first: int, second: int):
    one = encoded(tmp_path / "one.aac", "aac", clicks(2, first), first).read_bytes()
    wave = np.stack([clicks(2, second)] * 2)
    two = encoded(tmp_path / "two.aac", "aac", wave, second).read_bytes()
    (tmp_path / "joined.aac").write_bytes(one + two)
    heard = read_sound(tmp_path / "joined.aac", 16000)
    assert heard.size / 16000 == pytest.approx(4.1, abs=0.05)
    every_half(heard, 8)
    assert heard_at(read_sound(tmp_path / "joined.aac", 16000, 2.75, 3.25)) == pytest.approx(
        [heard_at(heard)[6] - 2.75], abs=0.002
    )


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [("a.ogg", "vorbis", 44100), ("a.opus", "libopus", 48000), ("a.flac", "flac", 44100)],
)
def test_files_joined_into_one_are_heard_to_the_end(
    tmp_path: Path, name: str, codec: str, rate: int
):
    content = encoded(tmp_path / name, codec, clicks(2, rate), rate).read_bytes()
    (tmp_path / name).write_bytes(content + content)
    wave = read_sound(tmp_path / name, 16000)
    assert wave.size / 16000 == pytest.approx(4.0, abs=0.02)
    every_half(wave, 8)


@pytest.mark.parametrize("codec", ["alac", "wavpack", "flac"])
def test_a_last_packet_without_a_length_is_heard(tmp_path: Path, codec: str):
    path = encoded(tmp_path / "a.mkv", codec, clicks(3, 8000), 8000)
    wave = read_sound(path, 16000)
    assert wave.size == 48000
    every_half(wave, 6)
    assert read_sound(path, 16000, 2.5, 3.0).size == 8000


def test_the_end_of_a_track_that_is_missing_is_told(tmp_path: Path):
    path = encoded(tmp_path / "a.mkv", "alac", clicks(3, 8000), 8000)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * 0.7)])
    with pytest.raises(MediaError, match=r"cut short: \d\.\d\d s of the 3\.0\d s|damaged"):
        read_sound(path, 16000)


def test_a_short_window_may_not_lose_a_large_part(tmp_path: Path):
    soundfile.write(tmp_path / "a.flac", tone(440, 1, 8000), 8000)
    assert read_sound(tmp_path / "a.flac", 8000, 0.7, 1.05).size == 2400
    for start, end in ((0.8, 1.2), (0.7, 1.15)):
        with pytest.raises(MediaError, match=r"its sound ends at 1\.00 s, before the clip's end"):
            read_sound(tmp_path / "a.flac", 8000, start, end)
    soundfile.write(tmp_path / "b.flac", tone(440, 9.6, 8000), 8000)
    assert read_sound(tmp_path / "b.flac", 8000, 8, 10).size == 12800  # an annotation in seconds


@pytest.mark.parametrize(
    ("name", "codec", "exact"),
    [
        ("a.m4a", "aac", 1e-6),
        ("a.mp3", "libmp3lame", 1e-4),
        ("a.opus", "libopus", 0.02),
        ("a.ogg", "vorbis", 1e-4),
        ("a.mkv", "flac", 1e-6),
    ],
)
def test_a_late_window_is_not_decoded_from_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, codec: str, exact: float
):
    path = encoded(tmp_path / name, codec, clicks(12, 16000) + 0.1 * tone(300, 12), 16000)
    decoded = []
    mono = sound._mono
    monkeypatch.setattr(sound, "_mono", lambda frame: decoded.append(frame.samples) or mono(frame))
    monkeypatch.setattr(sound, "_by_soundfile", lambda *_: None)
    all_along = read_sound(path, 48000, 10.25, 11)
    before = sum(decoded)
    monkeypatch.setattr(sound, "_LATE", 5)
    late = read_sound(path, 48000, 10.25, 11)
    assert sum(decoded) - before < before / 2
    assert heard_at(late, 48000) == pytest.approx([0.25], abs=0.07)
    assert late.size == all_along.size
    assert np.abs(late - all_along).max() < exact


@pytest.mark.parametrize("name", ["a.flac", "a.wav", "a.m4a"])
def test_of_a_very_long_sound_no_more_is_read_than_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    path = tmp_path / name
    if name == "a.m4a":
        encoded(path, "aac", clicks(20, 16000), 16000)
    else:
        soundfile.write(path, clicks(20, 16000), 16000)
    whole = sound.hear(path, 8000, most=4)
    monkeypatch.setattr(sound, "LONG", 10)
    part = sound.hear(path, 8000, most=4)
    assert (whole.wave.size, part.wave.size) == (160000, 32000)
    assert part.seconds == pytest.approx(20, abs=0.05)
    # All but the last second, for resampling looks ahead.
    assert (part.wave[:24000] == whole.wave[:24000]).all()
    assert sound.hear(path, 8000, 1, 9, most=4).wave.size == 64000
    assert sound.hear(path, 8000, 1, 19, most=4).seconds == 18


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
            one, rate, *_ = _by_pyav(opened, 0, opened.timeline.sound_end, 16000)
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
            heard, rate, *_ = _by_pyav(opened, 0, opened.timeline.sound_end, 16000)
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
