"""The header in which an MP3's encoder counts its frames, where it wrote one."""

from __future__ import annotations

from pathlib import Path

_MPEG_1 = 3
_MONO = 3
_SIDE = {(True, False): 32, (True, True): 17, (False, False): 17, (False, True): 9}  # bytes


def counted_frames(path: Path) -> int | None:
    """How many frames of sound the Xing (or Info) header of an MP3 counts; None without one.

    It stands in the first frame, which is silent, behind tags and the frame's side information.
    """
    with path.open("rb") as file:
        start = 0
        while (tag := file.read(10))[:3] == b"ID3":
            size = sum(
                (byte & 127) << shift for byte, shift in zip(tag[6:], (21, 14, 7, 0), strict=True)
            )
            start = file.seek(start + 10 + size)
        file.seek(start)
        data = file.read(64)
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE0 != 0xE0:
        return None
    at = 4 + _SIDE[data[1] >> 3 & 3 == _MPEG_1, data[3] >> 6 == _MONO]
    has_count = data[at : at + 4] in (b"Xing", b"Info") and data[at + 7] & 1
    return int.from_bytes(data[at + 8 : at + 12], "big") if has_count else None
