"""What a checkpoint is, told before it is used: whether it is complete, and what it has seen."""

from __future__ import annotations

from pathlib import Path

from avgap import console
from avgap.artifact.checkpoint import BEST, Checkpoint, read_plain
from avgap.data.cache.reader import Cache, open_cache
from avgap.errors import InputError
from avgap.text import shorten

_SHOWN = 3


def tell_origin(checkpoint: Checkpoint, path: Path, cache: Cache, split: str) -> None:
    """Warn of what is wrong with measuring a split of a cache by a checkpoint."""
    if _is_unfinished(checkpoint, path):
        console.warn(
            f"{path} is not complete: its training was broken off, or goes on. "
            "The command that began it continues it"
        )
    if checkpoint.stamp.inputs.get("cache") == cache.stamp.digest:
        return
    console.warn(f"{path} was trained on another cache than {cache.path}")
    trained = _trained_on(checkpoint, path)
    if trained is None:
        console.warn(
            f"its cache is not where it was: whether it has trained on clips of {split} here "
            "cannot be told"
        )
        return
    if split == "train" or not cache.sizes.get(split):  # in-sample at any rate, and said so
        return
    seen = trained.labels("train")
    known = [id for id in cache.labels(split) if id in seen]
    if known:
        names = ", ".join(map(console.one_line, shorten(known, _SHOWN)))
        console.warn(
            f"NOT HELD OUT: {len(known):,} of {cache.sizes[split]:,} clips of {split} have the "
            f"ids of clips that {path} has trained on ({names}). What is measured on them says "
            "nothing of new clips"
        )


def _is_unfinished(checkpoint: Checkpoint, path: Path) -> bool:
    """Whether training has not come to its end; of the best epoch, the last one beside it tells."""
    if checkpoint.complete or checkpoint.selected != BEST:
        return not checkpoint.complete
    try:
        return not read_plain(path.with_name("checkpoint.pt"))[1]["complete"]
    except InputError:  # the best was moved away, and is what it is
        return False


def _trained_on(checkpoint: Checkpoint, path: Path) -> Cache | None:
    """The cache that a checkpoint was trained on, where it remembers; None: not there any more."""
    place = checkpoint.stamp.hints.get("cache")
    try:
        cache = open_cache(path.parent / place) if place else None
    except InputError:
        return None
    same = cache is not None and cache.stamp.digest == checkpoint.stamp.inputs.get("cache")
    return cache if same else None
