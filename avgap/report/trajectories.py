"""Each sample through the rounds: its gap, its posterior, whether it changed sides. Pure.

A round is a moment with gaps and the mixture fitted to them: 0 after warm-up, r after adaptive
round r. A sample is imbalanced in a round where its posterior in that round's mixture is above ½.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from avgap.report.breakdown import IMBALANCED

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Seen(NamedTuple):
    """The N samples of one round: ids, gaps (N,), posteriors (N,)."""

    name: str
    id: Sequence[str]
    gap: NDArray[np.float64]
    posterior: NDArray[np.float64]


class Moves(NamedTuple):
    """From one round to the next, in samples: who left the imbalanced, came to them, or stayed."""

    name: str
    left: int
    came: int
    stayed_imbalanced: int
    stayed_balanced: int


@dataclass(frozen=True)
class Trajectories:
    """N samples through R rounds. gap, posterior: (R, N), columns in the order of id."""

    rounds: tuple[str, ...]
    id: tuple[str, ...]
    gap: NDArray[np.float64]
    posterior: NDArray[np.float64]

    @cached_property
    def imbalanced(self) -> NDArray[np.bool_]:
        """Whether a sample is imbalanced in a round, (R, N)."""
        return np.asarray(self.posterior > IMBALANCED)

    @property
    def never_moved(self) -> NDArray[np.bool_]:
        """Imbalanced in every round, (N,): candidates for bad data."""
        return np.asarray(self.imbalanced.all(axis=0))

    def moves(self) -> list[Moves]:
        """What happened between each round and the next."""
        pairs = zip(self.rounds[1:], self.imbalanced[:-1], self.imbalanced[1:], strict=True)
        return [
            Moves(name, *(int(kind.sum()) for kind in (a & ~b, ~a & b, a & b, ~a & ~b)))
            for name, a, b in pairs
        ]

    def order(self) -> NDArray[np.int64]:
        """Columns: those imbalanced in the most rounds first, then the larger mean |gap|, (N,)."""
        size = np.abs(self.gap).mean(axis=0)
        return np.lexsort((-size, -self.imbalanced.sum(axis=0))).astype(np.int64)

    def as_dict(self) -> dict[str, Any]:
        """For --json: counts, and the ids of those that never moved."""
        stuck = [self.id[i] for i in self.order() if self.never_moved[i]]
        return {
            "rounds": list(self.rounds),
            "n_samples": len(self.id),
            "imbalanced": [int(row.sum()) for row in self.imbalanced],
            "moves": [move._asdict() for move in self.moves()],
            "never_moved": stuck,
        }


def follow(seen: Sequence[Seen]) -> Trajectories | None:
    """Join rounds by id, over the samples that all of them have; None of fewer than two rounds."""
    if len(seen) < 2:
        return None
    places = [{id: i for i, id in enumerate(moment.id)} for moment in seen]
    common = [id for id in seen[0].id if all(id in place for place in places)]
    if not common:
        return None
    rows = [np.array([place[id] for id in common]) for place in places]
    gap, posterior = (
        np.stack([getattr(moment, part)[row] for moment, row in zip(seen, rows, strict=True)])
        for part in ("gap", "posterior")
    )
    return Trajectories(tuple(moment.name for moment in seen), tuple(common), gap, posterior)
