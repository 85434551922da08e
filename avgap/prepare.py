"""① Media files → cache.h5: what training reads, decoded once."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avgap import artifact, console
from avgap.data.cache import SPLITS, Cache, Header, open_cache
from avgap.data.clip import Clip, MediaError, shorten
from avgap.data.corrupt import Components
from avgap.data.plan import Options, Plan, make_plan
from avgap.errors import InputError, OutputError
from avgap.settings import AudioRecipe, FrameRecipe, parameters

if TYPE_CHECKING:
    from avgap.data.cache_writer import CacheWriter

_FIT_FRAMES = 512  # training frames that pca25's components are fitted on


@dataclass(frozen=True)
class Prepared:
    """What `prepare` did. status: made, up to date, or planned (a dry run).

    sizes: clips per split; counts: clips per split and class; missing: id → reason.
    """

    status: str
    path: str
    dataset: str
    digest: str | None
    classes: tuple[str, ...]
    sizes: dict[str, int]
    counts: dict[str, dict[str, int]]
    missing: dict[str, str]
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """The result as plain values, for --json."""
        return {**parameters(self), "classes": list(self.classes)}

    def table(self) -> str:
        """Clips per split and class, and the clips that cannot be used, for a terminal."""
        names = [name for name in SPLITS if self.sizes[name]]
        rows = [
            [console.safe(label), *(str(self.counts[name].get(label, 0)) for name in names)]
            for label in self.classes
        ]
        rows.append(["all", *(str(self.sizes[name]) for name in names)])
        left_out = [f"{len(self.missing):,} cannot be used:"] if self.missing else []
        left_out += [f"  {line}" for line in _reasons(self.missing)]
        return "\n".join([console.table([self.dataset, *names], rows), *left_out])


def prepare(
    dataset: str,
    root: Path,
    output: Path,
    *,
    audio: AudioRecipe | None = None,
    frames: FrameRecipe | None = None,
    decoder: str = "auto",
    val_fraction: float = 0.1,
    corrupt: str | None = None,
    seed: int = 0,
    splits: Path | None = None,
    limit: int | None = None,
    allow_missing: int = 0,
    workers: int | None = None,
    force: bool = False,
    dry_run: bool = False,
) -> Prepared:
    """Decode a dataset's clips into one cache.

    val_fraction: share of training for validation where the source names none (stratified,
    seeded). corrupt: see `corrupt.parse`. splits: see `splits.read_splits`. limit: clips per split,
    class after class in turn. allow_missing: clips that may be unreadable. workers: processes, one
    per core by default. The same question again confirms the cache without decoding.
    Raises InputError: unknown dataset, a listing with problems, more broken clips than allowed;
    OutputError: output answers another question (without force) or cannot be written.
    """
    started = time.monotonic()
    if output.suffix != ".h5":
        raise OutputError(f"{output} is no name for a cache", hint=f"-o {output}.h5")
    options = Options(decoder, val_fraction, corrupt, seed, splits, limit)
    plan = make_plan(dataset, root, audio or AudioRecipe(), frames or FrameRecipe(), options)
    if dry_run:
        missing = {clip.id: clip.broken for clip in plan.clips if clip.broken}
        return _result("planned", output, plan.header, None, plan.clips, missing, started)
    if artifact.settle(output, plan.question, force=force) is not None:
        cache = open_cache(output)
        _require_readable(cache.missing, allow_missing)
        return _confirmed(cache, plan, started)
    return _make(plan, output, allow_missing, workers, started)


# ---------------------------------------------------------------- the work


def _make(
    plan: Plan, output: Path, allow_missing: int, workers: int | None, started: float
) -> Prepared:
    from avgap.data.cache_writer import write_cache

    with (
        artifact.atomic(output) as part,
        write_cache(part, plan.header, plan.sizes) as writer,
    ):
        missing = _decode_into(writer, plan, workers)
        _require_readable(missing, allow_missing)
        if all(clip.split != "train" or clip.id in missing for clip in plan.clips):
            raise InputError("no clip of train can be used", _reasons(missing))
        if plan.corruption is not None and plan.corruption.kind == "pca25":
            _project(writer, plan, missing)
        stamp = writer.finish(
            missing,
            plan.question.inputs,
            plan.question.parameters,
            artifact.provenance(started),
            {"root": artifact.hint(output, plan.root)},
        )
    kept = [clip for clip in plan.clips if clip.id not in missing]
    return _result("made", output, plan.header, stamp.digest, kept, missing, started)


def _decode_into(writer: CacheWriter, plan: Plan, workers: int | None) -> dict[str, str]:
    """Decode every clip into its row; returns what could not be read, in the clips' order."""
    from avgap.data.decode import Job, decode_all

    job = Job(
        plan.header.audio_recipe,
        plan.header.frame_recipe,
        plan.options.decoder,
        plan.corruption,
        plan.spoiled,
        plan.options.seed,
    )
    places = list(_places(plan.clips))
    labels = {name: index for index, name in enumerate(plan.header.classes)}
    failed: dict[int, str] = {}
    count = min(workers or os.cpu_count() or 1, len(plan.clips))
    with (
        console.progress("prepare", len(plan.clips), "clips") as bar,
        # Closed here and now on an interruption, so that no worker outlives the part file.
        closing(decode_all(plan.clips, job, count)) as outcomes,
    ):
        for index, outcome in outcomes:
            clip = plan.clips[index]
            if isinstance(outcome, MediaError):
                failed[index] = str(outcome)
            else:
                label = labels[clip.label]
                writer.put(*places[index], clip.id, label, *outcome, clip.meta)
            bar.advance(lines=True)
    return {plan.clips[index].id: failed[index] for index in sorted(failed)}


def _places(clips: Sequence[Clip]) -> Iterator[tuple[str, int]]:
    """The split and the row of each clip."""
    rows: Counter[str] = Counter()
    for clip in clips:
        yield clip.split, rows[clip.split]
        rows[clip.split] += 1


def _project(writer: CacheWriter, plan: Plan, missing: Mapping[str, str]) -> None:
    """Spoil the chosen clips' frames by the components of the training frames (pca25)."""
    import numpy as np

    placed = zip(plan.clips, _places(plan.clips), strict=True)
    there = [(clip, place) for clip, place in placed if clip.id not in missing]
    train = [place for clip, place in there if clip.split == "train"]
    most = max(1, _FIT_FRAMES // plan.header.frame_recipe.count)
    picked = [train[i] for i in np.linspace(0, len(train) - 1, min(most, len(train))).astype(int)]
    components = Components(np.concatenate([writer.visual(*place) for place in picked]))
    for clip, place in there:
        if clip.id in plan.spoiled:
            writer.replace_visual(*place, components.project(writer.visual(*place)))


def _require_readable(missing: Mapping[str, str], allowed: int) -> None:
    if len(missing) > allowed:
        plural = "clip" if len(missing) == 1 else "clips"
        raise InputError(
            f"{len(missing):,} {plural} cannot be used",
            _reasons(missing),
            f"--allow-missing {len(missing)} to leave them out",
        )


def _reasons(missing: Mapping[str, str]) -> list[str]:
    return shorten([f"{id}: {reason}" for id, reason in missing.items()])


# ---------------------------------------------------------------- the result


def _confirmed(cache: Cache, plan: Plan, started: float) -> Prepared:
    kept = [clip for clip in plan.clips if clip.id not in cache.missing]
    return _result(
        "up to date", cache.path, plan.header, cache.stamp.digest, kept, cache.missing, started
    )


def _result(
    status: str,
    path: Path,
    header: Header,
    digest: str | None,
    clips: Sequence[Clip],
    missing: Mapping[str, str],
    started: float,
) -> Prepared:
    counts = Counter((clip.split, clip.label) for clip in clips)
    by_split = {s: {name: counts[s, name] for name in header.classes} for s in SPLITS}
    return Prepared(
        status,
        str(path),
        header.dataset,
        digest,
        header.classes,
        {split: sum(by_class.values()) for split, by_class in by_split.items()},
        by_split,
        dict(missing),
        round(time.monotonic() - started, 3),
    )
