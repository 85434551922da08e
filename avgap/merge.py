"""Shards of a cache → the cache, exactly as one run of prepare would have written it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from avgap import artifact, console
from avgap.artifact import Question
from avgap.data.audit import Audit, audit
from avgap.data.cache.reader import Cache, CachedClip, digest_of_cache, open_cache
from avgap.data.clip import Clip
from avgap.data.media.corrupt import PROJECTED
from avgap.errors import InputError
from avgap.prepare import Prepared, result_of, warn_of_untrained
from avgap.settings import SPLITS
from avgap.text import shorten

if TYPE_CHECKING:
    from avgap.data.cache.writer import CacheWriter


def merge(sources: Sequence[Path], output: Path, *, force: bool = False) -> Prepared:
    """Join the shards that `prepare --shard I/N` made, all N of them.

    sources: shards, or folders that hold them. Raises InputError: shards that are missing, given
    twice, of another question, altered since, or no shards at all, each by name; OutputError as
    `prepare`.
    """
    started = time.monotonic()
    shards = _shards(sources, output)
    question = _common_question(shards)
    clips = _in_order(shards)
    missing = dict(sorted(item for shard in shards for item in shard.missing.items()))
    header = shards[0].header
    if (stamp := artifact.reuse(output, question, force=force)) is not None:
        found = open_cache(output).audit()
        return result_of("up to date", output, header, stamp.digest, clips, missing, found, started)
    artifact.expect_no_input(output, [shard.path for shard in shards])
    if not any(clip.split == "train" for clip in clips):
        raise InputError("no shard has a clip of train")
    from avgap.data.cache.writer import write_cache

    sizes = {split: sum(clip.split == split for clip in clips) for split in SPLITS}
    look = partial(artifact.reuse, output, question, force=force)
    with artifact.atomic(output, look) as part, write_cache(part, header, sizes) as writer:
        _copy(shards, clips, writer, projected=_is_projected(question))
        found = _audit(shards, writer)
        stamp = writer.finish(
            missing,
            question.inputs,
            question.parameters,
            artifact.provenance(started),
            _hints(shards[0], output),
            found,
        )
    warn_of_untrained(header.classes, clips)
    return result_of("merged", output, header, stamp.digest, clips, missing, found, started)


def _shards(sources: Sequence[Path], output: Path) -> list[Cache]:
    """The files named; but for the whole itself, which may lie among its shards."""
    caches = [open_cache(path) for path in _files(sources)]
    whole = artifact.real(output)
    shards = [c for c in caches if c.shard is not None or artifact.real(c.path) != whole]
    return shards or caches


def _files(sources: Sequence[Path]) -> list[Path]:
    """The files named, and those in the folders named, each once."""
    found: dict[Path, Path] = {}
    for source in sources:
        inside = sorted(source.glob("*.h5")) if source.is_dir() else [source]
        if not inside:
            raise InputError(f"{source} holds no file ending in h5")
        for path in inside:
            found.setdefault(artifact.real(path), path)
    return list(found.values())


def _common_question(shards: Sequence[Cache]) -> Question:
    """The question of the whole. Raises InputError with everything that keeps it from being one."""
    first = shards[0]
    whole = [f"{shard.path} is a whole cache" for shard in shards if shard.shard is None]
    if whole:
        raise InputError("only shards can be merged", shorten(whole), "prepare with --shard I/N")
    problems = []
    for shard in shards[1:]:
        lines = artifact.compare(_without_shard(first), _without_shard(shard))
        problems += [f"{first.path} and {shard.path}: {line}" for line in lines]
    if problems:
        raise InputError("these are not shards of one cache", shorten(problems))
    count = {str(shard.shard).partition("/")[2]: shard.path for shard in shards}
    if len(count) > 1:
        lines = [f"{path} is one of {number}" for number, path in count.items()]
        raise InputError("these are shards of different divisions", lines)
    total = int(next(iter(count)))
    held: dict[int, list[Path]] = {number: [] for number in range(1, total + 1)}
    for shard in shards:
        held[int(str(shard.shard).partition("/")[0])].append(shard.path)
    problems = [f"{number}/{total} is missing" for number, paths in held.items() if not paths]
    problems += [
        f"{number}/{total} is there {len(paths)} times: {', '.join(map(str, paths))}"
        for number, paths in held.items()
        if len(paths) > 1
    ]
    if problems:
        there = sum(bool(paths) for paths in held.values())
        raise InputError(f"{there} of {total} shards can be merged", shorten(problems))
    return _without_shard(first)


def _without_shard(shard: Cache) -> Question:
    question = shard.stamp.question
    kept = {name: value for name, value in question.parameters.items() if name != "shard"}
    return question._replace(parameters=kept)


def _is_projected(question: Question) -> bool:
    return str(question.parameters.get("corrupt") or "").endswith(f":{PROJECTED}")


def _in_order(shards: Sequence[Cache]) -> list[Clip]:
    """The clips of all shards in the order of the whole cache: by split, then by id."""
    clips = [
        Clip(id, shard.classes[label], split)
        for shard in shards
        for split in SPLITS
        for id, label in shard.labels(split).items()
    ]
    return sorted(clips, key=lambda clip: (SPLITS.index(clip.split), clip.id))


def _copy(
    shards: Sequence[Cache], clips: Iterable[Clip], writer: CacheWriter, *, projected: bool
) -> None:
    """Copy every clip to its row, one shard after the other, clip by clip."""
    from avgap.data.cache.build import project_frames, rows_of

    clips = list(clips)
    row_of = {clip.id: row for clip, row in zip(clips, rows_of(clips), strict=True)}
    corrupt: set[str] = set()
    with console.progress("merge", len(clips), "clips") as bar:
        for shard in shards:
            digests: dict[str, list[str]] = {split: [] for split in SPLITS}
            for split, clip in _clips(shard):
                row, arrays = row_of[clip.id], (clip.audio, clip.visual)
                digest = writer.put(*row, clip.id, clip.label, *arrays, clip.meta, sound=clip.sound)
                digests[split].append(digest)
                if PROJECTED in clip.meta.get("corrupt", ""):
                    corrupt.add(clip.id)
                bar.advance(lines=True)
            if digest_of_cache(shard.header, digests) != shard.stamp.digest:
                altered = "what is in it is not what was written"
                raise InputError(f"{shard.path} is corrupt", [altered], "make it again")
    if projected:
        project_frames(writer, corrupt)


def _clips(shard: Cache) -> Iterator[tuple[str, CachedClip]]:
    for split in SPLITS:
        for clip in shard.clips(split):
            yield split, clip


def _audit(shards: Sequence[Cache], writer: CacheWriter) -> Audit | None:
    """The audit of the whole: every shard knows how all of the clips were listed."""
    first = shards[0].audit()
    if first is None:
        return None
    return audit(writer.samples(), shards[0].classes, first.published, first.notes)


def _hints(shard: Cache, output: Path) -> dict[str, str]:
    """Where a shard's sources lie, seen from the folder of the output."""
    sources = shard.stamp.hints.items()
    return {name: artifact.hint(output, shard.path.parent / path) for name, path in sources}
