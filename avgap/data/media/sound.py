"""The sound of a clip as one channel at the recipe's rate, by soundfile or PyAV."""

from __future__ import annotations

import os
import wave as riff
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from avgap.data.clip import MediaError
from avgap.data.media.container import (
    TOLERANCE,
    Timeline,
    open_media,
    sound_stream,
    timeline,
    window,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Waveform = NDArray[np.float32]

SOUND_FILES = {".wav", ".flac", ".ogg", ".oga", ".mp3", ".aif", ".aiff"}
_GAP = 0.1  # s; smaller jumps of a container's clock are rounding


def read_sound(
    path: Path, sample_rate: int, start: float | None = None, end: float | None = None
) -> Waveform:
    """The sound of a file from start to end (s) as (samples,) float32, the mean over its channels.

    Time 0 is the first video frame, or the first sound where there is no video. Sound files are
    read by soundfile, containers by PyAV at their own rate; then resampled by librosa.
    Raises MediaError: no sound, damaged, cut short, a window outside the sound.
    """
    line = _plain_wav(path) or timeline(path)
    if line.sound_end is None:
        raise MediaError("no sound in it, and no audio file is given")
    begin, stop = window(start, end, line.sound_end, "sound")
    found = None
    if path.suffix.lower() in SOUND_FILES and line.video_end is None:
        found = _by_soundfile(path, begin, stop)
    origin = None if line.video_end is None else line.origin
    wave, rate = _by_pyav(path, begin, stop, origin) if found is None else found
    if wave.size < (stop - begin - TOLERANCE) * rate or wave.size == 0:
        heard = wave.size / rate
        raise MediaError(f"damaged: {heard:.2f} s of {stop - begin:.2f} s of sound can be decoded")
    if not np.isfinite(wave).all():
        raise MediaError("its sound holds values that are not numbers")
    if rate == sample_rate:
        return wave
    import librosa

    resampled: Waveform = librosa.resample(wave, orig_sr=rate, target_sr=sample_rate)
    return resampled


def _plain_wav(path: Path) -> Timeline | None:
    """The timeline of a WAV that is as long as it declares; None of anything else.

    A thirtieth of the time that FFmpeg takes to look into it.
    """
    if path.suffix.lower() != ".wav":
        return None
    import soundfile

    try:
        with riff.open(os.fspath(path)) as header, soundfile.SoundFile(path) as file:
            if not 0 < header.getnframes() == file.frames:
                return None
            seconds = file.frames / file.samplerate
    except (riff.Error, EOFError, OSError, soundfile.LibsndfileError, RuntimeError):
        return None
    return Timeline("wav", np.empty(0), np.empty(0), None, seconds, 0.0, "", "")


def _by_soundfile(path: Path, begin: float, stop: float) -> tuple[Waveform, int] | None:
    """Samples and rate (Hz); None where this libsndfile does not read the file."""
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            rate = int(file.samplerate)
            file.seek(min(round(begin * rate), file.frames))
            wave = file.read(round((stop - begin) * rate), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError):
        return None
    return wave.mean(axis=1, dtype=np.float32), rate


def _by_pyav(path: Path, begin: float, stop: float, origin: float | None) -> tuple[Waveform, int]:
    """Samples and rate (Hz) of the sound track, laid out by presentation time.

    origin: the container's clock at time 0, s; None: at the first sound, which an encoder's delay
    may put after the first packet.
    """
    with open_media(path) as container:
        stream = sound_stream(container)
        if stream is None:
            raise MediaError("no sound in it")
        rate = int(stream.rate)
        first = round(begin * rate)
        length = round((stop - begin) * rate)
        wave = np.zeros(max(length, 0), np.float32)
        position: int | None = None
        last = 0
        for frame in container.decode(stream):
            block = _mono(frame)
            origin = (frame.time or 0.0) if origin is None else origin
            told = position if frame.time is None else round((frame.time - origin) * rate) - first
            if position is None or (told is not None and told > position + _GAP * rate):
                position = told or 0
            if position >= length:
                break
            skip = max(0, -position)
            piece = block[skip : skip + length - max(position, 0)]
            at = position + skip
            wave[at : at + piece.size] = piece
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
