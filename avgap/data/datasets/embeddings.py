"""The dataset `embeddings`: features computed elsewhere, in one .npz or .h5 file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from avgap import console
from avgap.artifact.arrays import Found, read_arrays, texts, type_and_shape
from avgap.data.clip import Clip, Listing
from avgap.errors import InputError
from avgap.text import natural_order, nearest, shorten

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from avgap.artifact.arrays import Arrays

_FEATURES = ("audio", "visual")
_REQUIRED = ("id", "label", *_FEATURES)
_TEXT = "names or integers, (N,)"


def embeddings(root: Path) -> Listing:
    """List the rows of the arrays of a file: id, label, split (N,), audio (N, d), visual (N, d′).

    Labels are names or integers; without split they are divided at random. Every other array of N
    texts or numbers is kept as a column. Rows that are not finite in float32 make broken clips.
    Raises InputError: unreadable, pickled, missing arrays, or shapes that disagree.
    """
    found = _read(root)
    arrays = found.arrays
    _check(found, root)
    size = len(arrays["id"])
    columns = {
        name: _cells(array, found.kinds[name])
        for name, array in arrays.items()
        if _is_column(array, size)
    }
    left_out = [name for name in found.names if name not in columns and name not in _FEATURES]
    if left_out:
        console.notice(f"{root}: left out {', '.join(sorted(left_out))} (no column of {size:,})")
    with np.errstate(over="ignore"):
        audio, visual = (arrays[name].astype("<f4") for name in _FEATURES)
    ids, labels = columns.pop("id"), columns.pop("label")
    splits = columns.pop("split", [""] * size)
    clips = [
        Clip(
            ids[row],
            labels[row],
            splits[row].lower(),
            features=(audio[row], visual[row]),
            meta={name: values[row] for name, values in columns.items()},
            broken=_broken(audio[row], visual[row]),
        )
        for row in range(size)
    ]
    return Listing(clips, natural_order(label for label in labels if label), augment=False)


def _broken(audio: NDArray[np.float32], visual: NDArray[np.float32]) -> str:
    bad = {"audio": audio, "visual": visual}
    counts = {name: (int((~np.isfinite(row)).sum()), row.size) for name, row in bad.items()}
    lines = [f"{n} of its {size} {name} values" for name, (n, size) in counts.items() if n]
    return f"{' and '.join(lines)} are no finite numbers of 32 bits" if lines else ""


# ---------------------------------------------------------------- reading


def _read(path: Path) -> Found:
    """What makes clips, and every other array of one value a row, at the top of the file."""
    endings = (".npz", ".h5", ".hdf5")
    if path.suffix not in endings:
        raise InputError(
            f"{path} is no file of embeddings", [f"known endings: {', '.join(endings)}"]
        )
    return read_arrays(path, (*_REQUIRED, "split"), lambda shape: len(shape) == 1)


def _cells(array: NDArray[Any], kind: str) -> list[str]:
    """A column as text; truths as they are called."""
    return texts(array.astype(bool) if kind == "|b1" else array)


# ---------------------------------------------------------------- checks


def _check(found: Found, path: Path) -> None:
    """Raise InputError with everything that is wrong with the arrays as wholes."""
    arrays, problems = found.arrays, []
    for name in _REQUIRED:
        if name not in arrays:
            like = nearest(name, [other for other in found.names if other not in _REQUIRED])
            problems.append(f"no array {name!r}" + (f" (is it {like!r}?)" if like else ""))
    for name in _FEATURES:
        if name in arrays and (arrays[name].ndim != 2 or arrays[name].dtype.kind not in "fiu"):
            problems.append(f"{name} is {type_and_shape(arrays[name])}, expected numbers, (N, d)")
        elif name in arrays and arrays[name].shape[1] == 0:
            problems.append(f"{name} is {type_and_shape(arrays[name])}: no numbers at all")
    for name in ("id", "label", "split"):
        if name in arrays and (arrays[name].ndim != 1 or arrays[name].dtype.kind not in "OUSiu"):
            problems.append(f"{name} is {type_and_shape(arrays[name])}, expected {_TEXT}")
    sizes = {name: len(arrays[name]) for name in (*_REQUIRED, "split") if _has_rows(arrays, name)}
    if len(set(sizes.values())) > 1:
        problems.append(f"rows: {', '.join(f'{name} {n:,}' for name, n in sizes.items())}")
    if problems:
        there = ", ".join(
            [f"{name} {array.shape}" for name, array in arrays.items()]
            + [f"{name} ({words})" for name, words in found.others.items()]
        )
        lines = [*shorten(problems), f"it has: {there or 'nothing'}"]
        raise InputError(f"{path} does not hold embeddings as expected", lines)


def _has_rows(arrays: Arrays, name: str) -> bool:
    return name in arrays and arrays[name].ndim > 0


def _is_column(array: NDArray[Any], size: int) -> bool:
    return array.shape == (size,) and array.dtype.kind in "OUSiufb"
