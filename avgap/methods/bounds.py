"""The ranges of methods' settings, as types: what is outside is refused before training."""

from __future__ import annotations

from typing import Annotated

from avgap.settings import Within

__all__ = ["Count", "EpochNumber", "NotNegative", "Share", "Within"]

NotNegative = Annotated[float, Within(0)]
Share = Annotated[float, Within(0, 1)]
EpochNumber = Annotated[int, Within(0)]  # 0-based
Count = Annotated[int, Within(1)]
