"""The table of gaps as a file: ours with its stamp, or anybody's with a gap column. No torch."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from avgap import artifact
from avgap.artifact import STANDARD_STREAM, Answer, InPieces, Kind, Stamp
from avgap.artifact.csv import CsvTable, read_csv, read_csv_of_stdin
from avgap.errors import InputError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_COLUMNS = ("audio_prob", "visual_prob", "gap")
_PREDICTIONS = ("fused_pred", "audio_pred", "visual_pred")
_LOGITS = ("fused_logits", "audio_logits", "visual_logits")
_INDICES = ("label", "fold")
_EVERY = (*_INDICES, *_COLUMNS, *_PREDICTIONS, *_LOGITS)
_PIECE = 2**16  # rows


@dataclass(frozen=True)
class Gaps:
    """The gaps of N samples in cache order. Foreign tables have a gap column and maybe an id.

    id, label: (N,). audio_prob, visual_prob: softmax score of the true class, (N,), Eq. 4.
    gap: audio_prob − visual_prob, (N,) in [−1, 1], > 0 audio-dominant, Eq. 6.
    fused_pred, audio_pred, visual_pred: predicted class index, (N,). *_logits: (N, M) or None.
    fold: of cross-fitting, from 1, (N,): the networks of the other folds have trained on a sample,
    and the one of its own has measured it; None: one network measured all.
    """

    gap: NDArray[np.float64]
    id: list[str] | None = None
    label: NDArray[np.int64] | None = None
    audio_prob: NDArray[np.float64] | None = None
    visual_prob: NDArray[np.float64] | None = None
    fused_pred: NDArray[np.int64] | None = None
    audio_pred: NDArray[np.int64] | None = None
    visual_pred: NDArray[np.int64] | None = None
    fused_logits: NDArray[np.float32] | None = None
    audio_logits: NDArray[np.float32] | None = None
    visual_logits: NDArray[np.float32] | None = None
    fold: NDArray[np.int64] | None = None
    stamp: Stamp | None = None  # None: a table of unknown origin

    def __len__(self) -> int:
        return len(self.gap)

    @property
    def held_out(self) -> bool | None:
        """Whether the network that measured a sample has never trained on it; None: unknown."""
        if self.fold is not None:
            return True
        asked = {} if self.stamp is None else self.stamp.parameters
        inputs = {} if self.stamp is None else self.stamp.inputs
        if "checkpoint" not in inputs or "split" not in asked:
            return None
        return bool(asked["split"] != "train")

    def numbers(self) -> dict[str, float]:
        """Size, mean, mean absolute value, and the share above zero (audio-dominant)."""
        return {
            "n_samples": len(self),
            "mean": float(self.gap.mean()),
            "mean_abs": float(np.abs(self.gap).mean()),
            "audio_dominant": float((self.gap > 0).mean()),
        }

    def without_logits(self) -> Gaps:
        """All else of the table: what a CSV holds."""
        return replace(self, fused_logits=None, audio_logits=None, visual_logits=None)

    def digest(self) -> str:
        """The digest of the content: ids, labels and every array, not the stamp."""
        return _digest({name: getattr(self, name) for name in ("id", *_EVERY)})


def _digest(columns: Mapping[str, Any]) -> str:
    """The digest of columns by their names; without a fold it is that of tables before folds."""
    arrays = {name: columns.get(name) for name in (*_COLUMNS, *_PREDICTIONS, *_LOGITS)}
    if columns.get("fold") is not None:
        arrays["fold"] = columns["fold"]
    return artifact.digest("gaps", columns.get("id"), columns.get("label"), arrays)


def expect_whole_file(path: Path, stamp: Stamp) -> None:
    """Raise InputError unless a table as .h5 has the digest of its stamp, read piece by piece."""
    with artifact.open_hdf5(path) as file:
        columns = {name: _in_pieces(file[name]) for name in ("id", *_EVERY) if name in file}
        artifact.expect_whole(stamp, _digest(columns), path)


def _in_pieces(column: Any) -> InPieces:
    """A column of a file, read when it is digested."""
    import h5py

    shape, kind = column.shape, column.dtype.str
    if h5py.check_string_dtype(column.dtype):
        column, kind = column.asstr(errors="backslashreplace"), ""
    pieces = (column[start : start + _PIECE] for start in range(0, len(column), _PIECE))
    return InPieces(pieces, shape, kind)


def of_folds(tables: Iterable[Gaps], fold: NDArray[np.int64]) -> Gaps:
    """Of each of N samples the row by the network that has not seen it.

    tables: all samples as measured by the network of fold 1, 2, … in turn; only one is held at a
    time. fold: of each sample, from 1, (N,).
    """
    kept: dict[str, Any] = {}
    ids: list[str] | None = None
    for number, table in enumerate(tables, start=1):
        mine, ids = fold == number, table.id
        for name in ("label", *_COLUMNS, *_PREDICTIONS, *_LOGITS):
            values = getattr(table, name)
            if values is not None:
                kept.setdefault(name, np.empty_like(values))[mine] = values[mine]
    return Gaps(id=ids, fold=fold, **kept)


@dataclass(frozen=True)
class Collected:
    """The outcome of measuring: the table, and where it lies ("-": printed by the caller)."""

    table: Gaps
    path: str
    up_to_date: bool

    @classmethod
    def of(cls, answer: Answer[Gaps], path: str | Path) -> Collected:
        """The outcome that a place for gaps gave."""
        table = replace(answer.content, stamp=answer.stamp)
        return cls(table, str(path), answer.up_to_date)

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        stamp = self.table.stamp
        return {
            "gaps": self.path,
            "digest": None if stamp is None else stamp.digest,
            "up_to_date": self.up_to_date,
            **self.table.numbers(),
        }


def read_gaps(path: str | Path) -> Gaps:
    """Read a table of gaps: ours (.h5, .csv, "-" for CSV on stdin), or foreign .h5, .csv, .npy.

    Raises InputError: missing, corrupt, no gap column, a value that is not a number in [−1, 1], a
    content that does not have the digest of its stamp.
    """
    if str(path) == STANDARD_STREAM:
        table = _from_csv(read_csv_of_stdin(), "standard input")
    else:
        path = Path(path)
        readers = {
            ".h5": _from_hdf5,
            ".csv": lambda path: _from_csv(read_csv(path), str(path)),
            ".npy": _from_npy,
        }
        if not path.exists():
            raise InputError(f"{path} does not exist")
        if path.suffix not in readers:
            raise InputError(
                f"{path} is not a table of gaps", [f"known endings: {', '.join(readers)}"]
            )
        table = readers[path.suffix](path)
    _check(table, path)
    if table.stamp is not None:
        artifact.expect_whole(table.stamp, table.digest(), path)
    return table


def stamp_of_gaps(keys: Mapping[str, Any], path: str | Path) -> Stamp | None:
    """The stamp among a table's keys; None of a foreign table. Raises InputError: another kind."""
    if not artifact.is_stamped(keys):
        return None
    stamp = artifact.parse_stamp(keys, path)
    artifact.expect(stamp, "avgap.gaps", path)
    return stamp


def holds_logits(output: str | Path) -> bool:
    """Whether a table of gaps at output can hold logits: a CSV, in a file or printed, cannot."""
    return str(output) != STANDARD_STREAM and Path(output).suffix != ".csv"


def expect_room(output: str | Path, *, logits: bool) -> None:
    """Raise UsageError where logits are asked for in a file that cannot hold them."""
    if logits and not holds_logits(output):
        raise UsageError("a CSV holds no logits", hint="--logits with -o GAPS.h5")


def write_gaps(path: Path, table: Gaps, check: Callable[[], object] = lambda: None) -> None:
    """Write a table of gaps as .h5, or as .csv (stamp, then one row per sample, no logits).

    check: as `artifact.atomic`.
    """
    if path.suffix == ".csv":
        artifact.write_text(path, gaps_as_csv(table), check)
        return
    import h5py

    if table.stamp is None:
        raise ValueError("a table of gaps is written with its stamp")
    with artifact.atomic(path, check) as part, artifact.create_hdf5(part) as (file, _):
        artifact.stamp_hdf5(file, table.stamp)
        if table.id is not None:
            file.create_dataset("id", data=table.id, dtype=h5py.string_dtype())
        for name in _EVERY:
            if getattr(table, name) is not None:
                file.create_dataset(name, data=getattr(table, name))


GAPS: Kind[Gaps] = Kind(
    read_gaps,
    Gaps.digest,
    lambda path, table, stamp, check: write_gaps(path, replace(table, stamp=stamp), check),
)


def gaps_as_csv(table: Gaps) -> str:
    """The table as CSV text: the stamp in a leading comment line, a header, one row per sample."""
    if table.stamp is None:
        raise ValueError("a table of gaps is written with its stamp")
    names = (*_INDICES, *_COLUMNS, *_PREDICTIONS)
    columns = {"id": table.id} if table.id is not None else {}
    columns |= {n: getattr(table, n).tolist() for n in names if getattr(table, n) is not None}
    text = io.StringIO()
    artifact.to_csv(table.stamp, columns, text)
    return text.getvalue()


# ---------------------------------------------------------------- reading, by kind of file


def _from_hdf5(path: Path) -> Gaps:
    with artifact.open_hdf5(path) as file:
        stamp = stamp_of_gaps(artifact.stamp_keys_of_hdf5(file), path)
        if "gap" not in file:
            raise InputError(
                f"{path} has no gap column", [f"it has: {', '.join(file) or 'nothing'}"]
            )
        ours = () if stamp is None else _INDICES  # foreign tables may name their classes
        names = [n for n in (*ours, *_COLUMNS, *_PREDICTIONS, *_LOGITS) if n in file]
        arrays = {name: _numbers(file[name], name, path) for name in names}
        arrays["gap"] = arrays["gap"].astype(np.float64)
        ids = _texts(file["id"], path) if "id" in file else None
    return Gaps(id=ids, stamp=stamp, **arrays)


def _numbers(column: Any, name: str, path: Path) -> NDArray[Any]:
    """A dataset of one number per sample, or logits (N, M). Raises InputError for another."""
    dimensions = 2 if name in _LOGITS else 1
    kind = getattr(getattr(column, "dtype", None), "kind", "")
    if not kind or kind not in "fiu" or column.ndim != dimensions:
        raise InputError(f"{path}: {name} is not one column of numbers")
    return np.asarray(column[:])


def _texts(column: Any, path: Path) -> list[str]:
    """A dataset of one text per sample; numbers are taken as they are written."""
    import h5py

    if getattr(column, "ndim", 0) != 1:
        raise InputError(f"{path}: id is not one column")
    if h5py.check_string_dtype(column.dtype):
        # What HDF5 says of the encoding is often not so.
        return [value.decode("utf-8", "backslashreplace") for value in column[:].tolist()]
    return [str(value) for value in column[:].tolist()]


def _from_csv(table: CsvTable, name: str) -> Gaps:
    stamp = stamp_of_gaps(table.keys, name)
    header = table.header
    if "gap" not in header:
        raise InputError(f"{name} has no gap column", [f"it has: {', '.join(header)}"])
    columns = dict(zip(header, zip(*table.rows, strict=True), strict=True))
    arrays: dict[str, Any] = {n: _of_cells(columns.get(n), n, float, name) for n in _COLUMNS}
    # A foreign table may name its classes, or leave some out; only ours promises indices.
    for column in (*_INDICES, *_PREDICTIONS) if stamp is not None else ():
        arrays[column] = _of_cells(columns.get(column), column, int, name)
    ids = list(columns["id"]) if "id" in columns else None
    return Gaps(id=ids, stamp=stamp, **arrays)


def _of_cells(cells: Sequence[str] | None, column: str, kind: type, name: str) -> Any:
    """A column as numbers; None where there is none. Raises InputError with what is no number."""
    if cells is None:
        return None
    values, bad = [], []
    for number, cell in enumerate(cells, start=1):
        try:
            values.append(kind(cell))
        except ValueError:
            bad.append(f"row {number}: {cell!r}")
    if bad:
        raise InputError(f"{name}: {column} is not a number in {len(bad)} rows", bad[:10])
    try:
        return np.array(values, dtype=np.int64 if kind is int else np.float64)
    except OverflowError as error:
        raise InputError(f"{name}: {column} holds a number too large for an index") from error


def _from_npy(path: Path) -> Gaps:
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path} cannot be read as .npy", [str(error)]) from error
    if values.ndim != 1 or values.dtype.kind not in "fiu":
        raise InputError(f"{path}: gaps are one row of numbers, not {values.dtype} {values.shape}")
    return Gaps(gap=values.astype(np.float64))


def _check(table: Gaps, path: str | Path) -> None:
    if len(table) == 0:
        raise InputError(f"{path} is empty", ["it holds no samples"])
    if table.gap.ndim != 1 or table.gap.dtype.kind not in "fiu":
        raise InputError(f"{path}: gaps are one column of numbers")
    uneven = [
        name
        for name in ("id", *_EVERY)
        if getattr(table, name) is not None and len(getattr(table, name)) != len(table)
    ]
    if uneven:
        raise InputError(f"{path} is corrupt", [f"{n} has another length than gap" for n in uneven])
    named = table.id if table.id is not None else [f"row {i}" for i in range(1, len(table) + 1)]
    bad = np.flatnonzero(~(np.abs(table.gap) <= 1))
    if bad.size:
        lines = [f"{named[i]}: {table.gap[i]}" for i in bad[:10]]
        more = [f"and {bad.size - 10} more"] if bad.size > 10 else []
        raise InputError(
            f"{path}: {bad.size} of {len(table)} gaps are not numbers in [-1, 1]", lines + more
        )
