"""What is known of a training split's samples before training: each one's own gap in a table.

Held out, such gaps say what a network makes of a sample that it has not learned by heart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from avgap.artifact.gaps import Gaps, read_gaps
from avgap.artifact.gmm import GmmFile
from avgap.artifact.scores import true_class_prob
from avgap.data.cache.reader import Cache
from avgap.errors import InputError
from avgap.methods.imbalance import Imbalance
from avgap.mixture.mendable import Mendable, abstaining, mendable
from avgap.mixture.model import Mixture

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SHOWN = 5  # ids of each kind of problem


class Scores(NamedTuple):
    """Each modality's score of the true class, (N,) in [0, 1]. Eq. 4."""

    audio: NDArray[np.float64]
    visual: NDArray[np.float64]
    fused: NDArray[np.float64]


@dataclass(frozen=True)
class Posteriors:
    """The gaps of a cache's N training samples, in its order, and what follows with a mixture.

    digest: of the table as it lies at path. n_classes: M.
    """

    path: Path
    digest: str
    table: Gaps
    n_classes: int

    def expect_mixture(self, gmm: GmmFile, path: Path) -> None:
        """Raise InputError unless the mixture was fitted on this table, alone or among others."""
        inputs = gmm.stamp.inputs.items()
        if not any(digest == self.digest for name, digest in inputs if name.startswith("gaps")):
            raise InputError(
                f"{path} is a mixture of other gaps than {self.path}",
                hint=f"avgap fitgmm {self.path} -o gmm.json, or without --gmm",
            )

    def scores(self) -> Scores:
        """Scores of the true class. Raises InputError where the table does not hold all three."""
        audio, visual, fused = self.table.audio_prob, self.table.visual_prob, fused_prob(self.table)
        if audio is not None and visual is not None and fused is not None:
            return Scores(audio, visual, fused)
        what = "no logits: nothing tells whether the weaker modality helps the fused output"
        if audio is None or visual is None:
            what = "no audio_prob and visual_prob: nothing tells how weak the weaker modality is"
        raise InputError(
            f"{self.path} has {what}", hint="a .h5 made with --logits, or --loss abstain or push"
        )

    def mendable(self, mixture: Mixture) -> Mendable:
        """Whether imbalance can be mended. Raises InputError as scores."""
        return mendable(*self.scores(), mixture.posterior(self.table.gap), self.n_classes)

    def imbalance(
        self, mixture: Mixture, device: torch.device, found: Mendable | None = None
    ) -> Imbalance:
        """Of every sample, (N,) on the device. found: what decides who abstains, where wanted."""
        gap, chosen = self.table.gap, None
        if found is not None:
            audio, visual, _ = self.scores()
            who = abstaining(audio, visual, found, self.n_classes)
            chosen = torch.from_numpy(who).to(device)
        return Imbalance(
            torch.from_numpy(mixture.posterior(gap).astype(np.float32)).to(device),
            torch.from_numpy(gap < 0).to(device),
            chosen,
        )


def read_posteriors(path: Path, cache: Cache) -> Posteriors:
    """The table at path for the cache's training split.

    Raises InputError: as read_gaps; gaps of another cache; no ids, or not those of the split.
    """
    table = read_gaps(path)
    digest = table.digest() if table.stamp is None else table.stamp.digest
    theirs = None if table.stamp is None else table.stamp.inputs.get("cache")
    again = f"avgap crossfit {cache.path} -o DIR"
    if theirs not in (None, cache.stamp.digest):
        raise InputError(
            f"{path} holds gaps of another cache",
            [
                f"{path.name}  gaps of cache {theirs[:6]}… ({len(table)} samples)",
                f"{cache.path.name}  cache {cache.stamp.digest[:6]}… "
                f"({cache.dataset}, {cache.sizes['train']} training samples)",
            ],
            again,
        )
    if table.id is None:
        what = f"{path} has no ids, so nothing says which gap is whose"
        raise InputError(what, hint=f"a column id, or {again}")
    ids = list(cache.labels("train"))
    problems = _disagreements(table.id, ids)
    if problems:
        what = f"{path} does not hold the training split of {cache.path}, sample by sample"
        raise InputError(what, problems, again)
    return Posteriors(path, digest, _in_order(table, table.id, ids), len(cache.classes))


def fused_prob(table: Gaps) -> NDArray[np.float64] | None:
    """The fused score of the true class, (N,), from a table's logits; None without them."""
    logits = table.fused_logits
    if logits is None and table.audio_logits is not None and table.visual_logits is not None:
        logits = table.audio_logits + table.visual_logits
    if logits is None or table.label is None:
        return None
    return true_class_prob(logits, table.label)


def _disagreements(there: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """How the ids of a table and those of a split differ, a line for each kind."""
    held, split = set(there), set(wanted)
    kinds = {
        "training samples are missing": [id for id in wanted if id not in held],
        "of its samples are not in the training split": [i for i in held if i not in split],
        "of its samples stand more than once": [i for i, n in Counter(there).items() if n > 1],
    }
    return [
        f"{len(ids):,} {what}: {', '.join(ids[:_SHOWN])}{' …' * (len(ids) > _SHOWN)}"
        for what, ids in kinds.items()
        if ids
    ]


def _in_order(table: Gaps, there: Sequence[str], wanted: Sequence[str]) -> Gaps:
    """The rows of a table in the order of the ids wanted."""
    row = {id: number for number, id in enumerate(there)}
    rows = np.array([row[id] for id in wanted])
    arrays = {
        field.name: getattr(table, field.name)[rows]
        for field in fields(Gaps)
        if isinstance(getattr(table, field.name), np.ndarray)
    }
    return replace(table, id=list(wanted), **arrays)
