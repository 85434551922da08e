"""A media file, opened once: when each frame is shown, its packets, and why it cannot be used.

Times are seconds from the first video frame on display (from the first sound where there is no
video), whatever the container's clock starts at.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import dropwhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import av
import numpy as np

from avgap.data.clip import MediaError, check_file
from avgap.data.media.xing import counted_frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Only these are opened: FFmpeg would read a text file as a terminal's picture, and a playlist
# could name other files.
CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,mpeg,mpegts,mpegvideo,asf,ogg,gif,h264,hevc,"
    "wav,w64,aiff,au,flac,wv,tta,mp3,aac,ac3,amr,caf,dv,vob,rm,mxf"
)
# Their headers declare a duration that does not come from counting what is there: of each stream,
# or of the file alone.
_DECLARING_STREAMS = {"mov,mp4,m4a,3gp,3g2,mj2", "avi", "wav", "w64", "aiff", "flac", "caf", "tta"}
_DECLARING = {*_DECLARING_STREAMS, "matroska,webm", "flv"}
_WITHOUT_TIMES = {"avi"}  # their packets come with the order of decoding alone
TOLERANCE = 0.5  # s; annotations and sound tracks end a little off the last frame
_SHARE = 0.25  # of a window, which no tolerance exceeds
_MISSING = 0.1  # s; two counts of one stream's length differ by less, or by some packets
_PACKETS = 4
_KEPT = 16 << 20  # bytes of a stream's packets that are kept for decoding
_ENDLESS = 3600.0  # s; a last packet that says more was seen where two files are joined
_FRAME = 0.04  # s that a frame is shown of which nobody says how long


class Timeline(NamedTuple):
    """When the first video stream shows its frames, and where each kind of stream ends.

    times: of N frames, ascending, s; keys: of those that need no other. video_end, sound_end: s,
    None without such a stream; the sound's is where its last packet ends, or begins where that says
    nothing. origin: the container's clock at time 0, s. codec, pixels: the video's, "" without one.
    sound_packet: how long most of the sound's are, s. in_order: packets do not say when their
    frames are shown, so that those come as they are decoded. restarts: a stream's clock begins anew
    on the way, as in files that were joined. closed: no frame that is stored behind a key frame
    needs one from before it. declared: the file's length by its header, where the sound's end is
    not known without decoding, s.
    """

    container: str
    times: NDArray[np.float64]
    keys: NDArray[np.float64]
    video_end: float | None
    sound_end: float | None
    origin: float
    codec: str
    pixels: str
    sound_packet: float = 0.0
    in_order: bool = False
    restarts: bool = False
    closed: bool = True
    declared: float | None = None


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
    def packets(
        self, kind: Literal["video", "sound"], since: float | None = None
    ) -> Iterator[tuple[Any, Iterable[Any]]]:
        """A stream that there is, ready to decode, and its packets in the order of decoding.

        They are those of the one pass, or of the file read again where they were too many to keep.
        since: the container's clock, s: from the first packet on that needs no earlier one and is
        shown at that time or later.
        """
        stream = getattr(self, kind)
        kept = self._kept[stream.index]
        if kept is not None:
            _ready(stream)
            yield stream, _from(kept, since)
            return
        with _opened(self.path) as again:
            stream = again.streams[stream.index]
            _ready(stream)
            # Read from the start: what comes after a jump is not cut into packets alike.
            yield stream, _from(again.demux(stream), since)


def _ready(stream: Any) -> None:
    """Let a stream decode from a new beginning, in one thread."""
    if stream.codec_context.is_open:
        stream.codec_context.flush_buffers()
    else:
        stream.thread_type = "NONE"


def _from(packets: Iterable[Any], since: float | None) -> Iterable[Any]:
    if since is None:
        return packets
    return dropwhile(lambda packet: not (packet.is_keyframe and _at(packet) >= since), packets)


def _at(packet: Any) -> float:
    """When a packet's frame is shown by the container's clock, s; before all others if unknown."""
    return -math.inf if packet.pts is None else float(packet.pts * packet.time_base)


@contextmanager
def open_media(path: Path, *, checked: bool = False) -> Iterator[MediaFile]:
    """Open a media file and read it through. Raises MediaError, also for damage met later.

    checked: what its header declares was compared with what is there, by one who knows better.
    """
    with _opened(path) as container:
        yield _scan(path, container, checked)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    check_file(path)
    try:
        # An absolute path, so that no file name is taken for a protocol ("a:b.mp4").
        with av.open(
            str(path.absolute()),
            metadata_errors="replace",
            options={"format_whitelist": CONTAINERS, "protocol_whitelist": "file"},
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


class _Seen:
    """What the packets of a stream tell, without decoding."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        # As a float: a fraction per packet costs as much as reading the packet.
        self.tick = float(stream.time_base)
        self.times: list[float] = []
        self.orders: list[float] = []
        self.lengths: list[float] = []
        self.keys: list[bool] = []
        self.in_order = self.restarts = False
        self.closed = True
        self.key = -math.inf  # when the last key frame is shown, s
        self.shift = 0.0  # s, by which a clock that began anew is behind
        self.kept: list[Any] | None = []
        self.room = _KEPT

    def take(self, packet: Any) -> None:
        """Note when a packet of the stream is shown, in which order, and for how long, s.

        A clock that begins anew is continued; packets that are shown at no time do not count.
        """
        if self.kept is not None:
            self.room -= packet.size
            self.kept.append(packet)
            if self.room < 0:
                self.kept = None
        shown, order = packet.pts, packet.dts
        if shown is None and order is None and packet.size and self.stream.type == "video":
            # A bare stream of pictures: as many per second as its header says.
            order = round(len(self.times) * _step(np.zeros(0), self.stream) / self.tick)
        if (shown is None and order is None) or packet.is_discard:
            return
        self.in_order |= shown is None
        shown, order = order if shown is None else shown, shown if order is None else order
        at = order * self.tick + self.shift
        if self.orders and at < self.orders[-1] - TOLERANCE:
            self.restarts = True
            step = self.orders[-1] - self.orders[-2] if self.orders[1:] else self.lengths[-1]
            self.shift += self.orders[-1] + step - at
        self.times.append(shown * self.tick + self.shift)
        self.orders.append(order * self.tick + self.shift)
        self.lengths.append((packet.duration or 0) * self.tick)
        self.keys.append(packet.is_keyframe)
        if packet.is_keyframe:
            self.key = self.times[-1]
            self.closed &= len(self.times) == 1 or _refreshes(packet, self.stream)
        self.closed &= self.times[-1] >= self.key

    @property
    def last(self) -> float:
        """How long the last packet is heard or seen, s, 0 where nobody says."""
        length = self.lengths[int(np.argmax(self.times))]
        return length if length < _ENDLESS else float(np.median(self.lengths))

    @property
    def end(self) -> float:
        """When the last packet ends, s. Raises ValueError where none was taken."""
        return max(self.times) + self.last


def _refreshes(packet: Any, stream: Any) -> bool:
    """Whether decoding may begin at a packet that the container calls a key frame.

    H.264 knows others, from which on the picture mends piece by piece: those hold no IDR slice.
    """
    context = stream.codec_context
    header = context.extradata or b""
    if context.name != "h264" or header[:1] != b"\x01":
        return True
    data, size, at = memoryview(packet), (header[4] & 3) + 1, 0
    while at + size < len(data):
        if data[at + size] & 31 == 5:
            return True
        at += size + int.from_bytes(data[at : at + size], "big")
    return False


def _scan(path: Path, container: Any, checked: bool) -> MediaFile:
    """Read all packets of the video and of the sound that players take.

    Raises MediaError: damaged, cut short.
    """
    video, sound = _video_stream(container), container.streams.best("audio")
    streams = [stream for stream in (video, sound) if stream is not None]
    seen = {stream.index: _Seen(stream) for stream in streams}
    for packet in _packets(container, streams):
        if packet.is_corrupt and not checked:
            time = (packet.pts or packet.dts or 0) * float(packet.time_base)
            raise MediaError(f"damaged or cut short at {time:.2f} s")
        seen[packet.stream_index].take(packet)
    told = [track for track in seen.values() if track.times]
    if not told:
        raise MediaError("neither video nor sound in it")
    if not checked:
        _check_length(container, told, path)
    kept = {index: track.kept for index, track in seen.items()}
    return MediaFile(path, _timeline(container, video, sound, seen), video, sound, kept)


def _timeline(container: Any, video: Any, sound: Any, seen: dict[int, _Seen]) -> Timeline:
    pictures = None if video is None else seen[video.index]
    heard = None if sound is None else seen[sound.index]
    name = container.format.name
    restarts = any(track.restarts for track in seen.values())
    in_order = pictures is not None and (
        pictures.in_order or pictures.restarts or name in _WITHOUT_TIMES
    )
    times = keys = np.zeros(0)
    video_end: float | None = None
    if pictures is not None and pictures.times:
        shown = np.array(pictures.orders if in_order else pictures.times)
        keys = np.sort(shown[np.array(pictures.keys)])
        times = np.sort(shown)
        end = times[-1] + pictures.lengths[-1] if in_order else pictures.end
        video_end = float(end if end > times[-1] else times[-1] + _step(times, video))
    starts = [min(track.times) for track in seen.values() if track.times]
    origin = float(times[0]) if times.size else max(0.0, min(starts))
    return Timeline(
        name,
        times - origin,
        keys - origin,
        None if video_end is None else video_end - origin,
        None if heard is None or not heard.times else heard.end - origin,
        origin,
        "" if video is None else video.codec_context.name,
        "" if video is None else str(video.codec_context.pix_fmt or ""),
        0.0 if heard is None or not heard.times else float(np.median(heard.lengths)),
        in_order,
        restarts,
        pictures is None or pictures.closed,
        _declared(container) if heard is not None and heard.times and heard.last == 0 else None,
    )


def _step(times: NDArray[np.float64], video: Any) -> float:
    """How long a frame is shown: as most are, or as the stream's rate says, s."""
    steps = np.diff(times)
    steps = steps[steps > 0]
    if steps.size:
        return float(np.median(steps))
    rate = video.average_rate or video.guessed_rate
    return 1 / float(rate) if rate else _FRAME


def _packets(container: Any, streams: list[Any]) -> Iterator[Any]:
    """Raises MediaError for a packet of a stream that the file's header did not declare."""
    try:
        yield from container.demux(streams)
    except IndexError as error:
        raise MediaError("damaged: it holds more streams than it declares") from error


def window(start: float | None, end: float | None, length: float, what: str) -> tuple[float, float]:
    """The clip's (start, end) in s within a stream of this length. Raises MediaError outside it.

    The end may lie a little beyond the stream's, by TOLERANCE or a quarter of a short window.
    """
    begin = 0.0 if start is None else start
    stop = length if end is None else end
    beyond = min(TOLERANCE, _SHARE * (stop - begin))
    for name, moment, inside in (
        ("start", begin, begin < length),
        ("end", stop, stop <= length + beyond),
    ):
        if not inside:
            ends = f"its {what} ends at {length:.2f} s"
            raise MediaError(f"{ends}, before the clip's {name} at {moment:.2f} s")
    return begin, stop


def _check_length(container: Any, told: list[_Seen], path: Path) -> None:
    """Raise MediaError where the file, or one of its streams, declares more than there is.

    A length that is known to the sample is compared as one; FLV's stands in a tag that anybody may
    have written, and a last frame that nobody says the length of may be long. Sound without one is
    left to its decoder.
    """
    name = container.format.name
    if name in _DECLARING and all(t.last > 0 for t in told if t.stream.type == "audio"):
        vague = name == "flv" or any(track.last == 0 for track in told)
        found = max(track.end for track in told)
        exact = _MISSING + _PACKETS * max(track.last for track in told)
        compare_lengths(_declared(container), found, TOLERANCE if vague else exact)
    if name == "mp3" and (frames := counted_frames(path)) is not None:
        length = float(np.median(told[0].lengths))
        compare_lengths(frames * length, len(told[0].times) * length, _PACKETS * length)
    for track in told if name in _DECLARING_STREAMS else []:
        stream = track.stream
        if stream.duration and track.last:
            length = (stream.duration + (stream.start_time or 0)) * track.tick
            compare_lengths(length, track.end, _MISSING + _PACKETS * track.last)


def _declared(container: Any) -> float | None:
    """The length that a file's header declares, s: FLV's last time stamp, else from the first."""
    if container.format.name not in _DECLARING or not container.duration:
        return None
    return float(container.duration / av.time_base)


def compare_lengths(declared: float | None, found: float, tolerance: float = _MISSING) -> None:
    """Raise MediaError where less was found than is declared, s."""
    if declared is not None and declared > found + tolerance:
        raise MediaError(f"cut short: {found:.2f} s of the {declared:.2f} s it declares")


def _first_words(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).splitlines()[0]
