"""The frames of a clip, by decord where it is exact and by PyAV everywhere else."""

from __future__ import annotations

import math
import os
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from avgap.data.clip import MediaError
from avgap.data.media.container import MediaFile, Timeline, window
from avgap.data.media.crop import Box, cut
from avgap.data.media.orientation import UPRIGHT, of_frame, turned
from avgap.data.media.pictures import picture_files, read_pictures, shown_at
from avgap.data.media.sampling import SAME_TIME, choose

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Frames = NDArray[np.uint8]

DECODERS = ("auto", "decord", "pyav")
# decord 0.6 misses frames of MPEG streams, has no AV1, and decodes HEVC and 10 bits otherwise
# than FFmpeg today.
_EXACT_CONTAINERS = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "flv"}
_EXACT_CODECS = {"h264", "mpeg4", "vp8", "vp9", "mjpeg"}
_EXACT_PIXELS = {"yuv420p", "yuvj420p"}
_OWN_ORDER = {"h264"}  # only decoding tells in which order its frames are shown
# A key frame is sought where that saves the decoding of so many s of film; of codecs whose frames
# need nothing from before their last key frame, as CREMA-D's, always.
_SAVED = 5.0
_FORWARD_ONLY = {"flv"}
_LOST = 0.1  # s; a frame that is further behind its time than this and some more frames is missing
_LOST_FRAMES = 3


def read_frames(
    source: MediaFile | Path,
    count: int,
    size: int,
    start: float | None = None,
    end: float | None = None,
    decoder: str = "auto",
    sampling: str = "uniform",
    crop: Box | None = None,
) -> Frames:
    """K = count frames of a video, or of a folder of pictures, as (K, size, size, 3) RGB.

    Which ones of the window from start to end (s from the first frame) `sampling.choose` says.
    Decoded at full size, turned upright, cropped, then reduced with antialiasing, so that all
    decoders agree; the aspect is not kept. decord gives way to PyAV wherever it is not exact.
    Raises MediaError: no video, damaged, a window outside the video, a crop outside the picture.
    """
    if decoder not in DECODERS:
        raise ValueError(f"unknown decoder {decoder!r}; known: {', '.join(DECODERS)}")
    files: list[Path] = []
    if isinstance(source, Path):
        files = picture_files(source)
        times, length = shown_at(source, len(files))
    else:
        if source.timeline.video_end is None:
            raise MediaError("no video in it")
        times, length = source.timeline.times, source.timeline.video_end
    indices = choose(times, *window(start, end, length, "video"), count, sampling)
    needed = sorted(set(indices))
    if isinstance(source, Path):
        pictures = read_pictures([files[index] for index in needed])
    else:
        found = _by_decord(source, needed) if decoder != "pyav" else None
        pictures = _by_pyav(source, needed) if found is None else found
    small = {
        index: resize(cut(picture, crop), size)
        for index, picture in zip(needed, pictures, strict=True)
    }
    return np.stack([small[index] for index in indices])


def resize(picture: Frames, size: int) -> Frames:
    """A picture (H, W, 3) as (size, size, 3), bilinear with antialiasing."""
    from PIL import Image

    if picture.shape[:2] == (size, size):
        return np.ascontiguousarray(picture)
    image = Image.fromarray(np.ascontiguousarray(picture))
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))


def _by_decord(film: MediaFile, indices: list[int]) -> list[Frames] | None:
    """Full-size frames at ascending indices; None where decord is absent or not to be trusted.

    It is trusted where it tells the same time for every frame as the container: an edit list, a
    stream it reads from the middle, or a wrong count all show there. Not with pictures that are to
    be turned, not where it would have to guess the order of frames, and not where frames behind a
    key frame need others: it counts those that it cannot decode.
    """
    line = film.timeline
    exact = (
        line.container in _EXACT_CONTAINERS
        and line.codec in _EXACT_CODECS
        and line.pixels in _EXACT_PIXELS
        and not (line.in_order and line.codec in _OWN_ORDER)
        and (line.closed or line.in_order)
    )
    if not exact:
        return None
    try:
        import decord
    except (ImportError, OSError):
        return None
    if not _plain(film):
        return None
    try:
        # An absolute path: FFmpeg takes "http:/a.mp4" for an address.
        reader = decord.VideoReader(os.fspath(film.path.absolute()), num_threads=1)
        times = reader.get_frame_timestamp(range(len(reader)))[:, 0]
        same = len(times) == len(line.times) and np.allclose(
            times - times[0], line.times, rtol=0, atol=SAME_TIME
        )
        if not same or times[0] < 0:
            return None
        return list(reader.get_batch(indices).asnumpy())
    except (RuntimeError, decord.DECORDError):
        # PyAV either reads it or gives the reason.
        return None


def _plain(film: MediaFile) -> bool:
    """Whether the first frame is stored upright, and no frame is shown before one stored earlier
    where the container does not tell."""
    with film.packets("video") as (stream, packets):
        first = next((frame for packet in packets for frame in packet.decode()), None)
        shuffled = film.timeline.in_order and stream.codec_context.has_b_frames
        return first is not None and of_frame(first) == UPRIGHT and not shuffled


def _by_pyav(film: MediaFile, indices: list[int]) -> list[Frames]:
    """Full-size frames on display at the times of these ascending indices.

    From the key frames before them where that saves much; from the start where what comes out there
    is not what the container announced.
    """
    line = film.timeline
    wanted = [float(line.times[index]) for index in indices]
    found: list[Frames] = []
    shuffled = line.in_order and film.video is not None and film.video.codec_context.has_b_frames
    whole = shuffled or line.restarts
    for times, key in [(wanted, None)] if whole else _stretches(wanted, line):
        pictures = _shown(film, times, key)
        if pictures is None:
            return _shown(film, wanted, None) or []
        found += pictures
    return found


def _stretches(wanted: list[float], line: Timeline) -> list[tuple[list[float], float | None]]:
    """Ascending times, parted where decoding goes on at a later key frame, each with that, s."""
    saved = 0.0 if line.codec in _FORWARD_ONLY else _SAVED
    parts: list[tuple[list[float], float | None]] = []
    before = 0.0
    for time in wanted:
        number = int(np.searchsorted(line.keys, time + SAME_TIME, side="right")) - 1
        key = float(line.keys[number]) if number >= 0 else -math.inf
        if key > before + max(saved, SAME_TIME):
            parts.append(([time], key))
        elif parts:
            parts[-1][0].append(time)
        else:
            parts.append(([time], None))
        before = time
    return parts


def _shown(film: MediaFile, wanted: list[float], key: float | None) -> list[Frames] | None:
    """The pictures on display at ascending times, s; None where a key frame is none.

    key: the time of a key frame to begin at. Raises MediaError where frames are missing.
    """
    line = film.timeline
    step = float(np.median(np.diff(line.times))) if line.times.size > 1 else 0.0
    lost = _LOST + _LOST_FRAMES * step
    found: list[Frames] = []
    convert = av.video.reformatter.VideoReformatter()
    shown: Any = None
    at = 0.0
    for time, frame in chain(_decoded(film, key), [(math.inf, None)]):
        if shown is None and key is not None:
            if time < key - SAME_TIME:
                continue  # shown before the key frame, and decoded without what it needs
            if time > key + SAME_TIME or not frame.key_frame:
                return None
        if shown is None and frame is None:
            raise MediaError("no frame of its video can be decoded")
        while len(found) < len(wanted) and time > wanted[len(found)] + SAME_TIME:
            if shown is not None and wanted[len(found)] > at + lost:
                raise MediaError(f"damaged: no frame of its video after {at:.2f} s can be decoded")
            found.append(_picture(frame if shown is None else shown, convert))
        if len(found) == len(wanted):
            break
        shown, at = frame, time
    return found


def _decoded(film: MediaFile, key: float | None) -> Iterator[tuple[float, Any]]:
    """Every frame with its time, s from the first; from a key frame on where its time is given."""
    line = film.timeline
    since = None if key is None else line.origin + key - SAME_TIME
    with film.packets("video", since) as (stream, packets):
        step = 1 / float(stream.average_rate or 25)
        number = 0 if key is None else int(np.searchsorted(line.times, key - SAME_TIME))
        time = 0.0 if key is None else key
        for packet in packets:
            for frame in packet.decode():
                if line.in_order and number < len(line.times):
                    time = float(line.times[number])
                elif line.in_order or frame.time is None:
                    time += step
                else:
                    time = frame.time - line.origin
                number += 1
                yield time, frame


def _picture(frame: Any, convert: Any) -> Frames:
    """A frame as it is to be seen; convert: PyAV's converter, shared since it is slow to set up."""
    if frame.is_corrupt:
        raise MediaError(f"its video is damaged at {frame.time or 0:.2f} s")
    picture: Frames = convert.reformat(frame, format="rgb24").to_ndarray()
    return turned(picture, of_frame(frame))
