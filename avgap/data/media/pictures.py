"""Frames that somebody extracted already: a folder of pictures instead of a video."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from avgap.data.clip import MediaError
from avgap.text import natural_order

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

# A folder's pictures are those of its first kind here: thumbnails and sources lie beside frames.
KINDS = ((".jpg", ".jpeg", ".png"), (".bmp",), (".tif", ".tiff"), (".webp",))
PICTURES = tuple(ending for kind in KINDS for ending in kind)
_RATE = re.compile(r"(\d+)-?fps", re.IGNORECASE)


def picture_files(folder: Path) -> list[Path]:
    """The pictures of a folder in the order of their names, numbers by value."""
    paths = list(folder.iterdir())
    for kind in KINDS:
        names = [path.name for path in paths if path.suffix.lower() in kind]
        if names:
            return [folder / name for name in natural_order(names)]
    return []


def shown_at(folder: Path, count: int) -> tuple[NDArray[np.float64], float]:
    """When each of the pictures is shown, and when the last one ends, s.

    Evenly, at the rate in the name of the folder around theirs: Image-01-FPS/1001_DFA_ANG_XX/ holds
    one per second (OGM-GE's extraction); without a rate in the name it is one per second, too.
    Raises MediaError: no pictures.
    """
    if not count:
        raise MediaError("a folder without pictures")
    match = _RATE.search(folder.parent.name)
    rate = max(1, int(match[1])) if match else 1
    return np.arange(count) / rate, count / rate


def read_pictures(files: Iterable[Path]) -> list[NDArray[np.uint8]]:
    """Pictures as (H, W, 3) RGB, upright. Raises MediaError: damaged, values of unknown range."""
    from PIL import Image, ImageOps

    found = []
    for file in files:
        try:
            with Image.open(file) as image:
                image.load()
                found.append(_as_rgb(ImageOps.exif_transpose(image)))
        except MediaError as error:
            raise MediaError(f"{file.name}: {error}") from error
        except (OSError, ValueError, SyntaxError) as error:
            raise MediaError(f"{file.name} is damaged ({error})") from error
    return found


def _as_rgb(image: Image.Image) -> NDArray[np.uint8]:
    """A picture of any mode as (H, W, 3), transparency left out.

    Pillow cuts off what lies above 255; 16 bits and fractions are brought to 8 here.
    """
    if image.mode not in ("F", "I") and not image.mode.startswith("I;16"):
        if "transparency" in image.info:
            image.info.pop("transparency")
        return np.asarray(image.convert("RGB"))
    values = np.asarray(image).astype(np.float64)
    low, high = values.min(), values.max()
    most = 1.0 if image.mode == "F" else 65535.0
    if not 0 <= low <= high <= most:
        raise MediaError(
            f"its values go from {low:g} to {high:g}, and nothing says what is white: "
            "save it with 8 or 16 bits"
        )
    grey = np.rint(values * (255 / most)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
