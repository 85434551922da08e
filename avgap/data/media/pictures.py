"""Frames that somebody extracted already: a folder of pictures instead of a video."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from avgap.data.clip import MediaError
from avgap.data.datasets.folder import PICTURES
from avgap.data.media.container import Timeline
from avgap.text import natural_order

if TYPE_CHECKING:
    from numpy.typing import NDArray

_RATE = re.compile(r"(\d+)-?fps", re.IGNORECASE)


def picture_files(folder: Path) -> list[Path]:
    """The pictures of a folder in the order of their names, numbers by value."""
    names = (path.name for path in folder.iterdir() if path.suffix.lower() in PICTURES)
    return [folder / name for name in natural_order(names)]


def timeline_of(folder: Path) -> Timeline:
    """When each picture is shown: evenly, at the rate in the name of the folder around it.

    Image-01-FPS/1001_DFA_ANG_XX/ holds one per second (OGM-GE's extraction); without a rate in the
    name it is one per second, too. Raises MediaError: no pictures.
    """
    count = len(picture_files(folder))
    if not count:
        raise MediaError("a folder without pictures")
    match = _RATE.search(folder.parent.name)
    rate = max(1, int(match[1])) if match else 1
    times = np.arange(count) / rate
    return Timeline("pictures", times, times, count / rate, None, 0.0, "", "")


def read_pictures(folder: Path, indices: list[int]) -> list[NDArray[np.uint8]]:
    """The pictures at these places as (H, W, 3) RGB. Raises MediaError: one that is damaged."""
    from PIL import Image

    files = picture_files(folder)
    found = []
    for index in indices:
        try:
            with Image.open(files[index]) as image:
                found.append(np.asarray(image.convert("RGB")))
        except (OSError, ValueError, SyntaxError) as error:
            raise MediaError(f"{files[index].name} is damaged ({error})") from error
    return found
