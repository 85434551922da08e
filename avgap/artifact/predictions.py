"""Any model's scores as a file: .npz, .h5, .csv or .parquet → arrays by name. No torch.

In .npz and .h5 an array is (N,) or (N, M). A table holds an (N, M) array as M columns, named by
class index or class: audio_prob_0, audio_prob_1, … or audio_prob_dog, audio_prob_cat, …; audio_0 is
short for audio_logits_0.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from avgap import artifact
from avgap.artifact import Stamp
from avgap.artifact.arrays import MOST_BYTES, plain, read_arrays, texts
from avgap.artifact.csv import expect_once, read_csv
from avgap.artifact.gaps import read_gaps, stamp_of_gaps
from avgap.errors import InputError
from avgap.settings import MODALITIES
from avgap.text import shorten

if TYPE_CHECKING:
    from avgap.artifact.arrays import Arrays

TEXT = ("id", "label", *(f"{name}_pred" for name in MODALITIES))
SCORES = tuple(f"{name}_{kind}" for name in MODALITIES for kind in ("logits", "prob"))
_PART = re.compile(r"(audio|visual|fused)_(?:(logits|prob)_(.+)|(\d+))")
_INDEX = re.compile(r"0|[1-9][0-9]*")
_MOST_CLASSES = 10_000  # a larger number is a name
_INSTALL = "pip install 'avgap[parquet]'"


class ScoreFile(NamedTuple):
    """What a file holds of TEXT and SCORES, and the names of everything in it.

    arrays: as float64, int64 or text. kinds: numpy's names of the types that they have in the file.
    classes: names by index, where the file tells them. stamp: of a table that avgap wrote.
    """

    arrays: Arrays
    kinds: dict[str, str]
    names: tuple[str, ...]
    classes: tuple[str, ...] | None = None
    stamp: Stamp | None = None


def read_scores(path: Path) -> ScoreFile:
    """Read the arrays of a file by its ending. Values are not checked here.

    Raises InputError: missing, unreadable, another artifact of avgap, columns that make no array, a
    table of ours that is not what its stamp says.
    """
    readers = {".npz": _npz, ".h5": _hdf5, ".csv": _csv, ".parquet": _parquet}
    if not path.exists():
        raise InputError(f"{path} does not exist")
    if path.suffix not in readers:
        raise InputError(
            f"{path} is not a file of scores", [f"known endings: {', '.join(readers)}"]
        )
    scores = readers[path.suffix](path)
    if scores.stamp is not None:
        read_gaps(path)  # for its checks
    return scores


# ---------------------------------------------------------------- arrays


def _npz(path: Path) -> ScoreFile:
    return _of_file(path, None)


def _hdf5(path: Path) -> ScoreFile:
    with artifact.open_hdf5(path) as file:
        stamp = stamp_of_gaps(artifact.stamp_keys_of_hdf5(file), path)
    return _of_file(path, stamp)


def _of_file(path: Path, stamp: Stamp | None) -> ScoreFile:
    found = read_arrays(path, (*TEXT, *SCORES, "classes"))
    arrays = {name: _wide(array) for name, array in found.arrays.items() if name != "classes"}
    classes = None
    if "classes" in found.arrays:
        classes = tuple(texts(found.arrays["classes"].reshape(-1)))
    return ScoreFile(arrays, found.kinds, found.names, classes, stamp)


def _wide(array: Any) -> Any:
    """Numbers as float64 or int64, so that no sum of two scores is rounded, or wraps around."""
    values = plain(array)
    return values.astype(np.float64, copy=False) if values.dtype.kind == "f" else values


# ---------------------------------------------------------------- tables


def _csv(path: Path) -> ScoreFile:
    keys, names, rows, _ = read_csv(path)
    cells = zip(*rows, strict=True)
    columns = {name: np.array(values, dtype=str) for name, values in zip(names, cells, strict=True)}
    scores = {
        name: array for name, array in columns.items() if name in SCORES or _PART.fullmatch(name)
    }
    columns |= _numbers(scores, columns.get("id"), path)
    return _of_columns(columns, stamp_of_gaps(keys, path), path)


def _numbers(columns: Arrays, ids: Any, path: Path) -> Arrays:
    """Columns of text as float64; an empty cell is NaN. Raises InputError with every other cell."""
    numbers, bad = {}, []
    for name, cells in columns.items():
        filled = np.where(np.char.strip(cells) == "", "nan", cells)
        try:
            numbers[name] = filled.astype(np.float64)
        except ValueError:
            for row, cell in enumerate(cells.tolist()):
                if not _is_number(cell):
                    who = ids[row] if ids is not None else f"row {row}"
                    bad.append(f"{who}: {name} is {cell!r}")
    if bad:
        raise InputError(f"{path}: {len(bad)} scores are not numbers", shorten(bad, 10))
    return numbers


def _is_number(cell: str) -> bool:
    try:
        float(cell or "nan")
    except ValueError:
        return False
    return True


def _parquet(path: Path) -> ScoreFile:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise InputError(f"{path} needs pyarrow, which is not installed", (), _INSTALL) from error
    try:
        with parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            wanted = [n for n in names if n in (*TEXT, *SCORES, "classes") or _PART.fullmatch(n)]
            expect_once(names, path)
            claimed = 8 * file.metadata.num_rows * len(wanted)
            if claimed > MOST_BYTES:
                size = f"{claimed / 2**30:,.0f} GiB, more than {MOST_BYTES >> 30}"
                raise InputError(f"{path} unpacks to {size}", (), "fewer samples in a file")
            table = file.read(columns=wanted)
        columns = {name: _column(table.column(name).combine_chunks()) for name in wanted}
    except (OSError, ValueError, TypeError, pyarrow.ArrowException) as error:
        raise InputError(
            f"{path} cannot be read as Parquet", [artifact.first_line(error)]
        ) from error
    extra = {name: np.empty(0) for name in names if name not in columns}
    return _of_columns({**columns, **extra}, None, path)


def _column(values: Any) -> Any:
    """A column of pyarrow as an array: text, numbers, or lists of one length as (N, M)."""
    from pyarrow import types

    if types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if types.is_nested(values.type):
        return np.array(values.to_pylist(), dtype=np.float64)
    if types.is_string(values.type) or types.is_large_string(values.type):
        return np.array([value or "" for value in values.to_pylist()], dtype=str)
    return values.to_numpy(zero_copy_only=False)


# ---------------------------------------------------------------- columns → arrays


def _of_columns(columns: Arrays, stamp: Stamp | None, path: Path) -> ScoreFile:
    """Join the columns of each (N, M) array. Raises InputError with all that cannot be joined."""
    known = {name: array for name, array in columns.items() if name in (*TEXT, *SCORES)}
    parts: dict[str, Arrays] = {}
    problems = []
    for name, column in columns.items():
        if name in known or not (match := _PART.fullmatch(name)):
            continue
        modality, kind, word, number = match.groups()
        whole, suffix = f"{modality}_{kind or 'logits'}", word or number
        if suffix in parts.setdefault(whole, {}):
            problems.append(f"{name} says the same as {whole}_{suffix}")
        parts[whole][suffix] = column
    problems += [f"{name} stands as one column and as several" for name in parts if name in known]
    suffixes = {suffix: None for part in parts.values() for suffix in part}  # in their order
    indexed = all(_INDEX.fullmatch(suffix) for suffix in suffixes)
    if indexed and max(map(int, suffixes), default=-1) < _MOST_CLASSES:
        suffixes = {str(i): None for i in range(1 + max(map(int, suffixes), default=-1))}
    else:  # names, also those that are large numbers
        indexed = False
    for name, part in parts.items():
        lacking = [f"{name}_{suffix}" for suffix in suffixes if suffix not in part]
        problems += [f"no column {', '.join(shorten(lacking, 5))}"] * bool(lacking)
    if problems:
        raise InputError(f"{path}: its columns make no table of scores", shorten(problems, 10))
    known |= {name: np.stack([part[s] for s in suffixes], axis=1) for name, part in parts.items()}
    kinds = {name: array.dtype.str for name, array in known.items()}
    known = {name: _wide(array) for name, array in known.items()}
    return ScoreFile(known, kinds, tuple(columns), None if indexed else tuple(suffixes), stamp)
