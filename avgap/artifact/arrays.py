"""Named arrays that somebody else wrote: .npz and HDF5, read without running any code in them.

Only what is asked for is read. It leaves this door as floating point of 32 or 64 bits, int64 or
text, whatever it was: 8 or 16 bits, booleans, another order of bytes, fixed or variable lengths.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from avgap import artifact
from avgap.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[Any]]

MOST_BYTES = 16 << 30  # that an array may unpack to: a small file can claim any number
_OTHER_TEXT = "save it as UTF-8"


class Found(NamedTuple):
    """What was read of a file, and what else is in it.

    kinds: numpy's name of the type that each array has in the file. others: name → type and shape,
    or why it was left.
    """

    arrays: Arrays
    kinds: dict[str, str]
    others: dict[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """Of everything in the file."""
        return (*self.arrays, *self.others)


class _Unread(NamedTuple):
    """An array in a file: what is known of it before it is read."""

    shape: tuple[int, ...]
    kind: str  # of its type, for words
    bytes: int
    read: Callable[[], NDArray[Any]]


class _Unusable(Exception):
    """Why an array cannot be taken; the second argument: what to try."""


def read_arrays(
    path: Path, needed: Collection[str], wanted: Callable[[tuple[int, ...]], bool] | None = None
) -> Found:
    """Read the needed arrays of an .npz or HDF5 file, and those whose shape is wanted.

    What is wanted and cannot be read is left. Raises InputError: the file or a needed array cannot
    be read, is pickled, no text and no numbers, or unpacks to more than MOST_BYTES.
    """
    opener = _members if path.suffix == ".npz" else _datasets
    found = Found({}, {}, {})
    with opener(path) as unread:
        for name, array in unread.items():
            if name in needed or (wanted is not None and wanted(array.shape)):
                try:
                    values = _read(array)
                    found.arrays[name], found.kinds[name] = plain(values), values.dtype.str
                    continue
                except _Unusable as error:
                    why, *hint = map(str, error.args)
                    if name in needed:
                        raise InputError(
                            f"{path} cannot be read", [f"the array {name!r} {why}"], *hint
                        ) from error
                    found.others[name] = why
            else:
                found.others[name] = f"{array.kind} {array.shape}"
    return found


def _read(array: _Unread) -> NDArray[Any]:
    if array.bytes > MOST_BYTES:
        size = f"{array.bytes / 2**30:,.0f} GiB, more than {MOST_BYTES >> 30}"
        raise _Unusable(f"unpacks to {size}", "fewer samples in a file, or scores of 16 bits")
    return array.read()


# ---------------------------------------------------------------- types


def plain(array: NDArray[Any]) -> NDArray[Any]:
    """The same values as float32, float64, int64 or text; what is none of these as it is.

    Raises _Unusable: bytes that are no UTF-8.
    """
    kind = array.dtype.kind
    if kind == "O":
        array = _of_objects(array)
        kind = array.dtype.kind
    if kind == "S":
        return np.array([_decoded(value) for value in array.ravel().tolist()], str).reshape(
            array.shape
        )
    if kind in "bi" or (kind == "u" and array.dtype.itemsize < 8):
        return array.astype(np.int64, copy=False)
    if kind not in "fu" or array.dtype == np.float32:
        return array
    return array.astype(np.float64, copy=False)


def _of_objects(array: NDArray[Any]) -> NDArray[Any]:
    """Objects of one kind as an array of it: bytes and texts, or rows of numbers of one length."""
    values = array.ravel().tolist()
    if all(isinstance(value, (str, bytes)) for value in values):
        words = [value if isinstance(value, str) else _decoded(value) for value in values]
        return np.array(words, dtype=str).reshape(array.shape)
    try:
        numbers = np.array([np.asarray(value) for value in values])
    except ValueError:  # rows of several lengths
        return array
    return numbers.reshape(*array.shape, *numbers.shape[1:]) if numbers.dtype != "O" else array


def _decoded(text: bytes) -> str:
    try:
        words = text.decode()
    except UnicodeDecodeError as error:
        raise _Unusable(f"holds text that is no UTF-8 ({text[:20]!r})", _OTHER_TEXT) from error
    if "\0" in words:
        raise _Unusable(f"holds text with NUL in it ({text[:20]!r})", _OTHER_TEXT)
    return words


def texts(array: NDArray[Any]) -> list[str]:
    """The values as text, stripped, (N,)."""
    return [str(value).strip() for value in array.tolist()]


def type_and_shape(array: NDArray[Any]) -> str:
    """Type and shape, for errors."""
    return f"{array.dtype} {array.shape}"


# ---------------------------------------------------------------- .npz


@contextmanager
def _members(path: Path) -> Iterator[dict[str, _Unread]]:
    """The arrays of an .npz by name. Raises InputError: none, unreadable, or one array alone."""
    try:
        with path.open("rb") as raw:
            if raw.read(6) == b"\x93NUMPY":
                raise InputError(f"{path} is one array, not an .npz of several", (), "numpy.savez")
            with zipfile.ZipFile(raw) as file:
                yield {
                    info.filename.removesuffix(".npy"): _member(file, info)
                    for info in file.infolist()
                    if info.filename.endswith(".npy")
                }
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise InputError(f"{path} cannot be read as .npz", [artifact.first_line(error)]) from error


def _member(file: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Unread:
    from numpy.lib import format as npy

    def read() -> NDArray[Any]:
        if dtype.hasobject:
            raise _Unusable(
                "is pickled, and loading that could run code",
                "save text as numpy.array(names, dtype=str)",
            )
        if info.file_size != raw_size:
            raise _Unusable("is damaged: its size is not the one it names")
        if dtype.kind == "V":
            raise _Unusable(
                f"is {dtype}, of no type that numpy knows (bfloat16?)", "save it as float32"
            )
        try:
            with file.open(info) as member:
                # Never pickled: loading that could run code.
                return np.asarray(npy.read_array(member, allow_pickle=False))
        except ValueError as error:
            raise _Unusable(f"is damaged ({artifact.first_line(error)})") from error

    try:
        with file.open(info) as member:
            version = npy.read_magic(member)
            header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, _, dtype = header(member)
            raw_size = member.tell() + int(np.prod(shape, dtype=object)) * dtype.itemsize
    except (ValueError, RuntimeError, SyntaxError) as error:
        why = artifact.first_line(error)
        return _Unread((), "damaged", 0, lambda: _refuse(f"cannot be read ({why})"))
    return _Unread(shape, str(dtype), max(raw_size, info.file_size), read)


def _refuse(why: str) -> NDArray[Any]:
    raise _Unusable(why)


# ---------------------------------------------------------------- HDF5


@contextmanager
def _datasets(path: Path) -> Iterator[dict[str, _Unread]]:
    """The datasets at the top of an HDF5 file by name. Raises InputError: unreadable."""
    import h5py

    with artifact.open_hdf5(path) as file:
        datasets = {name: item for name, item in file.items() if isinstance(item, h5py.Dataset)}
        yield {name: _dataset(item) for name, item in datasets.items()}


def _dataset(dataset: Any) -> _Unread:
    import h5py

    try:
        dtype = dataset.dtype
    except TypeError as error:
        why = f"has a type that numpy lacks ({error})"
        return _Unread(dataset.shape or (), "unknown", 0, lambda: _refuse(why))

    def read() -> NDArray[Any]:
        if dataset.shape is None:
            raise _Unusable("is empty")
        if h5py.check_ref_dtype(dtype) is not None:
            raise _Unusable("holds references, as a cell array of MATLAB", "save texts or numbers")
        # Raw: what HDF5 says of the encoding is often not so.
        return np.asarray(dataset[()])

    size = int(np.prod(dataset.shape or (0,), dtype=object)) * dtype.itemsize
    return _Unread(dataset.shape or (), str(dtype), size, read)
