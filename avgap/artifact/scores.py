"""Scores by any model: what they must satisfy, and the gaps that follow. Eq. 4 and 6. No torch."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from avgap.artifact.arrays import texts, type_and_shape
from avgap.artifact.gaps import Gaps
from avgap.artifact.predictions import SCORES, TEXT, ScoreFile
from avgap.errors import InputError
from avgap.settings import MODALITIES
from avgap.text import natural_order, nearest, one_form, shorten

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from avgap.artifact.arrays import Arrays

# How far a sample's probabilities may sum from 1, and a stated one from its logits' softmax:
# bfloat16 rounds by 0.002.
TOLERANCE = 5e-3
_ROUNDING = 1e-6  # how far outside [0, 1] the softmax of float32 may lie
_SHOWN = 10  # samples told for each kind of problem
_DIGITS = 10  # of an index, at most
_TINY = 1e-300  # zero has no logarithm
_LARGE = 10.0**_DIGITS
_NUMBER = re.compile(r"-?[0-9]+(\.0*)?")  # a class index as text; tables make 3.0 of 3


@dataclass(frozen=True)
class Scores:
    """Checked scores of N samples.

    arrays: logits (N, M), probabilities (N, M) or (N,), by the names of SCORES. label: class index,
    (N,); None where the file has none, and then every probability is (N,). predicted: class
    indices (N,) by the names of `Gaps`. classes: names by index, where the file tells them.
    """

    id: list[str]
    label: NDArray[np.int64] | None
    arrays: Arrays
    predicted: dict[str, NDArray[np.int64]]
    classes: tuple[str, ...] | None


def true_class_prob(logits: NDArray[Any], label: NDArray[np.int64]) -> NDArray[np.float64]:
    """The softmax score of the true class, (N,) in [0, 1], of logits (N, M); in float64. Eq. 4."""
    from scipy.special import logsumexp

    logits = logits.astype(np.float64)
    return np.asarray(np.exp(logits[np.arange(len(label)), label] - logsumexp(logits, axis=1)))


def checked(file: ScoreFile, path: Path) -> Scores:
    """The scores of a file, labels as class indices.

    Without ids the rows are counted from 0. Raises InputError: arrays that are missing or of
    shapes that disagree, all at once; then every sample that cannot be used, by its id.
    """
    problems = [*_missing(file), *_wrong_shapes(file.arrays, file.classes)]
    if problems:
        there = ", ".join(
            f"{n} {file.arrays[n].shape}" if n in file.arrays else n for n in file.names
        )
        lines = [*shorten(problems), f"it has: {there or 'nothing'}"]
        raise InputError(f"{path} does not hold scores as expected", lines)
    scores = {name: array for name, array in file.arrays.items() if name in SCORES}
    size = len(next(iter(scores.values())))
    ids = texts(file.arrays["id"]) if "id" in file.arrays else [str(row) for row in range(size)]
    classes, indices = _class_indices(file, scores, path)
    kinds = [_of_ids(ids), *_of_indices(ids, file.arrays, indices, classes, scores)]
    kinds += [_of_values(ids, name, array) for name, array in scores.items()]
    if not any(kinds):
        kinds += [_contradictions(ids, scores, indices.get("label"))]
    if any(kinds):
        lines = [line for kind in kinds for line in shorten(kind, _SHOWN)]
        count = sum(map(len, kinds))
        raise InputError(f"{path}: {count:,} problems in {size:,} samples", lines)
    label = indices.pop("label", None)
    return Scores(ids, label, scores, indices, classes)


# ---------------------------------------------------------------- arrays as wholes


def _missing(file: ScoreFile) -> Iterator[str]:
    for modality in ("audio", "visual"):
        if f"{modality}_logits" in file.arrays or f"{modality}_prob" in file.arrays:
            continue
        like = nearest(f"{modality}_logits", [n for n in file.names if n not in file.arrays])
        meant = f" (is it {like!r}?)" if like and like.startswith(modality) else ""
        yield f"no {modality}_logits and no {modality}_prob{meant}"
    if "label" not in file.arrays and _matrices(file.arrays):
        yield f"no label, which {next(iter(_matrices(file.arrays)))} needs"


def _matrices(arrays: Arrays) -> Arrays:
    """The scores of all classes, (N, M)."""
    return {n: a for n, a in arrays.items() if n in SCORES and (n.endswith("logits") or a.ndim > 1)}


def _wrong_shapes(arrays: Arrays, classes: tuple[str, ...] | None) -> Iterator[str]:
    for name, array in arrays.items():
        numbers = array.dtype.kind in "fiu"
        if name in TEXT and (array.ndim != 1 or not (numbers or array.dtype.kind in "OUS")):
            yield f"{name} is {type_and_shape(array)}, expected names or integers, (N,)"
        elif name in SCORES:
            one = name in ("audio_prob", "visual_prob")
            if not numbers or array.ndim not in ((1, 2) if one else (2,)):
                wanted = "(N, M) or (N,)" if one else "(N, M)"
                yield f"{name} is {type_and_shape(array)}, expected numbers, {wanted}"
            elif array.ndim == 2 and array.shape[1] < 2:
                yield f"{name} is {type_and_shape(array)}: scores of fewer than two classes"
            elif name.endswith("logits") and len(array) and _are_probabilities(array):
                yield f"{name} are probabilities, every row sums to 1: name them {name[:-6]}prob"
    sizes = {name: len(array) for name, array in arrays.items() if array.ndim}
    if len(set(sizes.values())) > 1:
        yield f"samples: {', '.join(f'{name} {n:,}' for name, n in sizes.items())}"
    elif 0 in sizes.values():
        yield "no samples"
    names = [] if classes is None else list(map(one_form(classes).get, classes))
    if len(set(names)) < len(names):
        twice = [str(name) for name, n in Counter(names).items() if n > 1]
        yield f"classes: {', '.join(shorten(twice, 5))} more than once"
    widths = {name: a.shape[1] for name, a in _matrices(arrays).items() if a.ndim == 2}
    widths |= {"classes": len(classes)} if classes is not None else {}
    if len(set(widths.values())) > 1:
        yield f"classes: {', '.join(f'{name} {n:,}' for name, n in widths.items())}"


def _are_probabilities(array: NDArray[Any]) -> bool:
    return bool(
        (array >= 0).all() and (abs(array.sum(axis=1, dtype=np.float64) - 1) < TOLERANCE).all()
    )


# ---------------------------------------------------------------- labels


def _class_indices(
    file: ScoreFile, scores: Arrays, path: Path
) -> tuple[tuple[str, ...] | None, dict[str, NDArray[np.int64]]]:
    """The class names, and label and predictions as indices, −1 where a value is no class.

    Names that nothing puts in order are sorted where there are no scores (N, M) to belong to.
    """
    values = {name: a for name, a in file.arrays.items() if name in TEXT and name != "id"}
    named = [name for name, array in values.items() if not _are_numbers(array)]
    classes = file.classes
    if classes is None and named:
        if _matrices(scores):
            first = next(iter(_matrices(scores)))
            raise InputError(
                f"{path}: {named[0]} holds names, and nothing says which class is which",
                [f"{first} has {scores[first].shape[1]} columns without names"],
                f"an array classes of M names; in a table, columns named {first}_NAME",
            )
        found = {n for array in values.values() for n in texts(array) if n}
        classes = natural_order(one_form(found).values())
    return classes, {name: _indices(array, classes or ()) for name, array in values.items()}


def _are_numbers(array: NDArray[Any]) -> bool:
    return array.dtype.kind in "fiu" or all(map(_NUMBER.fullmatch, set(texts(array)) - {""}))


def _indices(array: NDArray[Any], classes: tuple[str, ...]) -> NDArray[np.int64]:
    if array.dtype.kind in "fiu":
        whole = (array >= 0) & (array < _LARGE) & (array == np.floor(array))
        return np.where(whole, array, -1).astype(np.int64)
    values, inverse = np.unique(texts(array), return_inverse=True)
    # A name of a class, or the same text in another form.
    forms = one_form([*classes, *values.tolist()])
    known = {forms[name]: index for index, name in enumerate(classes)}
    known |= {name: index for index, name in enumerate(classes)}
    meant = [known.get(v, known.get(forms[v], _index(v))) for v in values.tolist()]
    return np.array(meant, dtype=np.int64)[inverse]


def _index(value: str) -> int:
    """The class index that a text is, 3 or 3.0; −1 where it is none."""
    digits = value.partition(".")[0]
    return int(digits) if _NUMBER.fullmatch(value) and len(digits) < _DIGITS else -1


# ---------------------------------------------------------------- samples


def _of_ids(ids: list[str]) -> list[str]:
    lines = [f"row {row} has no id" for row, id in enumerate(ids) if not id]
    lines += [f"row {row}: the id {id!a} is no text" for row, id in enumerate(ids) if not _text(id)]
    return lines + [
        f"the id {id!r} stands {n} times" for id, n in Counter(ids).items() if id and n > 1
    ]


def _text(id: str) -> bool:
    """Whether UTF-8 has it and HDF5 can hold it."""
    try:
        id.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in id


def _of_indices(
    ids: list[str],
    arrays: Arrays,
    indices: dict[str, NDArray[np.int64]],
    classes: tuple[str, ...] | None,
    scores: Arrays,
) -> Iterator[list[str]]:
    widths = [array.shape[1] for array in _matrices(scores).values()]
    count = widths[0] if widths else len(classes) if classes else None
    numbers = f"0 … {count - 1}" if count is not None else "an index from 0"
    names = None if classes is None else ", ".join(shorten(classes, _SHOWN))
    for name, index in indices.items():
        known = numbers if names is None or arrays[name].dtype.kind in "fiu" else names
        bad = (index < 0) | (index >= (np.inf if count is None else count))
        values = texts(arrays[name]) if bad.any() else []
        yield [f"{ids[i]}: {name} is {values[i]!r}, not in {known}" for i in np.flatnonzero(bad)]


def _of_values(ids: list[str], name: str, array: NDArray[Any]) -> list[str]:
    """Scores that are no numbers, no probabilities, or do not sum to 1, at most one a sample."""
    rows = array if array.ndim == 2 else array[:, None]
    finite = np.isfinite(rows).all(axis=1)
    lines = [
        f"{ids[i]}: {name} holds {_first(rows[i], ~np.isfinite(rows[i]))}"
        for i in np.flatnonzero(~finite)
    ]
    if name.endswith("logits"):
        return lines
    outside = (rows < -_ROUNDING) | (rows > 1 + _ROUNDING)
    wrong = finite & outside.any(axis=1)
    lines += [
        f"{ids[i]}: {name} holds {_first(rows[i], outside[i])}, not in [0, 1]"
        for i in np.flatnonzero(wrong)
    ]
    if array.ndim == 2:
        total = rows.sum(axis=1, dtype=np.float64)
        off = finite & ~wrong & ~(abs(total - 1) <= TOLERANCE)
        lines += [
            f"{ids[i]}: {name} sums to {total[i]:.4g}, not to 1 (± {TOLERANCE})"
            for i in np.flatnonzero(off)
        ]
    return lines


def _first(row: NDArray[Any], chosen: NDArray[np.bool_]) -> str:
    return f"{row[chosen][0]:.4g}"


def _contradictions(ids: list[str], scores: Arrays, label: NDArray[np.int64] | None) -> list[str]:
    """Samples whose stated probability is not the softmax of the logits beside it."""
    lines = []
    for modality in ("audio", "visual"):
        prob, logits = scores.get(f"{modality}_prob"), scores.get(f"{modality}_logits")
        if prob is None or logits is None or label is None:
            continue
        stated = prob if prob.ndim == 1 else prob[np.arange(len(label)), label]
        meant = true_class_prob(logits, label)
        lines += [
            f"{ids[i]}: {modality}_prob is {stated[i]:.4g}, {modality}_logits give {meant[i]:.4g}"
            for i in np.flatnonzero(abs(stated - meant) > TOLERANCE)
        ]
    return lines


# ---------------------------------------------------------------- the gaps


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
