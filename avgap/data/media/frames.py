"""The frames of a clip, by decord where it is exact and by PyAV everywhere else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from avgap.data.clip import MediaError
from avgap.data.media.container import TOLERANCE, MediaFile, Timeline, window
from avgap.data.media.crop import Box, cut
from avgap.data.media.pictures import picture_files, read_pictures, shown_at
from avgap.data.media.sampling import SAME_TIME, choose

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    Frames = NDArray[np.uint8]

DECODERS = ("auto", "decord", "pyav")
# decord 0.6 misses frames of MPEG streams, has no AV1, and decodes HEVC and 10 bits otherwise
# than FFmpeg today.
_EXACT_CONTAINERS = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "flv"}
_EXACT_CODECS = {"h264", "mpeg4", "vp8", "vp9", "mjpeg"}
_EXACT_PIXELS = {"yuv420p", "yuvj420p"}
# Stored in order of display, and no frame needs anything from before its last key frame.
_FORWARD_ONLY = {"flv"}


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
    Decoded at full size, cropped, then reduced with antialiasing, so that all decoders agree; the
    aspect is not kept. decord gives way to PyAV wherever it is not exact.
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
    stream it reads from the middle, or a wrong count all show there.
    """
    line = film.timeline
    exact = (
        line.container in _EXACT_CONTAINERS
        and line.codec in _EXACT_CODECS
        and line.pixels in _EXACT_PIXELS
    )
    if not exact:
        return None
    try:
        import decord
    except (ImportError, OSError):
        return None
    try:
        reader = decord.VideoReader(os.fspath(film.path), num_threads=1)
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


def _by_pyav(film: MediaFile, indices: list[int]) -> list[Frames]:
    """Full-size frames on display at the times of these ascending indices; one pass forward."""
    with film.packets("video") as (stream, packets):
        return _shown(indices, film.timeline, stream, packets)


def _shown(indices: list[int], line: Timeline, stream: Any, packets: Iterable[Any]) -> list[Frames]:
    wanted = [float(line.times[index]) for index in indices]
    found: list[Frames] = []
    convert = av.video.reformatter.VideoReformatter()
    shown: Any = None
    time = 0.0
    stretches = _stretches(wanted, line) if line.codec in _FORWARD_ONLY else None
    for time, frame in _decoded(packets, stream, line.origin, stretches):
        while len(found) < len(wanted) and time > wanted[len(found)] + SAME_TIME:
            found.append(_picture(frame if shown is None else shown, convert))
        if len(found) == len(wanted):
            return found
        shown = frame
    if shown is None:
        raise MediaError("no frame of its video can be decoded")
    if wanted[-1] > time + TOLERANCE:
        raise MediaError(f"damaged: no frame of its video after {time:.2f} s can be decoded")
    return found + [_picture(shown, convert)] * (len(wanted) - len(found))


def _stretches(wanted: list[float], line: Timeline) -> list[tuple[float, float]] | None:
    """From the key frame before each wanted time to that time, s; None without such a frame."""
    before = np.searchsorted(line.keys, np.array(wanted) + SAME_TIME, side="right") - 1
    if before[0] < 0:
        return None
    starts = line.keys[before].tolist()
    return [(a - SAME_TIME, b + SAME_TIME) for a, b in zip(starts, wanted, strict=True)]


def _decoded(
    packets: Iterable[Any],
    stream: Any,
    origin: float,
    stretches: list[tuple[float, float]] | None,
) -> Iterator[tuple[float, Any]]:
    """Every frame with its time, s from the first; where stretches are given, theirs alone."""
    stream.thread_type = "NONE"
    time = 0.0
    step = 1 / float(stream.average_rate or 25)
    tick = float(stream.time_base)
    for packet in packets:
        if stretches is not None and packet.pts is not None:
            at = packet.pts * tick - origin
            if not any(a <= at <= b for a, b in stretches):
                continue
        for frame in packet.decode():
            time = time + step if frame.time is None else frame.time - origin
            yield time, frame


def _picture(frame: Any, convert: Any) -> Frames:
    """A frame as it is to be seen; convert: PyAV's converter, shared since it is slow to set up."""
    if frame.is_corrupt:
        raise MediaError(f"its video is damaged at {frame.time or 0:.2f} s")
    picture: Frames = convert.reformat(frame, format="rgb24").to_ndarray()
    # The display matrix counts counter-clockwise, as numpy does.
    return np.rot90(picture, k=round(frame.rotation / 90) % 4)
