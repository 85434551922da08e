"""A folder of pictures instead of a video."""

from __future__ import annotations

import numpy as np
import pytest
from media import frame_numbers, grey
from PIL import Image

from avgap.data.clip import MediaError
from avgap.data.media.frames import read_frames
from avgap.data.media.pictures import picture_files, shown_at


def write_pictures(folder, count, step=1):
    folder.mkdir(parents=True)
    for number in range(count):
        picture = np.full((12, 16, 3), grey(number), np.uint8)
        Image.fromarray(picture).save(folder / f"{number * step}.png")
    return folder


def test_pictures_are_ordered_by_number_and_shown_at_the_rate_of_the_folders_name(tmp_path):
    folder = write_pictures(tmp_path / "Image-05-FPS" / "c1", 12)
    assert [path.name for path in picture_files(folder)][:3] == ["0.png", "1.png", "2.png"]
    times, end = shown_at(folder, 12)
    assert (times[1], end) == (0.2, 2.4)
    assert shown_at(write_pictures(tmp_path / "frames" / "c1", 3), 3)[1] == 3.0


def test_frames_are_chosen_as_from_a_video(tmp_path):
    folder = write_pictures(tmp_path / "Image-10-FPS" / "c1", 12, step=3)
    assert frame_numbers(read_frames(folder, 3, 8)) == [2, 6, 10]
    assert frame_numbers(read_frames(folder, 2, 8, start=0.2, end=0.6)) == [3, 5]
    assert frame_numbers(read_frames(folder, 2, 8, sampling="first")) == [0, 1]
    assert read_frames(folder, 3, 8).shape == (3, 8, 8, 3)


def test_damaged_and_missing_pictures_are_told(tmp_path):
    folder = write_pictures(tmp_path / "f" / "c1", 1)
    (folder / "0.png").write_bytes(b"no picture")
    with pytest.raises(MediaError, match=r"0\.png is damaged"):
        read_frames(folder, 1, 8)
    (folder / "0.png").unlink()
    with pytest.raises(MediaError, match="a folder without pictures"):
        read_frames(folder, 1, 8)


RAMP = np.linspace(0, 255, 16)  # what every mode is to show, from black to white


def as_mode(mode: str) -> Image.Image:
    """The ramp, 16 pixels high, as a picture of a mode."""
    grey = np.rint(RAMP).astype(np.uint8)[None].repeat(16, axis=0)
    plain = Image.fromarray(grey)
    if mode == "I;16":
        return Image.fromarray(np.rint(RAMP * 257).astype(np.uint16)[None].repeat(16, axis=0))
    if mode == "F":
        return Image.fromarray((RAMP / 255).astype(np.float32)[None].repeat(16, axis=0))
    if mode == "1":
        return Image.fromarray(grey > 127)
    if mode in ("LA", "RGBA"):
        image = plain.convert(mode)
        image.putalpha(Image.fromarray(grey[:, ::-1].copy()))
        return image
    if mode == "P+alpha":
        image = plain.convert("P")
        image.info["transparency"] = bytes(range(0, 256))
        return image
    return plain.convert(mode)


@pytest.mark.parametrize(
    ("mode", "ending"),
    [
        *(("I;16", ending) for ending in ("png", "tif")),
        *(("F", ending) for ending in ("tif",)),
        *(("1", ending) for ending in ("png", "tif", "bmp")),
        *(("L", ending) for ending in ("png", "tif", "bmp", "jpg", "webp")),
        *((mode, "png") for mode in ("LA", "RGBA", "P", "P+alpha", "RGB")),
        *(("CMYK", ending) for ending in ("jpg", "tif")),
    ],
)
def test_every_kind_of_pixel_shows_what_is_meant(tmp_path, mode, ending):
    as_mode(mode).save(tmp_path / f"0.{ending}", quality=95)
    shown = read_frames(tmp_path, 1, 16)[0]
    right = np.where(RAMP > 127, 255.0, 0.0) if mode == "1" else RAMP
    assert shown.shape == (16, 16, 3)
    # JPEG and WebP round; CMYK of a grey has no black of its own.
    assert np.abs(shown.astype(float) - right[None, :, None]).max() < (1 if ending == "png" else 6)


def test_sixteen_bits_of_colour_lose_their_lower_eight(tmp_path):
    # A PNG by hand: 2×1 px of 16-bit RGB, 0x8000 and 0x00FF of each colour.
    import struct
    import zlib

    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    row = b"\0" + b"\x80\x00" * 3 + b"\x00\xff" * 3
    content = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")
    (tmp_path / "0.png").write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    from avgap.data.media.pictures import read_pictures

    (found,) = read_pictures([tmp_path / "0.png"])
    assert np.abs(found[0].astype(int) - [[128] * 3, [1] * 3]).max() <= 1


@pytest.mark.parametrize("values", [[-0.5, 1.0], [0.0, 255.0], [0.0, float("nan")]])
def test_values_of_which_nobody_knows_what_is_white_are_told(tmp_path, values):
    Image.fromarray(np.array([values], np.float32)).save(tmp_path / "0.tif")
    with pytest.raises(
        MediaError, match=r"0\.tif: its values go from .* nothing says what is white"
    ):
        read_frames(tmp_path, 1, 8)


def test_what_lies_beside_the_frames_is_no_frame(tmp_path):
    folder = write_pictures(tmp_path / "f" / "c1", 3)
    for name in ("0.webp", "1.tif", "9.bmp"):
        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(folder / name)
    assert [path.name for path in picture_files(folder)] == ["0.png", "1.png", "2.png"]
