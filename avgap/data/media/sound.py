"""The sound of a clip as one channel at the recipe's rate.

Samples that are not compressed are read where they lie (`pcm`), sound files by soundfile, all else
by PyAV. No library is believed that it has read all: what it gave is compared with what the window
asks for and the packets hold, and where something lacks a second one reads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import av
import numpy as np

from avgap.data.clip import MediaError, check_file
from avgap.data.media.container import MediaFile, compare_lengths, open_media, window
from avgap.data.media.layout import AHEAD, Block, laid_out
from avgap.data.media.pcm import read_header

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Waveform = NDArray[np.float32]

SOUND_FILES = {".wav", ".flac", ".ogg", ".oga", ".mp3", ".aif", ".aiff"}
LONG = 600.0  # s; of longer sound no more is read than is used
_NOTICED = 0.01  # s; two libraries' lengths of one sound differ by less
_TRIMMED = 3  # packets; encoders add up to so many of silence, and decoders take them off again
_AT_MOST = 0.4  # s
_LATE = 30.0  # s; windows that begin later are not decoded from the start
_PREROLL = 2.0  # s; what a decoder needs to hear before it is right
# Streams of sound alone, the times of which are made up from the lengths of the packets before.
_WITHOUT_CLOCK = {"mp3", "aac", "ac3", "flac", "amr", "tta", "wv"}
_BLOCK = 1 << 20  # samples that are read at once


class Heard(NamedTuple):
    """wave: (samples,) float32, the mean of the channels. seconds: how long the clip's sound is.

    The wave is shorter than that where a long sound was not read to its end.
    """

    wave: Waveform
    seconds: float


class _Track(NamedTuple):
    """wave: the window's, as far as there is sound. rate: Hz. end: of all sound, s, if met.

    mixed: its rate changes on the way, so that packets are not as long as they say.
    """

    wave: Waveform
    rate: int
    end: float | None
    mixed: bool = False

    @property
    def seconds(self) -> float:
        """How long the window's sound is, s, before it is resampled."""
        return self.wave.size / self.rate


def read_sound(
    path: Path, sample_rate: int, start: float | None = None, end: float | None = None
) -> Waveform:
    """The sound of a file from start to end (s): (samples,) float32, see `hear_track`."""
    return hear(path, sample_rate, start, end).wave


def hear(
    path: Path,
    sample_rate: int,
    start: float | None = None,
    end: float | None = None,
    most: float | None = None,
) -> Heard:
    """The sound of a file, as `hear_track`. Raises MediaError with the reason.

    A file of plain samples needs no FFmpeg: a thirtieth of the time.
    """
    check_file(path)
    header = read_header(path)
    if header is not None:
        header.check(end)
    if header is None or not header.kind:
        # Its length is checked: what FFmpeg calls a corrupt packet is the last, of any size.
        with open_media(path, checked=header is not None) as file:
            return hear_track(file, sample_rate, start, end, most)
    length = header.frames / header.rate
    begin, stop = window(start, end, length, "sound")
    seconds = min(stop, length) - begin
    needed = stop if most is None or seconds <= LONG else begin + most
    wave = header.read(round(begin * header.rate), round((needed - begin) * header.rate))
    return _heard(wave, header.rate, sample_rate, seconds if needed < stop else None)


def hear_track(
    file: MediaFile,
    sample_rate: int,
    start: float | None = None,
    end: float | None = None,
    most: float | None = None,
) -> Heard:
    """The sound of an open file from start to end (s), its channels' mean, resampled by librosa.

    Time 0 is the first video frame, or the first sound where there is no video. most: s that are
    used; of sound longer than LONG no more is decoded.
    Raises MediaError: no sound, damaged, a window outside the sound.
    """
    line = file.timeline
    if line.sound_end is None:
        raise MediaError("no sound in it, and no audio file is given")
    begin, until = start or 0.0, math.inf if end is None else end
    asked = min(until, line.sound_end) - begin
    in_part = most is not None and asked > LONG
    if in_part:
        until = begin + (most or 0.0)
    track = _decoded(file, begin, until, sample_rate)
    if track.end is not None:
        compare_lengths(line.declared, max(track.end, line.video_end or 0.0))
    length = track.end if track.mixed and track.end else max(line.sound_end, track.end or 0.0)
    window(start, end, length, "sound")
    whole = end is None and track.end is not None and not track.mixed
    beyond = (track.end or 0.0) - line.sound_end if whole else None
    if beyond is not None and 0 < beyond <= _trimmed(file):
        # What decoders give beyond the last packet's end is an encoder's filling.
        track = track._replace(wave=track.wave[: max(0, round(asked * track.rate))])
    wanted = min(until, line.sound_end) - begin
    if track.seconds < wanted - _trimmed(file) and not track.mixed:
        heard = f"{track.seconds:.2f} s of {wanted:.2f} s of sound"
        raise MediaError(f"damaged: {heard} can be decoded")
    return _heard(track.wave, track.rate, sample_rate, asked if in_part else None)


def _heard(wave: Waveform, rate: int, sample_rate: int, seconds: float | None) -> Heard:
    """Resample a wave. seconds: of the clip, None where the wave is all of it."""
    if wave.size == 0:
        raise MediaError("damaged: no sound of the clip can be decoded")
    if not np.isfinite(wave).all():
        raise MediaError("its sound holds values that are not numbers")
    if rate != sample_rate:
        wave = _resampled(wave, rate, sample_rate)
    return Heard(wave, wave.size / sample_rate if seconds is None else seconds)


def _resampled(wave: Waveform, rate: int, sample_rate: int) -> Waveform:
    import librosa

    resampled: Waveform = librosa.resample(wave, orig_sr=rate, target_sr=sample_rate)
    return resampled


def _trimmed(file: MediaFile) -> float:
    """How much shorter or longer than its packets the sound may rightly be, s."""
    exact = file.sound is not None and file.sound.codec_context.codec.lossless
    packets = 1 if exact else _TRIMMED
    return max(_NOTICED, min(packets * file.timeline.sound_packet, _AT_MOST))


# ---------------------------------------------------------------- decoders


def _decoded(file: MediaFile, begin: float, until: float, sample_rate: int) -> _Track:
    """The window by soundfile where it reads the file whole, else by PyAV."""
    line = file.timeline
    first = None
    if file.path.suffix.lower() in SOUND_FILES and line.video_end is None:
        first = _by_soundfile(file.path, begin, until)
        end = line.sound_end or 0.0
        # At its end libsndfile may have taken off the delay of a decoder, inside nothing.
        allowed = max(_NOTICED, line.sound_packet if until >= end - line.sound_packet else 0.0)
        if first is not None and first.seconds >= min(until, end) - begin - allowed:
            return first
    second = _by_pyav(file, begin, until, sample_rate)
    return second if first is None or second.seconds > first.seconds + _NOTICED else first


def _by_soundfile(path: Path, begin: float, until: float) -> _Track | None:
    """None where this libsndfile does not read the file."""
    import soundfile

    try:
        with soundfile.SoundFile(path.absolute()) as file:
            rate = int(file.samplerate)
            at = file.seek(min(round(begin * rate), file.frames))
            left = file.frames - at if until == math.inf else round((until - begin) * rate)
            parts = []
            while left > 0:
                block = file.read(min(left, _BLOCK), dtype="float32", always_2d=True)
                parts.append(block.mean(axis=1, dtype=np.float32))
                left -= len(block)
                if len(block) == 0:
                    break
            wave = np.concatenate([np.zeros(0, np.float32), *parts])
            end = (at + wave.size) / rate if left > 0 or until == math.inf else None
            return _Track(wave, rate, end)
    except (soundfile.LibsndfileError, RuntimeError):
        return None


def _by_pyav(file: MediaFile, begin: float, until: float, sample_rate: int) -> _Track:
    """The sound track, laid out by presentation time."""
    late = begin > _LATE and not file.timeline.restarts
    blocks, met = _collected(_frames(file, begin if late else None), until)
    if late and (not blocks or blocks[0].time is None):
        blocks, met = _collected(_frames(file, None), until)
    found = laid_out(blocks, begin, until, sample_rate, _resampled)
    mixed = len({block.rate for block in blocks}) > 1
    return _Track(found.wave, found.rate, found.end if met else None, mixed)


def _collected(frames: Iterator[Block], until: float) -> tuple[list[Block], bool]:
    """The frames until the window's end, a few more to tell gaps by; whether they are the last."""
    found: list[Block] = []
    clock, behind = 0.0, 0
    for block in frames:
        if not found and block.time is not None:
            clock = block.time
        found.append(block)
        behind = behind + 1 if (clock if block.time is None else block.time) > until else 0
        if behind > AHEAD:
            return found, False
        clock += block.wave.size / block.rate
    return found, True


def _frames(file: MediaFile, begin: float | None) -> Iterator[Block]:
    """Every decoded frame; where begin (s) is given, from a little before it on."""
    line = file.timeline
    origin = None if line.video_end is None else line.origin
    since = None
    if begin is not None:
        origin = _first_sound(file) if origin is None else origin
        since = origin + begin - _PREROLL
    first = True
    with file.packets("sound", since) as (_, packets):
        for packet in packets:
            for frame in _frames_of(packet, file):
                if origin is None:
                    origin = frame.time or 0.0
                timed = frame.time is not None and (first or line.container not in _WITHOUT_CLOCK)
                yield Block(frame.time - origin if timed else None, frame.sample_rate, _mono(frame))
                first = False


def _frames_of(packet: Any, file: MediaFile) -> list[Any]:
    """A packet's frames; none of what is no sound in a stream that may be cut and joined anywhere.

    What is lost by that shows in the length.
    """
    try:
        frames: list[Any] = packet.decode()
    except av.error.InvalidDataError:
        if file.timeline.container not in _WITHOUT_CLOCK:
            raise
        return []
    return frames


def _first_sound(file: MediaFile) -> float:
    """Time 0 without a video: an encoder's delay may put it after the first packet."""
    with file.packets("sound") as (_, packets):
        for packet in packets:
            for frame in packet.decode():
                return frame.time or 0.0
    return 0.0


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
