"""Films and pictures that are stored turned or mirrored, in all eight ways."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from media import read_frames, write_video
from PIL import Image

from avgap.data.media.frames import read_frames as read_pictures

# EXIF's eight orientations, with the display matrix (a, b, c, d) of the same. What is to be seen of
# a stored picture: the words of the EXIF standard, and what ffmpeg 5.1 and 7 show.
SEEN = {
    1: ((1, 0, 0, 1), lambda p: p),
    2: ((-1, 0, 0, 1), lambda p: p[:, ::-1]),
    3: ((-1, 0, 0, -1), lambda p: p[::-1, ::-1]),
    4: ((1, 0, 0, -1), lambda p: p[::-1]),
    5: ((0, 1, 1, 0), lambda p: p.swapaxes(0, 1)),
    6: ((0, 1, -1, 0), lambda p: np.rot90(p, -1)),
    7: ((0, -1, -1, 0), lambda p: np.rot90(p, 2).swapaxes(0, 1)),
    8: ((0, -1, 1, 0), lambda p: np.rot90(p)),
}


def quarters(height: int, width: int) -> np.ndarray:
    """Four greys, so that no turn looks like another."""
    rows = np.repeat([[20, 90], [160, 230]], height // 2, axis=0)
    return np.repeat(np.repeat(rows, width // 2, axis=1)[..., None], 3, axis=2).astype(np.uint8)


def with_matrix(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """A film's header with another display matrix, in 16.16 fixed point."""
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 4 + 40
    a, b, c, d = (value << 16 for value in matrix)
    content[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("decoder", ["auto", "pyav"])
@pytest.mark.parametrize("number", SEEN)
def test_a_film_is_seen_as_its_matrix_says(tmp_path: Path, number: int, decoder: str):
    matrix, seen = SEEN[number]
    path = write_video(tmp_path / "a.mp4", frames=3, size=(96, 64), picture=quarters(64, 96))
    with_matrix(path, matrix)
    shown = read_frames(path, 1, 32, decoder=decoder)[0].astype(int)
    assert np.abs(shown - seen(quarters(32, 32)).astype(int)).mean() < 6


@pytest.mark.parametrize("ending", ["jpg", "png", "tif"])
@pytest.mark.parametrize("number", SEEN)
def test_a_picture_is_seen_as_its_exif_says(tmp_path: Path, number: int, ending: str):
    exif = Image.Exif()
    exif[0x0112] = number
    Image.fromarray(quarters(64, 96)).save(tmp_path / f"a.{ending}", exif=exif)
    shown = read_pictures(tmp_path, 1, 32)[0].astype(int)
    assert np.abs(shown - SEEN[number][1](quarters(32, 32)).astype(int)).mean() < 6
