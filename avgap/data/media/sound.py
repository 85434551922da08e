"""The sound of a clip as one channel at the recipe's rate, by soundfile or PyAV."""

from __future__ import annotations

import os
import wave as riff
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from avgap.data.clip import MediaError
from avgap.data.media.container import TOLERANCE, MediaFile, open_media, window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Waveform = NDArray[np.float32]

SOUND_FILES = {".wav", ".flac", ".ogg", ".oga", ".mp3", ".aif", ".aiff"}
_GAP = 0.1  # s; smaller jumps of a container's clock are rounding


def read_sound(
    path: Path, sample_rate: int, start: float | None = None, end: float | None = None
) -> Waveform:
    """The sound of a file from start to end (s), as `read_track`.

    A WAV that is as long as it declares needs no FFmpeg: a thirtieth of the time.
    """
    plain = _plain_wav(path, start, end)
    if plain is not None:
        return _resampled(*plain, sample_rate)
    with open_media(path) as file:
        return read_track(file, sample_rate, start, end)


def read_track(
    file: MediaFile, sample_rate: int, start: float | None = None, end: float | None = None
) -> Waveform:
    """The sound of an open file from start to end (s): (samples,) float32, its channels' mean.

    Time 0 is the first video frame, or the first sound where there is no video. Sound files are
    read by soundfile, containers by PyAV at their own rate; then resampled by librosa.
    Raises MediaError: no sound, damaged, a window outside the sound.
    """
    line = file.timeline
    if line.sound_end is None:
        raise MediaError("no sound in it, and no audio file is given")
    begin, stop = window(start, end, line.sound_end, "sound")
    found = None
    if file.path.suffix.lower() in SOUND_FILES and line.video_end is None:
        found = _by_soundfile(file.path, begin, stop)
    wave, rate = _by_pyav(file, begin, stop) if found is None else found
    return _resampled(wave, rate, stop - begin, sample_rate)


def _resampled(wave: Waveform, rate: int, seconds: float, sample_rate: int) -> Waveform:
    """From rate to sample_rate. Raises MediaError where less than these seconds was decoded."""
    if wave.size < (seconds - TOLERANCE) * rate or wave.size == 0:
        heard = wave.size / rate
        raise MediaError(f"damaged: {heard:.2f} s of {seconds:.2f} s of sound can be decoded")
    if not np.isfinite(wave).all():
        raise MediaError("its sound holds values that are not numbers")
    if rate == sample_rate:
        return wave
    import librosa

    resampled: Waveform = librosa.resample(wave, orig_sr=rate, target_sr=sample_rate)
    return resampled


def _plain_wav(
    path: Path, start: float | None, end: float | None
) -> tuple[Waveform, int, float] | None:
    """Samples, rate (Hz) and length of the window (s) of a WAV that is as long as it declares.

    None of anything else. Raises MediaError: a window outside the sound.
    """
    if path.suffix.lower() != ".wav":
        return None
    import soundfile

    try:
        with riff.open(os.fspath(path)) as header, soundfile.SoundFile(path) as file:
            if not 0 < header.getnframes() == file.frames:
                return None
            begin, stop = window(start, end, file.frames / file.samplerate, "sound")
            return _samples(file, begin, stop), int(file.samplerate), stop - begin
    except (riff.Error, EOFError, OSError, soundfile.LibsndfileError, RuntimeError):
        return None


def _by_soundfile(path: Path, begin: float, stop: float) -> tuple[Waveform, int] | None:
    """Samples and rate (Hz); None where this libsndfile does not read the file."""
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            return _samples(file, begin, stop), int(file.samplerate)
    except (soundfile.LibsndfileError, RuntimeError):
        return None


def _samples(file: Any, begin: float, stop: float) -> Waveform:
    """The mean over the channels of an open SoundFile from begin to stop, s."""
    rate = file.samplerate
    file.seek(min(round(begin * rate), file.frames))
    wave = file.read(round((stop - begin) * rate), dtype="float32", always_2d=True)
    mono: Waveform = wave.mean(axis=1, dtype=np.float32)
    return mono


def _by_pyav(file: MediaFile, begin: float, stop: float) -> tuple[Waveform, int]:
    """Samples and rate (Hz) of the sound track, laid out by presentation time.

    Without a video time 0 is at the first sound, which an encoder's delay may put after the first
    packet.
    """
    line = file.timeline
    origin = None if line.video_end is None else line.origin
    with file.packets("sound") as (stream, packets):
        rate = int(stream.rate)
        first = round(begin * rate)
        length = round((stop - begin) * rate)
        wave = np.zeros(max(length, 0), np.float32)
        position: int | None = None
        last = 0
        for frame in (frame for packet in packets for frame in packet.decode()):
            block = _mono(frame)
            origin = (frame.time or 0.0) if origin is None else origin
            at = None if frame.time is None else round((frame.time - origin) * rate) - first
            if position is None or (at is not None and at > position + _GAP * rate):
                position = at or 0
            if position >= length:
                break
            skip = max(0, -position)
            piece = block[skip : skip + length - max(position, 0)]
            wave[position + skip : position + skip + piece.size] = piece
            position += block.size
            last = max(last, min(position, length))
        return wave[:last], rate


def _mono(frame: Any) -> Waveform:
    """One frame's mean over its channels, (samples,) in [-1, 1]."""
    values = frame.to_ndarray()
    if not frame.format.is_planar:
        values = values.reshape(-1, len(frame.layout.channels)).T
    if values.dtype.kind in "iu":
        half = 2.0 ** (values.dtype.itemsize * 8 - 1)
        offset = half if values.dtype.kind == "u" else 0.0
        values = (values.astype(np.float64) - offset) / half
    mono: Waveform = values.mean(axis=0).astype(np.float32)
    return mono
