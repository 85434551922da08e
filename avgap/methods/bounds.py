"""The ranges of methods' settings, as types: what is outside is refused before training."""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple


class Within(NamedTuple):
    """From the least to the most, both included."""

    least: float
    most: float = math.inf

    def __str__(self) -> str:
        return f"from {self.least:g}" + (f" to {self.most:g}" if self.most < math.inf else "")


NotNegative = Annotated[float, Within(0)]
Share = Annotated[float, Within(0, 1)]
EpochNumber = Annotated[int, Within(0)]  # 0-based
Count = Annotated[int, Within(1)]
