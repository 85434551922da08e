"""Every clip of a plan into its row of the cache, from what is done and from the decoders."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from avgap import console
from avgap.data.clip import Clip, MediaError
from avgap.data.media.corrupt import Components
from avgap.data.media.decode import Decoded, Job, decode_all
from avgap.settings import SPLITS

if TYPE_CHECKING:
    from avgap.data.cache.parts import Parts
    from avgap.data.cache.writer import CacheWriter
    from avgap.data.plan import Plan

_FIT_FRAMES = 512  # training frames that pca25's components are fitted on


def write_clips(
    writer: CacheWriter, plan: Plan, parts: Parts, workers: int | None
) -> dict[str, str]:
    """Write every clip at its row; returns what could not be read (id → reason), by id.

    What lies in the parts is taken from there; what is decoded goes there, too.
    """
    rows = list(rows_of(plan.clips))
    labels = {name: index for index, name in enumerate(plan.header.classes)}

    def put(number: int, decoded: Decoded) -> None:
        clip = plan.clips[number]
        meta = {**clip.meta, **decoded.meta}
        arrays = decoded.audio, decoded.visual
        label = labels[clip.label]
        writer.put(*rows[number], clip.id, label, *arrays, meta, sound=decoded.sound)

    keys = [plan.key(clip) for clip in plan.clips]
    left = dict(enumerate(keys))
    failed: dict[str, str] = {}
    with console.progress("prepare", len(keys), "clips") as bar:
        for number, decoded in parts.found({key: number for number, key in left.items()}):
            put(number, decoded)
            del left[number]
        if done := len(keys) - len(left):
            console.notice(f"{done:,} of {len(keys):,} clips are there from an earlier run")
        bar.resume(done)
        for number, outcome in _decoded(plan, list(left), workers):
            if isinstance(outcome, MediaError):
                failed[plan.clips[number].id] = str(outcome)
            else:
                if plan.clips[number].features is None:  # those need no decoding again
                    parts.put(keys[number], outcome)
                put(number, outcome)
            bar.advance(lines=True)
    return dict(sorted(failed.items()))


def _decoded(
    plan: Plan, numbers: Sequence[int], workers: int | None
) -> Iterator[tuple[int, Decoded | MediaError]]:
    """Decode the clips of these numbers, in worker processes, in any order."""
    if not numbers:
        return
    job = Job(
        plan.header.audio_recipe,
        plan.header.frame_recipe,
        plan.options.decoder,
        plan.corruption,
        plan.options.seed,
        plan.options.keep_sound,
    )
    clips = [plan.clips[number] for number in numbers]
    count = min(workers or os.cpu_count() or 1, len(clips))
    # Closed here and now on an interruption, so that no worker outlives the part file.
    with closing(decode_all(clips, job, count, corrupt=plan.corrupt)) as outcomes:
        for index, outcome in outcomes:
            yield numbers[index], outcome


def rows_of(clips: Iterable[Clip]) -> Iterator[tuple[str, int]]:
    """The split of each clip, and its row in it."""
    rows: Counter[str] = Counter()
    for clip in clips:
        yield clip.split, rows[clip.split]
        rows[clip.split] += 1


def project_frames(writer: CacheWriter, ids: Collection[str]) -> None:
    """Corrupt the frames of these clips, that are written, by the training frames' components.

    That is pca25; it waits for the last clip, as the components are those of all of training.
    """
    import numpy as np

    train = list(writer.rows("train").values())
    per_clip = len(writer.visual("train", train[0]))
    most = max(1, _FIT_FRAMES // per_clip)
    picked = [train[i] for i in np.linspace(0, len(train) - 1, min(most, len(train))).astype(int)]
    components = Components(np.concatenate([writer.visual("train", row) for row in picked]))
    for split in SPLITS:
        for id, row in writer.rows(split).items():
            if id in ids:
                writer.replace_visual(split, row, components.project(writer.visual(split, row)))
