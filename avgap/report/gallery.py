"""The most imbalanced samples of a table of gaps, with their pictures from the cache."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from avgap import artifact
from avgap.artifact.gaps import Gaps
from avgap.mixture.model import Mixture
from avgap.report.pictures import HEIGHT, picture_of_spectrogram, png_uri, strip_of_frames, wav_uri

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from avgap.data.cache.reader import Cache

MANY = 12  # samples of the side with the larger gaps
FEW = 6  # of the other
WORTH = 0.1  # |gap| from which a sample is worth showing


class Pictures(NamedTuple):
    """Frames and spectrogram as PNG, sound as WAV or None; all as data URIs."""

    frames: str
    spectrogram: str
    sound: str | None


@dataclass(frozen=True)
class Clips:
    """One split of a cache, but for the arrays: ids in order, its columns of text.

    pictured: whether it has pictures (not of embeddings). small: whether its frames are smaller
    than they are shown. root: where the dataset lay, as far as the cache remembers.
    """

    path: Path
    split: str
    classes: tuple[str, ...]
    row: dict[str, int]
    meta: dict[str, list[str]]
    pictured: bool
    small: bool
    root: Path | None

    @cached_property
    def corrupt(self) -> dict[str, str]:
        """What was spoiled on purpose: id → kind, "" for nothing; empty where that is unknown."""
        return dict(zip(self.row, self.meta.get("corrupt", ()), strict=False))

    def columns(self, ids: Sequence[str]) -> dict[str, list[str]]:
        """The cache's columns for N samples, in their order; "" for a clip that it lacks."""
        rows = [self.row.get(id) for id in ids]
        return {
            name: ["" if row is None else values[row] for row in rows]
            for name, values in self.meta.items()
        }

    def source(self, name: str) -> str:
        """A media file as the dataset names it, as a path to be opened; "" stays ""."""
        if not name or self.root is None:
            return name
        # The list of a csv dataset lies beside its media, other datasets are the folder itself.
        folder = self.root.parent if self.root.suffix.lower() == ".csv" else self.root
        return os.path.normpath(folder / name)

    def pictures(self, id: str) -> Pictures:
        """What is to be seen, and heard where the cache keeps sound, of one clip."""
        row = self.row[id]
        with artifact.open_hdf5(self.path) as file:
            group = file[self.split]
            visual, audio = group["visual"][row], group["audio"][row]
            sound = wav_uri(group["sound"][row]) if "sound" in group else None
        frames, spectrogram = strip_of_frames(visual), picture_of_spectrogram(audio)
        return Pictures(png_uri(frames), png_uri(spectrogram), sound)


def clips_of(cache: Cache, split: str) -> Clips:
    """What a report needs to know of one split. Raises InputError: no such split."""
    ids, meta = cache.labels(split), cache.meta(split)
    pictured = cache.kind == "media"
    small = pictured and cache.visual_shape[1] < HEIGHT
    hint = cache.stamp.hints.get("root")
    root = None if not hint else cache.path.parent / hint
    rows = {id: row for row, id in enumerate(ids)}
    return Clips(cache.path, split, cache.classes, rows, meta, pictured, small, root)


def leading(gap: NDArray[np.float64], modality: str, most: int) -> list[int]:
    """Rows of the largest gaps in favour of a modality, at most `most`, where they are worth it."""
    signed = gap if modality == "audio" else -gap
    rows = np.argsort(-signed, kind="stable")[:most]
    return [int(row) for row in rows if signed[row] >= WORTH]


def galleries(gap: NDArray[np.float64]) -> dict[str, list[int]]:
    """Rows to show by the modality that leads in them, the one of the larger gaps first.

    MANY of the side whose largest gaps are larger on average, FEW of the other.
    """
    sides = {name: leading(gap, name, MANY) for name in ("audio", "visual")}
    size = {name: float(np.abs(gap[rows]).sum()) for name, rows in sides.items()}
    first, other = sorted(sides, key=lambda name: -size[name])
    shown = {first: sides[first], other: sides[other][:FEW]}
    return {name: rows for name, rows in shown.items() if rows}


def imbalance(gap: NDArray[np.float64], mixture: Mixture) -> NDArray[np.float64]:
    """What ranks samples, (N,): the log-odds, or |gap| where no component is imbalanced.

    The log-odds still tell samples apart where the posterior is 1 to all digits.
    """
    return np.asarray(mixture.log_odds(gap)) if mixture.leaning else np.abs(gap)


def planted_auc(table: Gaps, mixture: Mixture, clips: Clips) -> float | None:
    """ROC AUC of the posterior against the planted corruption; None where that is not known.

    Ranked by the log-odds, of which the posterior is a monotone function: see imbalance.
    """
    truth = _planted(table, clips)
    if truth is None:
        return None
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(truth, imbalance(table.gap, mixture)))


def planted_precision(table: Gaps, mixture: Mixture, clips: Clips) -> float | None:
    """Of as many samples of highest posterior as are spoiled, the share that is; None as the AUC.

    At that number precision and recall are one.
    """
    truth = _planted(table, clips)
    if truth is None:
        return None
    order = np.argsort(-imbalance(table.gap, mixture), kind="stable")
    return float(truth[order[: truth.sum()]].mean())


def _planted(table: Gaps, clips: Clips) -> NDArray[np.bool_] | None:
    """Which samples are known to be spoiled, (N,); None: unknown, or all of them, or none."""
    if table.id is None or not set(table.id) <= set(clips.corrupt):
        return None
    truth = np.array([clips.corrupt[id] != "" for id in table.id])
    return None if truth.all() or not truth.any() else truth


def samples(
    table: Gaps,
    rows: list[int],
    mixture: Mixture | None,
    clips: Clips | None,
    classes: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """What the page shows of each row: id, label, scores, posterior, predictions, pictures."""

    def name(column: NDArray[np.int64] | None, row: int) -> str | None:
        if column is None:
            return None
        index = int(column[row])
        return classes[index] if 0 <= index < len(classes) else str(index)

    def value(column: NDArray[np.float64] | None, row: int) -> float | None:
        return None if column is None else float(column[row])

    shown = []
    for row in rows:
        id = table.id[row] if table.id is not None else f"row {row + 1}"
        seen = clips is not None and clips.pictured and id in clips.row
        predictions = {
            "fused": table.fused_pred,
            "audio": table.audio_pred,
            "visual": table.visual_pred,
        }
        shown.append(
            {
                "row": row,
                "id": id,
                "label": name(table.label, row),
                "gap": float(table.gap[row]),
                "prob": {
                    "audio": value(table.audio_prob, row),
                    "visual": value(table.visual_prob, row),
                },
                "posterior": None if mixture is None else float(mixture.posterior(table.gap[row])),
                "predicted": {m: name(column, row) for m, column in predictions.items()},
                "corrupt": "" if clips is None else clips.corrupt.get(id, ""),
                "pictures": clips.pictures(id) if clips is not None and seen else None,
            }
        )
    return shown
