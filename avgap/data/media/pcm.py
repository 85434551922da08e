"""Sound files of plain samples: what the header declares, what is there, and the samples.

WAV, RF64, Wave64, AIFF, AU and CAF say how long they are before they are; what wrote them to a pipe
or was broken off never came back to say it right. Their samples are read here, whatever is said.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from avgap.data.clip import MediaError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Waveform = NDArray[np.float32]

_NOTICED = 0.01  # s; headers that count themselves, and half a sample at the end, are less
# What writers to a pipe put for "not known yet": 2³² − 1 and 2³¹ (ffmpeg, arecord), a little less
# with the header taken off, 0x7F000000 (sox). 0 is one, too, where sound follows.
_UNKNOWN = (0xFFFFFFFF, 0x80000000, 0x7F000000)
_NEAR = 8192  # bytes, of a header and more
_FOUR_GIB = 1 << 32  # where sizes of 32 bits begin again
_LEAST_UNKNOWN = 1 << 62  # of sizes of 64 bits
_TAGS = (b"TAG", b"ID3", b"APETAGEX", b"LYRICS", b"3DI")  # what players put behind the sound
_CHUNKS = 64 << 10  # bytes of a file's beginning within which its sound begins


@dataclass(frozen=True)
class Pcm:
    """Where the samples of a file lie.

    kind: numpy's type of one, "" where they are compressed. offset: bytes before them. width: bytes
    of one moment, all channels. there: bytes of them in the file; declared: by the header, None
    where it says nothing; more: bytes behind the declared ones that look like sound, too.
    """

    path: Path
    kind: str
    rate: int
    channels: int
    offset: int
    width: int
    there: int
    declared: int | None
    more: int = 0

    @property
    def frames(self) -> int:
        """Samples per channel that are there and meant."""
        return min(self.there, self.there if self.declared is None else self.declared) // self.width

    def check(self, end: float | None) -> None:
        """Raise MediaError: less is there than declared, or more, before the end (s) or at all."""
        second = self.width * self.rate
        if self.declared is not None and self.declared - self.there > _NOTICED * second:
            have, said = self.there / second, self.declared / second
            raise MediaError(f"cut short: {have:.2f} s of the {said:.2f} s it declares")
        if self.more > _NOTICED * second and (end is None or end > self.frames / self.rate):
            said, have = self.frames / self.rate, self.more / second
            raise MediaError(
                f"its header declares {said:.2f} s of sound, and {have:.2f} s more follow it: "
                "write it anew (sox --ignore-length reads it all)"
            )

    def read(self, first: int, count: int) -> Waveform:
        """The mean over the channels of count samples from the first on, (samples,) in [−1, 1]."""
        count = max(0, min(count, self.frames - first))
        with self.path.open("rb") as file:
            file.seek(self.offset + first * self.width)
            data = file.read(count * self.width)
        values = _as_float(data, self.kind).reshape(-1, self.channels)
        mono: Waveform = values.mean(axis=1, dtype=np.float32)
        return mono


def read_header(path: Path) -> Pcm | None:
    """What a file of plain or lightly compressed samples declares; None of any other file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_CHUNKS)
        for magic, read in _FORMATS.items():
            if head.startswith(magic):
                try:
                    found = read(path, head, size, file)
                except (struct.error, KeyError, ValueError, ZeroDivisionError, OverflowError):
                    return None
                # Some writers to a pipe begin anew where the sound should.
                anew = found is not None and head[found.offset :].startswith(magic)
                return None if anew else found
    return None


# ---------------------------------------------------------------- formats


def _riff(path: Path, head: bytes, size: int, file: BinaryIO) -> Pcm | None:
    """WAV, and RF64 whose true size is in its first chunk."""
    if head[8:12] != b"WAVE":
        return None
    layout: tuple[str, int, int, int] | None = None
    whole: int | None = None
    for name, at, length in _chunks(head, 12, "<4sI", even=2):
        if name == b"ds64":
            whole = int(struct.unpack_from("<Q", head, at + 8)[0])
        elif name == b"fmt ":
            layout = _wave_format(head, at, length)
        elif name == b"data" and layout is not None:
            declared = whole if length == 0xFFFFFFFF and whole is not None else length
            return _pcm(path, layout, at, size, declared, file, "<4sI", even=2)
    return None


def _wave64(path: Path, head: bytes, size: int, file: BinaryIO) -> Pcm | None:
    layout = None
    for name, at, length in _chunks(head, 40, "<16sQ", even=8):
        if name[:4] == b"fmt ":
            layout = _wave_format(head, at, length)
        elif name[:4] == b"data" and layout is not None:
            return _pcm(path, layout, at, size, length, file, "<16sQ", even=8)
    return None


def _aiff(path: Path, head: bytes, size: int, file: BinaryIO) -> Pcm | None:
    layout: tuple[str, int, int, int] | None = None
    frames = 0
    for name, at, length in _chunks(head, 12, ">4sI", even=2):
        if name == b"COMM":
            channels, frames, bits, exponent, mantissa = struct.unpack_from(">hIhHQ", head, at)
            kind = head[at + 18 : at + 22] if head[8:12] == b"AIFC" else b"NONE"
            width = channels * -(-bits // 8)
            code = f"i{-(-bits // 8)}" if kind in (b"NONE", b"twos", b"sowt") else _AIFC.get(kind)
            little = kind == b"sowt"
            rate = round(mantissa * 2.0 ** (exponent - 16383 - 63))
            layout = (f"{'<' if little else '>'}{code}" if code else "", rate, channels, width)
        elif name == b"SSND" and layout is not None:
            skipped = 8 + int(struct.unpack_from(">I", head, at)[0])
            # Either of the two lengths may be the one that was never filled in.
            declared = length - skipped if length > skipped else frames * layout[3]
            return _pcm(path, layout, at + skipped, size, declared, file, ">4sI", even=2)
    return None


def _au(path: Path, head: bytes, size: int, file: BinaryIO) -> Pcm | None:
    offset, declared, code, rate, channels = struct.unpack_from(">5I", head, 4)
    kind, width = _AU.get(code, ("", 1))
    return _pcm(path, (kind, rate, channels, width * channels), offset, size, declared, file)


def _caf(path: Path, head: bytes, size: int, file: BinaryIO) -> Pcm | None:
    layout = None
    for name, at, length in _chunks(head, 8, ">4sQ"):
        if name == b"desc":
            rate, codec, flags, width, per_packet, channels, bits = struct.unpack_from(
                ">d4s5I", head, at
            )
            if not width or per_packet != 1:
                return None
            order, number = "<" if flags & 2 else ">", "f" if flags & 1 else "i"
            kind = f"{order}{number}{-(-bits // 8)}" if codec == b"lpcm" else ""
            layout = kind, round(rate), channels, width
        elif name == b"data" and layout is not None:
            declared = length - 4 if 4 <= length < _LEAST_UNKNOWN else 0
            return _pcm(path, layout, at + 4, size, declared, file, ">4sQ")
    return None


_FORMATS = {
    b"RIFF": _riff,
    b"RF64": _riff,
    b"BW64": _riff,
    b"riff\x2e\x91\xcf\x11": _wave64,
    b"FORM": _aiff,
    b".snd": _au,
    b"caff": _caf,
}
_AIFC = {b"fl32": "f4", b"FL32": "f4", b"fl64": "f8", b"FL64": "f8", b"in24": "i3", b"in32": "i4"}
_AU = {2: (">i1", 1), 3: (">i2", 2), 4: (">i3", 3), 5: (">i4", 4), 6: (">f4", 4), 7: (">f8", 8)}
_READ = {"u1", "i1", "i2", "i3", "i4", "f4", "f8"}


def _wave_format(head: bytes, at: int, length: int) -> tuple[str, int, int, int]:
    tag, channels, rate, _, width, bits = struct.unpack_from("<HHIIHH", head, at)
    if tag == 0xFFFE and length >= 26:
        tag = struct.unpack_from("<H", head, at + 24)[0]
    size = -(-bits // 8)
    kind = {1: "u1" if size == 1 else f"i{size}", 3: f"f{size}"}.get(tag, "")
    return f"<{kind}" if kind else "", rate, channels, width


# ---------------------------------------------------------------- parts of them


def _chunks(head: bytes, at: int, form: str, even: int = 1) -> Iterator[tuple[bytes, int, int]]:
    """Name, first byte and length of each chunk that begins in the head, those after the sound."""
    before = struct.calcsize(form)
    inclusive = before if form == "<16sQ" else 0  # Wave64 counts a chunk's own head, too
    while at + before <= len(head):
        name, length = struct.unpack_from(form, head, at)
        length = max(0, length - inclusive)
        at += before
        yield name, at, length
        at += -(-length // even) * even


def _pcm(
    path: Path,
    layout: tuple[str, int, int, int],
    offset: int,
    size: int,
    declared: int,
    file: BinaryIO,
    form: str = "",
    even: int = 1,
) -> Pcm | None:
    """Compare the declared length with the file's size. None where the header makes no sense."""
    kind, rate, channels, width = layout
    if rate <= 0 or channels <= 0 or width <= 0:
        return None
    if kind and (kind[1:] not in _READ or width != channels * int(kind[-1])):
        kind = ""
    there = max(0, size - offset)
    near = any(abs(declared - sign) <= _NEAR for sign in _UNKNOWN)
    unknown = declared == 0 or declared >= _LEAST_UNKNOWN or (near and declared > there)
    wrapped = there >= _FOUR_GIB and form.endswith("I") and (there - declared) % _FOUR_GIB < _NEAR
    if unknown or wrapped:
        return Pcm(path, kind, rate, channels, offset, width, there, None)
    more = 0
    if declared < there:
        end = offset + -(-declared // even) * even
        file.seek(end)
        more = 0 if _is_no_sound(file.read(_CHUNKS), size - end, form) else size - end
    return Pcm(path, kind, rate, channels, offset, width, there, declared, more)


def _is_no_sound(rest: bytes, size: int, form: str) -> bool:
    """Whether what follows the declared sound is another chunk, a tag, or filled up with zeros."""
    if not rest.strip(b"\0") or rest.startswith(_TAGS):
        return True
    if not form or len(rest) < struct.calcsize(form):
        return False
    name, length = struct.unpack_from(form, rest)
    return bool(name[:4].isascii() and name[:4].decode().isprintable() and length <= size)


def _as_float(data: bytes, kind: str) -> NDArray[np.float32]:
    """Samples as float32 in [−1, 1], as libsndfile gives them."""
    if kind[1:] == "i3":
        # The three bytes become the upper ones of four.
        bytes3 = np.frombuffer(data, np.uint8).reshape(-1, 3)
        wide = np.zeros((len(bytes3), 4), np.uint8)
        wide[:, 1:] = bytes3 if kind[0] == "<" else bytes3[:, ::-1]
        return wide.view("<i4")[:, 0].astype(np.float32) / np.float32(1 << 31)
    values = np.frombuffer(data, kind)
    if kind[1] == "f":
        return values.astype(np.float32)
    if kind[1] == "u":
        return (values.astype(np.float32) - 128) / np.float32(128)
    return values.astype(np.float32) / np.float32(1 << (8 * int(kind[2]) - 1))
