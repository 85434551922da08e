"""Reading: whatever is missing, truncated, foreign or hostile is a clear error."""

from __future__ import annotations

import errno
import io
import json
import numbers
import os
import pickle
import re
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from avgap.artifact.schema import expect_plain
from avgap.artifact.stamp import LONG, STAMP_KEYS, Stamp, parse_stamp
from avgap.errors import ForeignError, InputError
from avgap.text import shorten

# What systems say where a file system knows no locks.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
_NO_FILTER = ("required filter", "can't open directory", "plugin", "not registered")


def read_stamp(path: Path) -> Stamp:
    """The stamp of any artifact of ours. Raises InputError: missing, corrupt, foreign, or newer."""
    if not path.exists():
        raise InputError(f"{path} does not exist")
    if path.is_dir():
        raise InputError(f"{path} is a folder, not an artifact")
    readers = {
        ".h5": _stamp_of_hdf5,
        ".json": read_json,
        ".csv": _stamp_of_csv,
        ".pt": _stamp_of_pt,
    }
    reader = readers.get(path.suffix)
    if reader is None:
        raise InputError(
            f"{path} is not an avgap artifact", [f"known endings: {', '.join(readers)}"]
        )
    return parse_stamp(reader(path), path)


def read_json(path: Path) -> dict[str, Any]:
    """The whole of a JSON file. Raises InputError when it is not one JSON object."""
    try:
        data = parse_json(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON", [str(error)]) from error
    if not isinstance(data, dict):
        raise ForeignError(f"{path} is not an avgap artifact", ["it is not one JSON object"])
    return data


def open_stdin() -> TextIO:
    """Standard input as UTF-8, with the newlines it has. Raises InputError: closed."""
    if sys.stdin is None:  # by the caller (<&-)
        raise InputError("standard input is closed")
    raw = getattr(sys.stdin, "buffer", None)  # its text may have been decoded with replacements
    if raw is None:
        return sys.stdin
    return io.TextIOWrapper(io.BytesIO(raw.read()), encoding="utf-8", newline="")


def parse_json(text: str) -> Any:
    """The values of a JSON text.

    Raises ValueError, also where a number is none (NaN, 1e400) or too large, a record names a field
    twice, or records lie too deep in each other.
    """

    def refused(name: str) -> None:
        raise ValueError(f"{name} is no number")

    try:
        value = json.loads(text, parse_constant=refused, object_pairs_hook=_once)
    except RecursionError as error:
        raise ValueError("records lie too deep in each other") from error
    expect_plain(value)
    return value


def _once(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    """A record whose fields have each a name of their own. Raises ValueError."""
    record = dict(fields)
    if len(record) < len(fields):
        names = [name for name, _ in fields]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the field {twice!r} stands twice in a record")
    return record


@contextmanager
def open_hdf5(path: Path) -> Iterator[Any]:
    """Open an HDF5 file for reading. What is read of it lies in it: see expect_self_contained.

    Raises InputError: missing, locked, truncated, foreign, compressed by what is not installed.
    """
    try:
        file = _open(path)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist") from error
    except OSError as error:
        raise _unreadable(f"{path} cannot be read as HDF5", path, error) from error
    try:
        with file:
            expect_self_contained(file, path)
            yield file
    except Exception as error:
        if not (isinstance(error, OSError | KeyError | RuntimeError) or _is_of_h5py(error)):
            raise
        raise _unreadable(f"{path} is corrupt", path, error) from error


def _open(path: Path) -> Any:
    import h5py

    # Without its cache of chunks HDF5 reads each straight into our memory: 1.5 times as fast.
    try:
        return h5py.File(path, "r", rdcc_nbytes=0)
    except OSError as error:
        if _errno(error) not in _NO_LOCKS:
            raise
    # A file system without locks: there is nobody to be kept out, either.
    return h5py.File(path, "r", rdcc_nbytes=0, locking=False)


def _errno(error: OSError) -> int | None:
    """What the system said, also where HDF5 tells it in words alone."""
    told = re.search(r"\berrno = (\d+)", str(error))
    return int(told[1]) if told else error.errno


def _unreadable(what: str, path: Path, error: Exception) -> InputError:
    """The error of a file, with a remedy where there is one: a disk that fails asks for none."""
    words = first_line(error)
    system = _errno(error) if isinstance(error, OSError) else None
    if system in (errno.EAGAIN, errno.EACCES) and "lock" in words:
        return InputError(
            f"{path} is locked: another program is writing it", [words], "again when that has ended"
        )
    if any(sign in words for sign in _NO_FILTER):
        return InputError(
            f"{path} is compressed by a filter that is not installed",
            [words],
            "h5repack -f NONE FILE OUTPUT, where the filter is installed",
        )
    if system:
        return InputError(f"{path} cannot be read", [os.strerror(system), words])
    return InputError(what, [words], "make it again")


def expect_self_contained(file: Any, path: Path) -> None:
    """Raise InputError where an HDF5 file would have HDF5 read other files in its place."""
    import h5py
    from h5py import h5d, h5l, h5o

    outside = []

    def look(name: bytes, link: Any) -> None:
        words = name.decode("utf-8", "backslashreplace")
        if link.type == h5l.TYPE_SOFT:
            return  # within the file: what it leads to is looked at by its own name
        if link.type != h5l.TYPE_HARD:
            outside.append(f"{words} is a link to another file")
            return
        here = h5o.open(file.id, name)
        if not isinstance(here, h5py.h5d.DatasetID):
            return
        made = here.get_create_plist()
        if made.get_layout() == h5d.VIRTUAL:
            outside.append(f"{words} is a virtual dataset, of arrays elsewhere")
        elif made.get_layout() == h5d.CONTIGUOUS and made.get_external_count():
            outside.append(f"{words} keeps its values in other files")

    file.id.links.visit(look, info=True)
    if outside:
        raise InputError(
            f"{path} would be read from other files", shorten(outside, 10), "a file that holds all"
        )


def _is_of_h5py(error: BaseException) -> bool:
    """Whether h5py raised an exception: of a damaged file that can be one of any kind."""
    last = list(traceback.walk_tb(error.__traceback__))[-1][0]
    return "h5py" in Path(last.f_code.co_filename).parts


def first_line(error: BaseException) -> str:
    """The first line of an exception's text, or the name of its kind."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def attribute(file: Any, name: str) -> Any:
    """A root attribute of an h5py file, also one kept as a dataset.

    None where there is none, or one of a type that numpy does not know.
    """
    import h5py

    if name in file.attrs:
        try:
            return file.attrs[name]
        except (TypeError, ValueError):
            return None
    long = file.get(f"{LONG}/{name}")
    if not isinstance(long, h5py.Dataset):
        return None
    return (long.asstr() if h5py.check_string_dtype(long.dtype) else long)[()]


def stamp_keys_of_hdf5(file: Any) -> dict[str, Any]:
    """The stamp's keys from an open h5py file (those that are there)."""
    keys: dict[str, Any] = {}
    for key in STAMP_KEYS:
        value = attribute(file, key)
        if value is not None:
            number = key == "format_version" and isinstance(value, numbers.Integral)
            keys[key] = int(value) if number else str(value)
    for key in ("inputs", "parameters", "provenance", "hints"):
        try:
            keys[key] = parse_json(keys[key])
        except (KeyError, ValueError):
            keys[key] = None
    return keys


def _stamp_of_hdf5(path: Path) -> dict[str, Any]:
    with open_hdf5(path) as file:
        return stamp_keys_of_hdf5(file)


def _stamp_of_csv(path: Path) -> dict[str, Any]:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return stamp_keys_of_comment(file.readline(), path)


def stamp_keys_of_comment(line: str, name: str | Path) -> dict[str, Any]:
    """The stamp's keys from the leading comment line of a CSV; empty when the line is no stamp.

    Raises InputError where it begins as one; name: of the file.
    """
    if not line.startswith("# {"):
        return {}
    try:
        keys: dict[str, Any] = parse_json(line[2:])
    except ValueError as error:
        told = [f"its first line is no stamp: {first_line(error)}"]
        raise ForeignError(f"{name} cannot be read", told) from error
    return keys


def _stamp_of_pt(path: Path) -> dict[str, Any]:
    return read_tensors(path, mapped=True)


def read_tensors(path: Path, *, mapped: bool = False) -> dict[str, Any]:
    """The keys of a .pt file, tensors on the CPU; no code in it is run. mapped: tensors unread.

    Raises InputError: missing, truncated, foreign, or more than tensors and plain values.
    """
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch muses about foreign pickles; we refuse them
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped or None)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist") from error
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path} is not a checkpoint of avgap",
            ["it holds more than tensors and plain values, and was not loaded"],
        ) from error
    # A file made to deceive can fail in any way; whichever it is, it is the file that is wrong.
    except Exception as error:
        raise InputError(f"{path} cannot be read as a checkpoint", [first_line(error)]) from error
    if not isinstance(content, dict):
        raise InputError(f"{path} is not a checkpoint of avgap", ["it carries no avgap stamp"])
    return content
