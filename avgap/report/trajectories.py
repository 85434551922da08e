"""Each sample through the rounds: its gap, its posterior, whether it changed sides. Pure.

A round is a moment with gaps and the mixture fitted to them: 0 after warm-up, r after adaptive
round r. Every round is counted by one fixed rule, for the mixtures of two rounds call the same gap
differently: a sample is imbalanced where its posterior in one mixture is above ½, or, without a
mixture that is supported, where |gap| is above ½. Its side is then the sign of its gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from avgap.mixture.plain import BEYOND
from avgap.report.breakdown import IMBALANCED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from avgap.mixture.model import Mixture


class Seen(NamedTuple):
    """The N samples of one round: ids, gaps (N,), posteriors in the round's own mixture (N,)."""

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
    """N samples through R rounds. gap, posterior: (R, N), columns in the order of id.

    mixture: the one by which every round is counted; None: by |gap|.
    """

    rounds: tuple[str, ...]
    id: tuple[str, ...]
    gap: NDArray[np.float64]
    posterior: NDArray[np.float64]
    mixture: Mixture | None = None

    @cached_property
    def imbalanced(self) -> NDArray[np.bool_]:
        """Whether a sample is imbalanced in a round, by the fixed rule, (R, N)."""
        return np.asarray(called_imbalanced(self.gap, self.mixture))

    @property
    def side(self) -> NDArray[np.int64]:
        """Who leads in an imbalanced sample: 1 audio, −1 visual; 0 in others, (R, N)."""
        return np.asarray(np.sign(self.gap) * self.imbalanced, np.int64)

    @property
    def never_moved(self) -> NDArray[np.bool_]:
        """Imbalanced in every round, and to the same side, (N,): candidates for bad data."""
        return np.asarray((self.side == self.side[0]).all(axis=0) & self.imbalanced[0])

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
            "counted_by": "|gap|" if self.mixture is None else self.mixture.as_dict(),
            "imbalanced": [int(row.sum()) for row in self.imbalanced],
            "imbalanced_by_own": [int((row > IMBALANCED).sum()) for row in self.posterior],
            "moves": [move._asdict() for move in self.moves()],
            "never_moved": stuck,
        }


def called_imbalanced(gap: NDArray[np.float64], mixture: Mixture | None) -> NDArray[np.bool_]:
    """Which gaps are imbalanced: posterior above ½, or, without a mixture, |gap| above ½."""
    if mixture is None:
        return np.asarray(np.abs(gap) > BEYOND)
    return np.asarray(mixture.posterior(gap) > IMBALANCED)


def follow(seen: Sequence[Seen], mixture: Mixture | None = None) -> Trajectories | None:
    """Join rounds by id, over the samples that all of them have; None of fewer than two rounds.

    mixture: by which all of them are counted; None: by |gap|.
    """
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
    names = tuple(moment.name for moment in seen)
    return Trajectories(names, tuple(common), gap, posterior, mixture)
