"""A media file, opened once: when each frame is shown, its packets, and why it cannot be used.

Times are seconds from the first video frame on display (from the first sound where there is no
video), whatever the container's clock starts at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import av
import numpy as np

from avgap.data.clip import MediaError, check_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Only these are opened: FFmpeg would read a text file as a terminal's picture, and a playlist
# could name other files.
CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,mpeg,mpegts,mpegvideo,asf,ogg,gif,h264,hevc,"
    "wav,w64,aiff,flac,mp3,aac,ac3,amr,caf,dv,vob,rm,mxf"
)
# Their headers declare a duration that does not come from counting what is there.
_DECLARING = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "flv", "avi", "wav", "flac"}
TOLERANCE = 0.5  # s; annotations and sound tracks end a little off the last frame
_KEPT = 16 << 20  # bytes of a stream's packets that are kept for decoding


class Timeline(NamedTuple):
    """When the first video stream shows its frames, and where each kind of stream ends.

    times: of N frames, ascending, s; keys: of those that need no other. video_end, sound_end: s,
    None without such a stream. origin: the container's clock at time 0, s. codec, pixels: the
    video's, "" without one.
    """

    container: str
    times: NDArray[np.float64]
    keys: NDArray[np.float64]
    video_end: float | None
    sound_end: float | None
    origin: float
    codec: str
    pixels: str


@dataclass(frozen=True)
class MediaFile:
    """A media file that is open and was read through once, without decoding.

    video, sound: its streams, None without one.
    """

    path: Path
    timeline: Timeline
    video: Any | None
    sound: Any | None
    _kept: dict[int, list[Any] | None]

    @contextmanager
    def packets(self, kind: Literal["video", "sound"]) -> Iterator[tuple[Any, Iterable[Any]]]:
        """A stream that there is, and its packets in the order of decoding.

        They are those of the one pass, or of the file read again where they were too many to keep.
        """
        stream = getattr(self, kind)
        kept = self._kept[stream.index]
        if kept is not None:
            yield stream, kept
            return
        with _opened(self.path) as again:
            stream = again.streams[stream.index]
            yield stream, again.demux(stream)


@contextmanager
def open_media(path: Path) -> Iterator[MediaFile]:
    """Open a media file and read it through. Raises MediaError, also for damage met later."""
    with _opened(path) as container:
        yield _scan(path, container)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    check_file(path)
    try:
        # An absolute path, so that no file name is taken for a protocol ("a:b.mp4").
        with av.open(
            str(path.absolute()),
            metadata_errors="replace",
            options={"format_whitelist": CONTAINERS},
        ) as container:
            yield container
    except MediaError:
        raise
    except (av.error.FFmpegError, ValueError) as error:
        raise MediaError(f"damaged, or not a media file ({_first_words(error)})") from error


def _video_stream(container: Any) -> Any | None:
    """The stream of moving pictures, passing over cover art; None where there is none."""
    cover = av.stream.Disposition.attached_pic
    moving = [s for s in container.streams.video if not s.disposition & cover]
    if any(stream.codec_context is None for stream in moving):
        raise MediaError("damaged, or its video is of a codec that FFmpeg does not know")
    best = container.streams.best("video")
    return best if best in moving else next(iter(moving), None)


def _scan(path: Path, container: Any) -> MediaFile:
    """Read all packets of the video and of the sound that players take.

    Raises MediaError: damaged, cut short.
    """
    video, sound = _video_stream(container), container.streams.best("audio")
    streams = [stream for stream in (video, sound) if stream is not None]
    shown: list[float] = []
    keys: list[float] = []
    ends: dict[int, float] = {}
    starts: dict[int, float] = {}
    kept: dict[int, list[Any] | None] = {stream.index: [] for stream in streams}
    room = {stream.index: _KEPT for stream in streams}
    # As floats: a fraction per packet costs as much as reading the packet.
    tick = {stream.index: float(stream.time_base) for stream in streams}
    for packet in _packets(container, streams):
        index = packet.stream_index
        if (packets := kept[index]) is not None:
            room[index] -= packet.size
            packets.append(packet)
            if room[index] < 0:
                kept[index] = None
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None or packet.is_discard:
            continue
        time = stamp * tick[index]
        if packet.is_corrupt:
            raise MediaError(f"damaged or cut short at {time:.2f} s")
        length = (packet.duration or 0) * tick[index]
        ends[index] = max(ends.get(index, time), time + length)
        starts[index] = min(starts.get(index, time), time)
        if video is not None and index == video.index:
            shown.append(time)
            if packet.is_keyframe:
                keys.append(time)
    if not ends:
        raise MediaError("neither video nor sound in it")
    _check_length(container, max(ends.values()))
    times = np.sort(np.array(shown, np.float64))
    origin = float(times[0]) if times.size else max(0.0, min(starts.values()))
    line = Timeline(
        container.format.name,
        times - origin,
        np.sort(np.array(keys, np.float64)) - origin,
        None if video is None or not shown else ends[video.index] - origin,
        None if sound is None or sound.index not in ends else ends[sound.index] - origin,
        origin,
        "" if video is None else video.codec_context.name,
        "" if video is None else str(video.codec_context.pix_fmt or ""),
    )
    return MediaFile(path, line, video, sound, kept)


def _packets(container: Any, streams: list[Any]) -> Iterator[Any]:
    """Raises MediaError for a packet of a stream that the file's header did not declare."""
    try:
        yield from container.demux(streams)
    except IndexError as error:
        raise MediaError("damaged: it holds more streams than it declares") from error


def window(start: float | None, end: float | None, length: float, what: str) -> tuple[float, float]:
    """The clip's (start, end) in s within a stream of this length. Raises MediaError outside it."""
    begin = 0.0 if start is None else start
    stop = length if end is None else end
    for name, moment, inside in (
        ("start", begin, begin < length),
        ("end", stop, stop <= length + TOLERANCE),
    ):
        if not inside:
            ends = f"its {what} ends at {length:.2f} s"
            raise MediaError(f"{ends}, before the clip's {name} at {moment:.2f} s")
    return begin, stop


def _check_length(container: Any, end: float) -> None:
    if container.format.name not in _DECLARING or not container.duration:
        return
    # FLV declares the last time stamp, the others the length from the first.
    declared = container.duration / av.time_base
    if declared > end + TOLERANCE:
        raise MediaError(f"cut short: {end:.2f} s of the {declared:.2f} s it declares")


def _first_words(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).splitlines()[0]
