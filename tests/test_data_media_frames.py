"""Which frames come out: in files that do not say when, from the middle of long ones, by name."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from media import read_frames, timeline, write_video

from avgap.data.clip import MediaError
from avgap.data.media import container, frames
from avgap.data.media.container import open_media

SIZE = 64


def film(
    path: Path,
    codec: str,
    count: int,
    options: dict[str, str] | None = None,
    times: list[int] | None = None,
    gop: int = 12,
    between: int = 0,
) -> Path:
    """Frames that show their number in eight bars, 25 per second or at times in 1/25 s.

    gop: frames from key frame to key frame. between: B-frames.
    """
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream(codec, rate=25, options=options or {})
        stream.width = stream.height = SIZE
        stream.pix_fmt, stream.bit_rate, stream.thread_count = "yuv420p", 2_000_000, 1
        stream.gop_size, stream.max_b_frames = gop, between
        for number in range(count):
            bars = [255 * (number >> bit & 1) for bit in range(8)]
            picture = np.repeat(np.repeat([bars], SIZE, axis=0), SIZE // 8, axis=1)
            picture = np.repeat(picture[..., None], 3, axis=2).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = (times or range(count))[number], Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def numbers(pictures: Any) -> list[int]:
    """Which frames these are, by their bars."""
    middle = SIZE // 16
    return [
        sum(int(picture[32, SIZE // 8 * bit + middle].mean() > 110) << bit for bit in range(8))
        for picture in pictures
    ]


H264 = {"preset": "medium", "x264-params": "keyint=12:min-keyint=12:scenecut=0:bframes=3"}


@pytest.mark.parametrize("decoder", ["auto", "pyav"])
@pytest.mark.parametrize(
    ("name", "codec", "options", "between"),
    [
        ("a.avi", "libx264", H264, 3),
        ("a.avi", "mpeg4", {}, 2),
        ("a.avi", "mpeg4", {}, 0),
        ("a.h264", "libx264", H264, 3),
        ("a.mp4", "mpeg4", {}, 2),
        ("a.mpg", "mpeg2video", {}, 2),
    ],
)
def test_frames_come_in_order_from_files_that_do_not_say_when_they_are_shown(
    tmp_path: Path, decoder: str, name: str, codec: str, options: dict[str, str], between: int
):
    path = film(tmp_path / name, codec, 40, options, between=between)
    # Each at its middle: 40 parts of 0.04 s.
    assert numbers(read_frames(path, 40, SIZE, 0, 1.6, decoder)) == list(range(40))
    assert numbers(read_frames(path, 2, SIZE, 1.2, 1.6, decoder)) == [32, 37]


def test_so_they_do_where_the_rate_varies(tmp_path: Path):
    times = [0, 1, 2, 5, 6, 7, 10, 11, *range(20, 52)]
    path = film(tmp_path / "a.avi", "mpeg4", 40, times=times)
    assert timeline(path).times == pytest.approx(np.array(times) / 25)
    # On display at 0.14 s and 0.6 s: those of 2/25 s and 11/25 s.
    assert numbers(read_frames(path, 1, SIZE, 0.12, 0.16)) == [2]
    assert numbers(read_frames(path, 1, SIZE, 0.58, 0.62)) == [7]


@pytest.mark.parametrize("kept", [container._KEPT, 100])
@pytest.mark.parametrize(
    ("name", "codec", "options", "between"),
    [
        ("a.mp4", "libx264", H264, 3),
        ("open.mkv", "libx264", H264 | {"x264-params": H264["x264-params"] + ":open-gop=1"}, 3),
        ("refresh.mp4", "libx264", {"intra-refresh": "1"}, 0),
        ("a.ts", "mpeg2video", {}, 2),
        ("a.mp4", "mpeg4", {}, 2),
        ("a.avi", "mpeg4", {}, 0),
        ("a.webm", "libvpx-vp9", {}, 0),
    ],
)
def test_frames_are_the_same_from_the_middle_by_either_decoder(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kept: int,
    name: str,
    codec: str,
    options: dict[str, str],
    between: int,
):
    path = film(tmp_path / name, codec, 60, options, between=between)
    monkeypatch.setattr(frames, "_SAVED", 0.0)
    monkeypatch.setattr(container, "_KEPT", kept)
    with open_media(path) as opened:
        for wanted in ([0], [59], [24], [11, 12, 13], [5, 20, 38, 58], [23, 25]):
            assert numbers(frames._by_pyav(opened, wanted)) == wanted
            by_decord = frames._by_decord(opened, wanted)
            assert by_decord is None or numbers(by_decord) == wanted


def test_a_late_window_is_not_decoded_from_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = film(tmp_path / "a.ts", "mpeg2video", 200, between=2)
    decoded = []
    really = frames._decoded

    def counted(*how):
        for frame in really(*how):
            decoded.append(frame)
            yield frame

    monkeypatch.setattr(frames, "_decoded", counted)
    assert numbers(read_frames(path, 3, SIZE, 7.2, 7.68)) == [182, 186, 190]
    assert len(decoded) < 24


def test_one_frame_that_nobody_says_the_length_of_is_a_film(tmp_path: Path):
    path = film(tmp_path / "a.webm", "libvpx", 1)
    content = path.read_bytes()
    path.write_bytes(content.replace(struct.pack(">H", 0x4489), struct.pack(">H", 0x4488)))
    assert numbers(read_frames(path, 2, SIZE)) == [0, 0]
    assert timeline(path).video_end == pytest.approx(0.04, abs=0.01)


def test_frames_that_are_missing_from_the_middle_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = write_video(tmp_path / "a.mkv", frames=30)
    really = frames._decoded
    monkeypatch.setattr(
        frames, "_decoded", lambda *how: (pair for pair in really(*how) if not 1 < pair[0] < 2)
    )
    assert read_frames(path, 2, 32, 0, 1, "pyav").shape == (2, 32, 32, 3)
    with pytest.raises(MediaError, match=r"damaged: no frame of its video after 1\.00 s"):
        read_frames(path, 3, 32, 0.5, 2.5, "pyav")


@pytest.mark.parametrize("decoder", ["auto", "pyav"])
@pytest.mark.parametrize(
    "name",
    [
        "http:/a/a.mp4",
        "https:/a.mp4",
        "concat:a.mp4",
        "file:a.mp4",
        "pipe:0.mp4",
        "%d.mp4",
        "-.mp4",
    ],
)
def test_a_name_is_never_taken_for_an_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoder: str, name: str
):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    film(path.absolute(), "mpeg4", 5)
    monkeypatch.chdir(tmp_path)
    asked = []
    decord = pytest.importorskip("decord")
    reader = decord.VideoReader
    monkeypatch.setattr(
        decord, "VideoReader", lambda path, **how: asked.append(path) or reader(path, **how)
    )
    assert numbers(read_frames(Path(name), 1, SIZE, 0, 0.04, decoder)) == [0]
    assert asked == ([str(path)] if decoder == "auto" else [])
