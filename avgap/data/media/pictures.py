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

PICTURES = (".jpg", ".jpeg", ".png")
_RATE = re.compile(r"(\d+)-?fps", re.IGNORECASE)


def picture_files(folder: Path) -> list[Path]:
    """The pictures of a folder in the order of their names, numbers by value."""
    names = (path.name for path in folder.iterdir() if path.suffix.lower() in PICTURES)
    return [folder / name for name in natural_order(names)]


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
    """Pictures as (H, W, 3) RGB. Raises MediaError: one that is damaged."""
    from PIL import Image

    found = []
    for file in files:
        try:
            with Image.open(file) as image:
                found.append(np.asarray(image.convert("RGB")))
        except (OSError, ValueError, SyntaxError) as error:
            raise MediaError(f"{file.name} is damaged ({error})") from error
    return found
