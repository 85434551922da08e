"""③ The modality gap of every sample: Eq. 4 and 6. Of a checkpoint on a cache, or of any scores.

torch is imported for a checkpoint alone: scores are numpy's.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from avgap import artifact
from avgap.artifact import Output, Question
from avgap.artifact.gaps import GAPS, Collected, expect_room
from avgap.artifact.predictions import ScoreFile, read_scores
from avgap.artifact.scores import Scores, checked, gaps_of
from avgap.errors import InputError
from avgap.settings import INFERENCE_BATCH_SIZE


def gaps(
    cache_path: Path,
    checkpoint_path: Path,
    output: str | Path,
    *,
    split: str = "train",
    logits: bool = False,
    batch_size: int = INFERENCE_BATCH_SIZE,
    precision: str = "fp32",
    device_name: str = "auto",
    force: bool = False,
) -> Collected:
    """Measure the gap of every sample of a split. Raises UsageError, InputError, OutputError."""
    from avgap.artifact.checkpoint import check_fits, read_checkpoint, rebuild
    from avgap.data.cache.reader import open_cache
    from avgap.data.loading.resident import resident
    from avgap.training.device import choose_device, choose_precision, to_device
    from avgap.training.measure import GapPass
    from avgap.training.origin import tell_origin

    expect_room(output, logits=logits)
    device = choose_device(device_name)
    cache, checkpoint = open_cache(cache_path), read_checkpoint(checkpoint_path)
    check_fits(cache, checkpoint.description, checkpoint_path)
    tell_origin(checkpoint, checkpoint_path, cache, split)
    pass_ = GapPass(
        inputs={"cache": cache.stamp.digest, "checkpoint": checkpoint.stamp.digest},
        sources={"cache": cache_path, "checkpoint": checkpoint_path},
        split=split,
        logits=logits,
        precision=choose_precision(precision, device),
        batch_size=batch_size,
    )
    there = pass_.output(output).reuse(force=force)
    if there is not None:
        return Collected.of(there, output)
    model = to_device(rebuild(checkpoint, checkpoint_path), device)
    data = resident(cache, split, device)
    return pass_.run(model, data, checkpoint.description.image_size, output, force=force)


def gaps_of_predictions(
    path: Path, output: str | Path, *, logits: bool = False, force: bool = False
) -> Collected:
    """Write the table of gaps of a file of scores (docs/formats.md, "Predictions").

    logits: keep the logits in the table, too. Raises InputError: a file that cannot be read,
    scores that cannot be used; UsageError: logits into a CSV; OutputError: output answers another
    question.
    """
    expect_room(output, logits=logits)
    started = time.monotonic()
    file = read_scores(path)
    scores = checked(file, path)
    if logits and not {"audio_logits", "visual_logits"} <= scores.arrays.keys():
        raise InputError(f"{path} holds no logits to keep", hint="without --logits")
    target = Output(output, _question(file, scores, logits), _sources(file, path), GAPS)
    there = target.reuse(force=force)
    answer = there or target.write(gaps_of(scores, logits=logits), started, force=force)
    return Collected.of(answer, output)


def _question(file: ScoreFile, scores: Scores, logits: bool) -> Question:
    """What the table answers. Of a table by avgap, its cache, checkpoint and split are kept."""
    inputs: dict[str, str] = {}
    split: dict[str, Any] = {}
    if file.stamp is None:
        stored = {name: array.astype(file.kinds[name]) for name, array in scores.arrays.items()}
        content = (scores.id, scores.label, stored, scores.predicted, scores.classes)
        inputs["predictions"] = artifact.digest("predictions", *content)
    else:
        theirs = file.stamp
        inputs = {n: d for n, d in theirs.inputs.items() if n in ("cache", "checkpoint")}
        inputs["predictions"] = theirs.digest
        split = {n: v for n, v in theirs.parameters.items() if n == "split"}
    classes = None if scores.classes is None else list(scores.classes)
    return Question("avgap.gaps", inputs, {**split, "logits": logits, "classes": classes})


def _sources(file: ScoreFile, path: Path) -> dict[str, Path]:
    """Where the scores lie, and what avgap made them from."""
    theirs = {} if file.stamp is None else file.stamp.hints
    places = {name: path.parent / place for name, place in theirs.items() if place}
    return {**places, "predictions": path}
