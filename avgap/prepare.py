"""① Media files → cache.h5: what training reads, decoded once."""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from avgap import artifact, console
from avgap.data.audit import Audit, Sample
from avgap.data.cache.header import Header
from avgap.data.cache.listing_diff import differences
from avgap.data.cache.reader import Cache, open_cache
from avgap.data.cache.shards import Shard
from avgap.data.clip import Clip
from avgap.data.media import fingerprint
from avgap.data.media.corrupt import PROJECTED
from avgap.data.plan import Options, Plan, make_plan
from avgap.errors import InputError, OutputError
from avgap.settings import SPLITS, AudioRecipe, FrameRecipe, parameters
from avgap.text import SHOWN, shorten

_CHANGES_SHOWN = 5


@dataclass(frozen=True)
class Prepared:
    """What `prepare` or `merge` did. status: made, merged, up to date, or planned (a dry run).

    sizes: clips per split; counts: clips per split and class; missing: id → reason. audit: what
    else was found; None for a cache that says nothing.
    """

    status: str
    path: str
    dataset: str
    digest: str | None
    classes: tuple[str, ...]
    sizes: dict[str, int]
    counts: dict[str, dict[str, int]]
    missing: dict[str, str]
    audit: Audit | None
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """The result as plain values, for --json."""
        audit = None if self.audit is None else self.audit.as_dict()
        return {**parameters(self), "classes": list(self.classes), "audit": audit}

    def notices(self) -> list[str]:
        """The audit, a line each."""
        lines = [] if self.audit is None else self.audit.lines()
        return [f"audit: {console.one_line(line)}" for line in lines]

    def table(self) -> str:
        """Clips per split and class, and the clips that cannot be used, for a terminal."""
        names = [name for name in SPLITS if self.sizes[name]]
        rows = [
            [console.one_line(label), *(str(self.counts[name].get(label, 0)) for name in names)]
            for label in self.classes
        ]
        rows.append(["all", *(str(self.sizes[name]) for name in names)])
        left_out = [f"{len(self.missing):,} cannot be used:"] if self.missing else []
        left_out += [f"  {console.one_line(line)}" for line in _reasons(self.missing)]
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
    corrupt_splits: str = "all",
    crop: str | None = None,
    seed: int = 0,
    splits: Path | None = None,
    split_by: str | None = None,
    leaks: str = "keep",
    window: str = "event",
    limit: int | None = None,
    keep_sound: bool = False,
    allow_missing: int = 0,
    workers: int | None = None,
    shard: Shard | None = None,
    force: bool = False,
    dry_run: bool = False,
) -> Prepared:
    """Decode a dataset's clips into one cache.

    val_fraction: share of training for validation where the source names none (stratified,
    seeded). corrupt: see `corrupt.parse`; corrupt_splits: all, or train for clean val and test.
    crop: see `crop.parse`; for clips without a box of their own. splits, split_by, leaks: see
    `splitting.into_splits`. window: event (from start to end) or clip (all of the media). limit:
    clips per split, class after class in turn. keep_sound: also the sound itself, for the report to
    play. shard: only this share of the clips, for `merge`. allow_missing: clips that may be
    unreadable. workers: processes, one per core by default. The same question again confirms the
    cache without decoding, or goes on from what a broken run had finished.
    Raises InputError: unknown dataset, a listing with problems, more broken clips than allowed;
    OutputError: output answers another question (without force) or cannot be written.
    """
    started = time.monotonic()
    if output.suffix != ".h5":
        raise OutputError(f"{output} is no name for a cache", hint=f"-o {output}.h5")
    options = Options(
        decoder,
        val_fraction,
        corrupt,
        seed,
        splits,
        limit,
        shard=shard,
        split_by=split_by,
        window=window,
        leaks=leaks,
        keep_sound=keep_sound,
        corrupt_splits=corrupt_splits,
        crop=crop,
    )
    plan = make_plan(dataset, root, audio or AudioRecipe(), frames or FrameRecipe(), options)
    if dry_run:
        return _planned(plan, output, started)
    artifact.expect_no_input(output, [path for path in (root, splits) if path is not None])
    changed = _source_changed(output, plan, force=force)
    if artifact.reuse(output, plan.question, force=force) is not None and not changed:
        cache = open_cache(output)
        _require_readable(cache.missing, allow_missing)
        return _confirmed(cache, plan, started)
    return _make(plan, output, allow_missing, workers, started, force=force)


# ---------------------------------------------------------------- the work


def _planned(plan: Plan, output: Path, started: float) -> Prepared:
    missing = {clip.id: clip.broken for clip in plan.clips if clip.broken}
    found = plan.audit(Sample(c.id, c.label, c.split, c.meta) for c in plan.clips)
    return result_of("planned", output, plan.header, None, plan.clips, missing, found, started)


def _make(
    plan: Plan,
    output: Path,
    allow_missing: int,
    workers: int | None,
    started: float,
    *,
    force: bool,
) -> Prepared:
    from avgap.data.cache.build import project_frames, write_clips
    from avgap.data.cache.parts import Parts, folder_of
    from avgap.data.cache.writer import write_cache

    look = partial(artifact.reuse, output, plan.question, force=force)
    with (
        artifact.atomic(output, look) as part,
        Parts(folder_of(output)) as parts,
        write_cache(part, plan.header, plan.sizes) as writer,
    ):
        missing = write_clips(writer, plan, parts, workers)
        _require_readable(missing, allow_missing)
        whole = plan.options.shard is None
        if whole and all(clip.split != "train" or clip.id in missing for clip in plan.clips):
            raise InputError("no clip of train can be used", _reasons(missing))
        if whole and plan.corruption is not None and plan.corruption.kind == PROJECTED:
            project_frames(writer, plan.corrupt)
        found = plan.audit(writer.samples())
        stamp = writer.finish(
            missing,
            plan.question.inputs,
            plan.question.parameters,
            artifact.provenance(started),
            _hints(plan, output),
            found,
        )
    parts.remove()
    kept = [clip for clip in plan.clips if clip.id not in missing]
    if whole:
        warn_of_untrained(plan.header.classes, kept)
    return result_of("made", output, plan.header, stamp.digest, kept, missing, found, started)


def _hints(plan: Plan, output: Path) -> dict[str, str]:
    """Where the media lie, and the lists of the splits, seen from the folder of the output."""
    sources = {"root": plan.root, "splits": plan.options.splits}
    return {name: artifact.hint(output, path) for name, path in sources.items() if path is not None}


def _source_changed(output: Path, plan: Plan, *, force: bool) -> bool:
    """Whether the same was asked of other media, or of another list of clips, than lie there now.

    Raises OutputError with what changed where it was, without force.
    """
    try:
        cache = open_cache(output)
    except InputError:
        return False  # no cache: `reuse` tells
    if artifact.compare(cache.stamp.question, plan.question._replace(inputs=cache.stamp.inputs)):
        return False  # another question: `reuse` tells
    changed = fingerprint.changes(plan.clips, cache.column(fingerprint.COLUMN))
    what = f"other media: {len(changed):,} of {len(plan.clips):,} clips changed"
    if not changed and cache.stamp.inputs != plan.question.inputs:
        changed = differences(cache, plan.clips)
        what = "another list of clips"
    if changed and not force:
        raise OutputError(
            f"{cache.path} was made from {what}",
            shorten(changed, _CHANGES_SHOWN),
            "--force to make it again, or another -o",
        )
    return bool(changed)


def _require_readable(missing: Mapping[str, str], allowed: int) -> None:
    if len(missing) > allowed:
        plural = "clip" if len(missing) == 1 else "clips"
        raise InputError(
            f"{len(missing):,} {plural} cannot be used",
            _reasons(missing),
            f"--allow-missing {len(missing)} to leave them out",
        )


def warn_of_untrained(classes: Sequence[str], clips: Iterable[Clip]) -> None:
    """Warn of classes of which no clip is left for training."""
    trained = {clip.label for clip in clips if clip.split == "train"}
    if untrained := [name for name in classes if name not in trained]:
        names = ", ".join(map(console.one_line, shorten(untrained, 5)))
        console.warn(
            f"no clip of train is left of {len(untrained)} of {len(classes)} classes: {names}"
        )


def _reasons(missing: Mapping[str, str]) -> list[str]:
    """A line per clip; where they are many, some of every kind of reason."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for id, reason in missing.items():
        # What names, times and sizes have, and words do not, is a digit, a dot or an underscore.
        kind = re.sub(r"\S*[\d._]\S*", "…", reason)
        kinds[kind].append(f"{id}: {reason}")
    if len(missing) <= SHOWN:
        return [f"{id}: {reason}" for id, reason in missing.items()]
    each = max(1, SHOWN // len(kinds))
    return shorten([line for lines in kinds.values() for line in shorten(lines, each)], 2 * SHOWN)


# ---------------------------------------------------------------- the result


def _confirmed(cache: Cache, plan: Plan, started: float) -> Prepared:
    kept = [clip for clip in plan.clips if clip.id not in cache.missing]
    digest, found = cache.stamp.digest, cache.audit()
    return result_of(
        "up to date", cache.path, plan.header, digest, kept, cache.missing, found, started
    )


def result_of(
    status: str,
    path: Path,
    header: Header,
    digest: str | None,
    clips: Sequence[Clip],
    missing: Mapping[str, str],
    audit: Audit | None,
    started: float,
) -> Prepared:
    """What was done: these clips, split and label, are in the cache at path."""
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
        audit,
        round(time.monotonic() - started, 3),
    )
