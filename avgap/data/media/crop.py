"""The part of a picture that is kept: a box in pixels of the picture as it is shown."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from avgap.data.clip import MediaError
from avgap.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]


class Box(NamedTuple):
    """x, y: its upper left corner from the picture's, px; width, height: its size, px."""

    x: int
    y: int
    width: int
    height: int


def parse(text: str) -> Box:
    """Read X,Y,WIDTH,HEIGHT, as in 72,136,88,76. Raises UsageError with all that is wrong."""
    cells = text.split(",")
    if len(cells) != len(Box._fields):
        lines = ["expected X,Y,WIDTH,HEIGHT: whole numbers of px from the upper left"]
        raise UsageError(f"{text!r} is no box", lines, "--crop 72,136,88,76")
    box, problems = read(dict(zip(Box._fields, cells, strict=True)))
    if box is None:
        raise UsageError(f"{text!r} is no box", problems)
    return box


def read(cells: dict[str, str]) -> tuple[Box | None, list[str]]:
    """The box that x, y, width and height name, or None and everything that is wrong with them.

    A size is at least 1, a corner at least 0; 72.0 is a whole number, too.
    """
    values, problems = [], []
    for name in Box._fields:
        least = 1 if name in ("width", "height") else 0
        value = _whole(cells[name])
        if value is None:
            problems.append(f"{name} is {cells[name].strip()!r}, not a whole number of pixels")
        elif value < least:
            problems.append(f"{name} is {value}, below {least}")
        else:
            values.append(value)
    return (None if problems else Box(*values)), problems


def cut(picture: Picture, box: Box | None) -> Picture:
    """The box of a picture (H, W, 3), as (height, width, 3); without a box all of it.

    Raises MediaError: the box reaches out of the picture.
    """
    if box is None:
        return picture
    height, width = picture.shape[:2]
    if box.x + box.width > width or box.y + box.height > height:
        raise MediaError(
            f"its picture has {width}×{height} px, and the box to crop ends at "
            f"{box.x + box.width},{box.y + box.height}"
        )
    return picture[box.y : box.y + box.height, box.x : box.x + box.width]


def _whole(text: str) -> int | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return int(value) if math.isfinite(value) and value.is_integer() else None
