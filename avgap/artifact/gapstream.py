"""Gaps of one or more tables of any size, for fitting: as they are, or as a histogram. No torch.

A table of up to EXACT gaps is read whole, with every check. A larger one is read in slabs, its gap
column alone, and only counted: memory does not grow with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from avgap import artifact
from avgap.artifact import STANDARD_STREAM, Stamp
from avgap.artifact.csv import Line, open_csv
from avgap.artifact.gaps import Gaps, expect_whole_file, read_gaps, stamp_of_gaps
from avgap.errors import InputError
from avgap.mixture.fit import EXACT
from avgap.mixture.histogram import Bins, Histogram

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SLAB = 2**20  # gaps, of a binary file
_ROWS = 2**16  # of a CSV
_LARGE_CSV = 2**26  # bytes from which a CSV is read in pieces
_DRAWN = 20_000  # gaps that stand for all in a figure


@dataclass(frozen=True)
class Table:
    """Where gaps came from: the path, the digest of the content, the stamp (None: unknown).

    whole: the table itself, where it was read whole.
    """

    path: str | Path
    digest: str
    stamp: Stamp | None
    whole: Gaps | None = None


@dataclass(frozen=True)
class Pooled:
    """The gaps of all tables: themselves, (N,), or the histogram of more than EXACT."""

    tables: Sequence[Table]
    gap: NDArray[np.float64] | Histogram

    @cached_property
    def bins(self) -> Bins:
        """The gaps with how many samples each stands for."""
        return self.gap.bins if isinstance(self.gap, Histogram) else Bins.of(self.gap)

    @property
    def drawn(self) -> NDArray[np.float64]:
        """The gaps, or so many of them, evenly spaced in order, as a figure can show."""
        return self.gap.order_statistics(_DRAWN) if isinstance(self.gap, Histogram) else self.gap


def collect(paths: Sequence[str | Path], reg_covar: float) -> Pooled:
    """Read all tables; reg_covar: the floor of a variance, which says how fine a histogram is.

    Raises InputError: see read_gaps; also the same gaps given twice.
    """
    histogram, whole, tables = Histogram(reg_covar), [], []
    for path in paths:
        if _is_large(path):
            tables.append(_count(Path(path), histogram))
            continue
        table = read_gaps(path)
        digest = table.digest() if table.stamp is None else table.stamp.digest
        tables.append(Table(path, digest, table.stamp, table))
        whole.append(table.gap)
    _expect_once(tables)
    if histogram.n == 0 and sum(map(len, whole)) <= EXACT:
        return Pooled(tables, np.concatenate(whole))
    for gap in whole:
        histogram.add(gap)
    return Pooled(tables, histogram)


def _expect_once(tables: Sequence[Table]) -> None:
    first: dict[str, str | Path] = {}
    twice = []
    for table in tables:
        if table.digest in first:
            twice.append(f"{table.path} holds the same gaps as {first[table.digest]}")
        first.setdefault(table.digest, table.path)
    if twice:
        raise InputError("the same gaps are given more than once", twice, "every table once")


def _is_large(path: str | Path) -> bool:
    """Whether a file is to be read in slabs; what is no file of gaps is left to read_gaps."""
    place = Path(path)
    if str(path) == STANDARD_STREAM or not place.is_file():
        return False
    if place.suffix == ".csv":
        return place.stat().st_size > _LARGE_CSV
    # Every gap takes a byte at least, so that small files need not be opened for this.
    if place.suffix not in (".h5", ".npy") or place.stat().st_size <= EXACT:
        return False
    with ExitStack() as stack:
        try:
            column, _ = _OPENERS[place.suffix](place, stack)
        except InputError:
            return False
        return column is not None and len(column) > EXACT


def _count(path: Path, histogram: Histogram) -> Table:
    """Add a large table's gaps to the histogram.

    Raises InputError: a gap not in [−1, 1], or, but for a CSV, not what the stamp says.
    """
    sha, row = hashlib.sha256(), 0
    with ExitStack() as stack:
        if path.suffix == ".csv":
            slabs, stamp = _csv_slabs(path, stack)
        else:
            column, stamp = _OPENERS[path.suffix](path, stack)
            slabs = (
                np.asarray(column[start : start + _SLAB], dtype=np.float64)
                for start in range(0, len(column), _SLAB)
            )
        for slab in slabs:
            bad = np.flatnonzero(~(np.abs(slab) <= 1))
            if bad.size:
                lines = [f"row {row + i + 1}: {slab[i]}" for i in bad[:10]]
                raise InputError(f"{path}: gaps are not numbers in [-1, 1]", lines)
            histogram.add(slab)
            if stamp is None:
                sha.update(slab.tobytes())
            row += len(slab)
    if stamp is not None and path.suffix == ".h5":
        expect_whole_file(path, stamp)
    return Table(path, sha.hexdigest() if stamp is None else stamp.digest, stamp)


def _open_hdf5(path: Path, stack: ExitStack) -> tuple[Any, Stamp | None]:
    """The gap column, not yet read, if there is one, and the stamp."""
    file = stack.enter_context(artifact.open_hdf5(path))
    stamp = stamp_of_gaps(artifact.stamp_keys_of_hdf5(file), path)
    column = file.get("gap")
    usable = getattr(column, "ndim", 0) == 1 and column.dtype.kind in "fiu"
    return column if usable else None, stamp


class _Mapped:
    """An array in a .npy, mapped anew for every slab, so that what was read is given back."""

    def __init__(self, path: Path, length: int) -> None:
        self.path, self.length = path, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, part: slice) -> NDArray[np.float64]:
        return np.array(np.load(self.path, mmap_mode="r")[part], dtype=np.float64)


def _open_npy(path: Path, _: ExitStack) -> tuple[_Mapped | None, None]:
    """The array, not yet read, if it is one row of numbers."""
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None, None
    usable = values.ndim == 1 and values.dtype.kind in "fiu"
    return _Mapped(path, len(values)) if usable else None, None


_OPENERS: dict[str, Callable[[Path, ExitStack], tuple[Any, Stamp | None]]] = {
    ".h5": _open_hdf5,
    ".npy": _open_npy,
}


def _csv_slabs(path: Path, stack: ExitStack) -> tuple[Iterator[NDArray[np.float64]], Stamp | None]:
    """The gap column of a CSV in pieces, and the stamp in its leading comment."""
    table = stack.enter_context(open_csv(path))
    stamp = stamp_of_gaps(table.keys, path)
    if "gap" not in table.header:
        raise InputError(f"{path} has no gap column", [f"it has: {', '.join(table.header)}"])
    return _pieces(path, table.rows, table.header.index("gap")), stamp


def _pieces(path: Path, rows: Iterator[Line], place: int) -> Iterator[NDArray[np.float64]]:
    number = 0
    while piece := [row.cells[place] for row in islice(rows, _ROWS)]:
        try:
            yield np.array([float(cell) for cell in piece])
        except ValueError as error:
            where = f"within {_ROWS:,} rows from row {number + 1:,} on: {error}"
            raise InputError(f"{path}: gap is not a number in every row", [where]) from error
        number += len(piece)
