"""Decoding: frames by time, sound by time, and a reason for everything that cannot be read."""

from __future__ import annotations

import os
import wave
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from media import RATE, frame_numbers, read_frames, timeline, tone, write_video

from avgap.data.clip import MediaError
from avgap.data.media import container
from avgap.data.media.container import _packets, open_media
from avgap.data.media.frames import _by_pyav, resize
from avgap.data.media.sound import read_sound

DECODERS = ("pyav", "decord")


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "ein Ünïcödé 音声 clip.mp4"])
def test_frames_are_those_on_display_in_the_middle_of_each_part(tmp_path, name, decoder):
    path = write_video(tmp_path / name, frames=20)  # 2 s at 10 per second
    # 4 parts of 0.5 s; their middles 0.25, 0.75, 1.25, 1.75 s show frames 2, 7, 12, 17.
    assert frame_numbers(read_frames(path, 4, 32, decoder=decoder)) == [2, 7, 12, 17]


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_window_counts_from_the_first_frame_and_repeats_frames_when_it_holds_few(
    tmp_path, decoder
):
    path = write_video(tmp_path / "a.mp4", frames=20)
    # 0.85, 0.95, 1.05, 1.15 s
    assert frame_numbers(read_frames(path, 4, 32, 0.8, 1.2, decoder)) == [8, 9, 10, 11]
    # 0.525, 0.575, 0.625, 0.675 s
    assert frame_numbers(read_frames(path, 4, 32, 0.5, 0.7, decoder)) == [5, 5, 6, 6]


@pytest.mark.parametrize("decoder", DECODERS)
def test_frames_of_variable_rate_are_chosen_by_time_not_by_number(tmp_path, decoder):
    path = write_video(tmp_path / "a.mkv", times=[0, 1, 2, 3, 10, 18, 19])  # tenths of a second
    # In [0, 2) s: 0.25, 0.75, 1.25, 1.75 s show the frames of 0.2, 0.3, 1.0 and 1.0 s.
    assert frame_numbers(read_frames(path, 4, 32, 0, 2, decoder)) == [2, 3, 4, 4]


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_clock_that_starts_late_changes_neither_frames_nor_sound(tmp_path, decoder):
    sound = np.concatenate([tone(440, 1), np.zeros(RATE, np.float32)])
    path = write_video(tmp_path / "a.mkv", frames=20, offset=7, sound=sound)
    assert timeline(path).origin == pytest.approx(0.7, abs=0.002)
    assert frame_numbers(read_frames(path, 2, 32, 0, 2, decoder)) == [5, 15]
    heard = read_sound(path, RATE, 0, 2)
    assert np.abs(heard[: int(0.95 * RATE)]).mean() > 0.2
    assert np.abs(heard[int(1.1 * RATE) :]).mean() < 0.01


def test_frames_are_reduced_whole_without_keeping_the_aspect(tmp_path):
    path = write_video(tmp_path / "a.mp4", frames=3, size=(96, 48))
    assert read_frames(path, 2, 24).shape == (2, 24, 24, 3)
    assert read_frames(path, 2, 24).dtype == np.uint8


def test_sound_of_a_container_is_cut_by_time(tmp_path):
    sound = np.concatenate([tone(440, 1), tone(880, 1)])
    path = write_video(tmp_path / "a.mp4", frames=20, sound=sound)
    assert peak(read_sound(path, 8000, 0.2, 0.8), 8000) == pytest.approx(440, abs=3)
    assert peak(read_sound(path, 8000, 1.2, 1.8), 8000) == pytest.approx(880, abs=3)
    assert read_sound(path, 8000, 1.2, 1.8).size == 4800


def test_a_sound_file_is_resampled_and_its_channels_averaged(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.stack([tone(440, 1), np.zeros(RATE)], axis=1), RATE)
    mono = read_sound(path, 8000)
    assert mono.shape == (8000,)
    assert mono.dtype == np.float32
    assert peak(mono, 8000) == pytest.approx(440, abs=1)
    assert np.sqrt(np.mean(mono**2)) == pytest.approx(0.25 / np.sqrt(2), abs=0.005)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty (zero bytes)"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"),
        (b"id,label,split,video\n" * 50, "not a media file"),
        (bytes(range(256)) * 20, "not a media file"),
    ],
)
def test_what_is_no_media_file_gets_a_reason(tmp_path, content, reason):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    for read in (lambda: read_frames(path, 3, 32), lambda: read_sound(path, RATE)):
        with pytest.raises(MediaError) as caught:
            read()
        assert reason in str(caught.value)


def test_missing_files_folders_and_pipes_get_a_reason(tmp_path):
    with pytest.raises(MediaError, match="no such file"):
        timeline(tmp_path / "a.mp4")
    with pytest.raises(MediaError, match="not a file"):
        timeline(tmp_path)
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(MediaError, match="not a file"):
        timeline(tmp_path / "pipe.mp4")


def test_a_video_without_sound_says_so(tmp_path):
    path = write_video(tmp_path / "a.mp4", sound=None)
    with pytest.raises(MediaError, match="no sound in it, and no audio file is given"):
        read_sound(path, RATE)


def test_sound_without_video_says_so(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(440, 1), RATE)
    with pytest.raises(MediaError, match="no video in it"):
        read_frames(tmp_path / "a.wav", 3, 32)


def test_a_window_beyond_the_end_says_where_the_end_is(tmp_path):
    path = write_video(tmp_path / "a.mp4", frames=20)
    with pytest.raises(
        MediaError, match=r"its video ends at 2\.00 s, before the clip's end at 3\.00 s"
    ):
        read_frames(path, 3, 32, 1, 3)
    with pytest.raises(
        MediaError, match=r"its sound ends at 2\.\d\d s, before the clip's end at 3\.00 s"
    ):
        read_sound(path, RATE, 1, 3)
    with pytest.raises(
        MediaError, match=r"its video ends at 2\.00 s, before the clip's start at 3\.00 s"
    ):
        read_frames(path, 3, 32, 3, None)


@pytest.mark.parametrize("name", ["a.mkv", "a.flv"])
def test_a_file_cut_short_says_what_is_left(tmp_path, name):
    path = write_video(tmp_path / name, frames=40, codec="flv1" if "flv" in name else "mpeg4")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(MediaError, match="cut short"):
        read_frames(path, 3, 32)


def test_a_codec_that_nobody_knows_is_told(tmp_path):
    path = write_video(tmp_path / "a.mkv", frames=4)
    content = path.read_bytes()
    assert b"V_MPEG4/ISO/ASP" in content
    path.write_bytes(content.replace(b"V_MPEG4/ISO/ASP", b"V_NOBODY/HAS/IT"))
    with pytest.raises(MediaError, match="a codec that FFmpeg does not know"):
        timeline(path)


def test_a_packet_of_a_stream_that_the_header_did_not_name_is_damage():
    class Odd:
        def demux(self, streams):
            yield "packet"
            raise IndexError

    packets = _packets(Odd(), [])
    assert next(packets) == "packet"
    with pytest.raises(MediaError, match="more streams than it declares"):
        next(packets)


def test_a_wav_cut_short_says_what_is_left(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(440, 4), RATE)
    path.write_bytes(path.read_bytes()[:-100_000])
    with pytest.raises(MediaError, match=r"cut short: 0\.88 s of the 4\.00 s it declares"):
        read_sound(path, RATE)


def test_sound_of_8_bits_is_centred_on_zero(tmp_path):
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(RATE)
        file.writeframes(bytes([128]) * RATE)
    assert np.abs(read_sound(tmp_path / "a.wav", RATE)).max() == 0


def peak(samples: np.ndarray, rate: int) -> float:
    """The strongest frequency, Hz."""
    spectrum = np.abs(np.fft.rfft(samples))
    return float(spectrum.argmax() * rate / samples.size)


# ---------------------------------------------------------------- real files


@pytest.fixture(scope="module")
def real() -> Path:
    root = os.environ.get("AVGAP_TEST_DATA")
    if not root:
        pytest.skip("needs real media: set AVGAP_TEST_DATA to their folder")
    return Path(root)


@pytest.mark.data
def test_both_decoders_agree_on_real_media(real):
    media = real / "fixtures" / "media"
    files = [path for path in media.iterdir() if path.suffix in (".mp4", ".mov", ".flv", ".webm")]
    files += sorted((real / "fixtures" / "grid_original").glob("*.mpg"))
    files += sorted((real / "grid_s1" / "clips").glob("*.mp4"))[:5]
    compared = 0
    for path in files:
        try:
            by_pyav = read_frames(path, 4, 48, decoder="pyav").astype(int)
        except MediaError:
            continue
        by_either = read_frames(path, 4, 48, decoder="auto").astype(int)
        assert np.abs(by_pyav - by_either).mean() < 1, path.name
        compared += 1
    assert compared > 20


@pytest.mark.data
@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize(("name", "turns"), [("video_0", 0), ("video_90", 3), ("video_270", 1)])
def test_rotated_films_stand_upright(real, name, turns, decoder):
    # Quarter turns to the left that set the keyboard in these films upright, seen by eye.
    path = real / "fixtures" / "media" / f"decord__{name}.mov"
    with av.open(str(path)) as container:
        stored = next(container.decode(video=0)).to_ndarray(format="rgb24")
    upright = resize(np.rot90(stored, turns), 48).astype(int)
    shown = read_frames(path, 1, 48, 0, 0.01, decoder)[0].astype(int)
    assert np.abs(upright - shown).max() <= 1


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("made__zero_length.mp4", "empty"),
        ("made__git_lfs_pointer.wav", "Git LFS pointer"),
        ("made__garbage.mp4", "not a media file"),
        ("SOURCE.txt", "not a media file"),
        ("moviepy__example.mp4", "no sound in it"),
    ],
)
def test_real_broken_files_get_a_reason(real, name, reason):
    with pytest.raises(MediaError) as caught:
        read_sound(real / "fixtures" / "media" / name, RATE)
    assert reason in str(caught.value)


@pytest.mark.data
def test_a_real_mpeg_cut_short_ends_before_its_window(real):
    path = real / "fixtures" / "media" / "made__truncated.mpg"
    with pytest.raises(
        MediaError, match=r"its video ends at 1\.48 s, before the clip's end at 3\.00 s"
    ):
        read_frames(path, 3, 32, 0, 3)


@pytest.mark.parametrize("kept", [container._KEPT, 100])
def test_leaving_out_what_no_wanted_frame_needs_changes_no_frame(tmp_path, monkeypatch, kept):
    path = write_video(tmp_path / "a.flv", frames=40, codec="flv", sound=None)
    line = timeline(path)
    assert line.codec == "flv"
    assert 2 <= len(line.keys) <= 30  # at every change of scene and every 12 frames
    monkeypatch.setattr(container, "_KEPT", kept)

    def decoded(wanted):
        with open_media(path) as film:
            return _by_pyav(film, wanted)

    every = decoded(list(range(40)))
    for wanted in ([0], [39], [11, 12, 13], [5, 20, 38]):
        for picture, number in zip(decoded(wanted), wanted, strict=True):
            assert (picture == every[number]).all()


def test_a_long_film_is_read_again_instead_of_kept(tmp_path, monkeypatch):
    path = write_video(tmp_path / "a.mkv", frames=12)
    few, heard = read_frames(path, 3, 32, decoder="pyav"), read_sound(path, RATE)
    opened = []
    really = av.open
    monkeypatch.setattr(av, "open", lambda *a, **how: opened.append(a) or really(*a, **how))
    monkeypatch.setattr(container, "_KEPT", 100)
    assert (read_frames(path, 3, 32, decoder="pyav") == few).all()
    assert (read_sound(path, RATE) == heard).all()
    assert len(opened) == 4
