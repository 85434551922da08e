"""③ The gaps of anybody's model: a file of its scores → gaps.h5. Eq. 4 and 6. No torch."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from avgap import artifact
from avgap.artifact import STANDARD_STREAM, Question, Stamp
from avgap.artifact.gaps import Collected, Gaps, expect_room, read_gaps, write_gaps
from avgap.artifact.predictions import ScoreFile, read_scores
from avgap.artifact.scores import Scores, checked, true_class_prob
from avgap.errors import InputError
from avgap.settings import MODALITIES

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TINY = 1e-300  # zero has no logarithm


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
    question = _question(file, scores, logits)
    if str(output) != STANDARD_STREAM:
        there = _settle(Path(output), question, force=force)
        if there is not None:
            return Collected(there, str(output), up_to_date=True)
    table = gaps_of(scores, logits=logits)
    stamp = Stamp(
        question.format,
        table.digest(),
        dict(question.inputs),
        dict(question.parameters),
        artifact.provenance(started),
        _hints(file, path, output),
    )
    table = replace(table, stamp=stamp)
    if str(output) != STANDARD_STREAM:
        write_gaps(Path(output), table)
    return Collected(table, str(output), up_to_date=False)


def _settle(output: Path, question: Question, *, force: bool) -> Gaps | None:
    stamp = artifact.settle(output, question, force=force)
    if stamp is None:
        return None
    return artifact.unharmed(output, stamp, read_gaps, Gaps.digest, force=force)


def gaps_of(scores: Scores, *, logits: bool = False) -> Gaps:
    """The gaps of N samples, in the order of their scores, without a stamp."""
    audio, visual = _true_class(scores, "audio"), _true_class(scores, "visual")
    arrays: dict[str, Any] = {**_predicted(scores), **scores.predicted}
    if logits:
        found = {name: scores.arrays[f"{name}_logits"] for name in ("audio", "visual")}
        found["fused"] = scores.arrays.get("fused_logits", found["audio"] + found["visual"])
        arrays |= {f"{name}_logits": z.astype(np.float32) for name, z in found.items()}
    return Gaps(audio - visual, scores.id, scores.label, audio, visual, **arrays)


def _true_class(scores: Scores, modality: str) -> NDArray[np.float64]:
    """The score of the true class, (N,) in [0, 1]: as stated, else the softmax of the logits."""
    prob, label = scores.arrays.get(f"{modality}_prob"), scores.label
    if prob is None or prob.ndim == 2:
        if label is None:
            raise ValueError("scores of all classes are checked to have labels")
        if prob is None:
            return true_class_prob(scores.arrays[f"{modality}_logits"], label)
        prob = prob[np.arange(len(label)), label]
    return prob.astype(np.float64).clip(0, 1)


def _predicted(scores: Scores) -> dict[str, NDArray[np.int64]]:
    """The classes of the highest scores, (N,), of every modality that has scores of all classes.

    Fused: from its own scores, else from the sum of the unimodal logits. The sum of log
    probabilities has the same order: it differs by one constant in each sample.
    """
    logits = {name: _logits(scores, name) for name in MODALITIES}
    if logits["fused"] is None and logits["audio"] is not None and logits["visual"] is not None:
        logits["fused"] = logits["audio"] + logits["visual"]
    return {f"{n}_pred": z.argmax(axis=1) for n, z in logits.items() if z is not None}


def _logits(scores: Scores, modality: str) -> NDArray[Any] | None:
    """The logits (N, M), or the logarithms of the probabilities; None where there are neither."""
    logits, prob = (scores.arrays.get(f"{modality}_{kind}") for kind in ("logits", "prob"))
    if logits is not None or prob is None or prob.ndim == 1:
        return logits
    return np.asarray(np.log(prob.astype(np.float64).clip(_TINY)))


# ---------------------------------------------------------------- the question


def _question(file: ScoreFile, scores: Scores, logits: bool) -> Question:
    """What the table answers. Of a table by avgap, its cache, checkpoint and split are kept."""
    inputs: dict[str, str] = {}
    split: dict[str, Any] = {}
    if file.stamp is None:
        content = (scores.id, scores.label, scores.arrays, scores.predicted, scores.classes)
        inputs["predictions"] = artifact.digest("predictions", *content)
    else:
        theirs = file.stamp
        inputs = {n: d for n, d in theirs.inputs.items() if n in ("cache", "checkpoint")}
        inputs["predictions"] = theirs.digest
        split = {n: v for n, v in theirs.parameters.items() if n == "split"}
    classes = None if scores.classes is None else list(scores.classes)
    return Question("avgap.gaps", inputs, {**split, "logits": logits, "classes": classes})


def _hints(file: ScoreFile, path: Path, output: str | Path) -> dict[str, str]:
    """Where the scores lie, and what avgap made them from, seen from the folder of the output."""
    theirs = {} if file.stamp is None else file.stamp.hints
    places = {name: path.parent / place for name, place in theirs.items() if place}
    return {n: artifact.hint(output, p) for n, p in {**places, "predictions": path}.items()}
