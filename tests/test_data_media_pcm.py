"""Sound files whose header declares more or less than there is, each as its writers leave it."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from media import tone

from avgap.data.clip import MediaError
from avgap.data.media.pcm import read_header
from avgap.data.media.sound import read_sound

RATE = 8000
WAVE = tone(440, 3, RATE)
KINDS = {"WAV": ".wav", "WAVEX": ".wav", "RF64": ".wav", "W64": ".w64", "AIFF": ".aiff"}
KINDS |= {"AU": ".au", "CAF": ".caf"}


def written(folder: Path, kind: str, subtype: str = "PCM_16", wave: np.ndarray = WAVE) -> Path:
    path = folder / f"{kind}_{subtype}{KINDS[kind]}"
    soundfile.write(path, wave, RATE, format=kind, subtype=subtype)
    return path


def with_sizes(path: Path, *changes: tuple[int, bytes]) -> Path:
    """The file with bytes at these places written over."""
    content = bytearray(path.read_bytes())
    for at, new in changes:
        content[at : at + len(new)] = new
    path.write_bytes(content)
    return path


SUBTYPES = ("PCM_U8", "PCM_S8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")
FORMS = [(kind, sub) for kind in KINDS for sub in SUBTYPES if soundfile.check_format(kind, sub)]


@pytest.mark.parametrize(("kind", "subtype"), FORMS)
def test_samples_are_those_of_libsndfile_to_the_bit(tmp_path: Path, kind: str, subtype: str):
    stereo = np.stack([WAVE, tone(300, 3, RATE)], axis=1)
    path = written(tmp_path, kind, subtype, stereo)
    header = read_header(path)
    if not (kind == "AIFF" and subtype == "PCM_U8"):  # a kind of its own, read by libsndfile
        assert header is not None
        assert (header.kind != "", header.frames, header.declared) == (True, 24000, header.there)
    right, _ = soundfile.read(path, dtype="float32")
    assert (read_sound(path, RATE) == right.mean(axis=1, dtype=np.float32)).all()
    assert (read_sound(path, RATE, 0.5, 1.25) == read_sound(path, RATE)[4000:10000]).all()


# What is written where a length is not known: 0 (recorders), 2³² − 1 (ffmpeg), that less the
# header, 2³¹ − 1 and less (sox), 2³¹ (arecord).
@pytest.mark.parametrize(
    "size", [0, 0xFFFFFFFF, 0xFFFFFFFF - 36, 0x7FFFFFFF, 0x7FFFFFFF - 36, 0x7FFFF000, 0x80000000]
)
def test_a_wav_that_was_written_to_a_pipe_is_read_whole(tmp_path: Path, size: int):
    path = written(tmp_path, "WAV")
    at = path.read_bytes().index(b"data") + 4
    with_sizes(path, (4, struct.pack("<I", size)), (at, struct.pack("<I", size)))
    assert np.abs(read_sound(path, RATE) - WAVE).max() < 1e-4
    assert read_sound(path, RATE, 2.5, 3).size == 4000


def test_so_are_the_other_formats(tmp_path: Path):
    """Lengths as `ffmpeg pipe:1` and sox leave them."""
    path = written(tmp_path, "RF64")
    at = path.read_bytes().index(b"ds64") + 8
    rf64 = with_sizes(path, (at, bytes(24)))
    path = written(tmp_path, "W64")
    at = path.read_bytes().index(b"data") + 16
    w64 = with_sizes(path, (16, b"\xff" * 8), (at, b"\xff" * 7 + b"\x7f"))
    path = written(tmp_path, "AIFF")
    content = path.read_bytes()
    frames, size = content.index(b"COMM") + 10, content.index(b"SSND") + 4
    ffmpeg = with_sizes(path, (4, bytes(4)), (frames, bytes(4)), (size, bytes(4)))
    sox = tmp_path / "sox.aiff"
    sox.write_bytes(content)
    with_sizes(sox, (frames, b"\x3f\x80\0\0"), (size, b"\x7f\0\0\x08"))
    au = with_sizes(written(tmp_path, "AU"), (8, b"\xff" * 4))
    path = written(tmp_path, "CAF")
    at = path.read_bytes().index(b"data") + 4
    caf = with_sizes(path, (at, b"\xff" * 8))
    for file in (rf64, w64, ffmpeg, sox, au, caf):
        heard = read_sound(file, RATE)
        assert heard.size == 24000, file.name
        assert np.abs(heard - WAVE).max() < 1e-4, file.name


@pytest.mark.parametrize("kind", KINDS)
def test_what_lacks_sound_is_told_however_little_it_is(tmp_path: Path, kind: str):
    path = written(tmp_path, kind)
    whole = path.read_bytes()
    path.write_bytes(whole[:-24000])
    with pytest.raises(MediaError, match=r"cut short: 1\.50 s of the 3\.00 s it declares"):
        read_sound(path, RATE)
    path.write_bytes(whole[:-400])  # 25 ms
    with pytest.raises(MediaError, match=r"cut short: 2\.9[78] s of the 3\.00 s it declares"):
        read_sound(path, RATE)


@pytest.mark.parametrize("kind", KINDS)
def test_sound_behind_what_is_declared_is_told_where_the_window_asks_for_it(
    tmp_path: Path, kind: str
):
    path = written(tmp_path, kind, wave=WAVE[:12000])
    more = np.round(32767 * WAVE[12000:])
    with path.open("ab") as file:
        file.write(more.astype(">i2" if kind in ("AIFF", "AU", "CAF") else "<i2").tobytes())
    with pytest.raises(MediaError, match=r"declares 1\.50 s of sound, and 1\.50 s more follow"):
        read_sound(path, RATE)
    assert read_sound(path, RATE, 0.5, 1.5).size == 8000


@pytest.mark.parametrize(
    "tail", [b"LIST\x04\0\0\0INFO", b"TAG" + b"x" * 125, b"ID3\x04" + b"x" * 99, bytes(512)]
)
def test_tags_and_other_chunks_behind_the_sound_are_no_sound(tmp_path: Path, tail: bytes):
    path = written(tmp_path, "WAV")
    with path.open("ab") as file:
        file.write(tail)
    assert read_sound(path, RATE).size == 24000


def test_compressed_samples_are_left_to_libraries_and_measured_all_the_same(tmp_path: Path):
    path = written(tmp_path, "WAV", "ULAW")
    whole = path.read_bytes()
    at = whole.index(b"data") + 4
    for size in (0, 0xFFFFFFFF):
        with_sizes(path, (at, struct.pack("<I", size)))
        assert read_sound(path, RATE).size == 24000
    path.write_bytes(whole[:-8000])
    with pytest.raises(MediaError, match=r"cut short: 2\.00 s of the 3\.00 s it declares"):
        read_sound(path, RATE)


@pytest.mark.parametrize(
    "content", [b"RIFF", b"RIFF\0\0\0\0WAVEdata", b"FORM" + bytes(60), b"caff"]
)
def test_a_header_that_makes_no_sense_is_left_to_libraries(tmp_path: Path, content: bytes):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    assert read_header(path) is None
    with pytest.raises(MediaError, match="damaged"):
        read_sound(path, RATE)
