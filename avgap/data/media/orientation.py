"""How a stored picture is to be turned or mirrored to be seen as it was taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]


class Orientation(NamedTuple):
    """First swapped, rows for columns; then mirrored from left to right, and upside down."""

    swapped: bool = False
    mirrored: bool = False
    upside_down: bool = False


UPRIGHT = Orientation()


def of_frame(frame: Any) -> Orientation:
    """What a frame's display matrix asks for.

    A matrix, not an angle: a point (x, y) is seen at (ax + cy, bx + dy), so that its larger entries
    tell whether x and y change places, and their signs what is mirrored.
    """
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return UPRIGHT
    a, b, _, c, d = np.frombuffer(bytes(data), "<i4")[:5].tolist()
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Orientation(True, c < 0, b < 0)
    return Orientation(False, a < 0, d < 0)


def turned(picture: Picture, how: Orientation) -> Picture:
    """A picture (H, W, 3) as it is to be seen."""
    if how.swapped:
        picture = picture.swapaxes(0, 1)
    return picture[:: -1 if how.upside_down else 1, :: -1 if how.mirrored else 1]
