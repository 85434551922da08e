"""Writing, atomically and with the stamp."""

from __future__ import annotations

import csv
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from avgap.artifact.locks import Lock, take
from avgap.artifact.stamp import LONG, Stamp, real
from avgap.errors import OutputError

_MOST_IN_ATTRIBUTE = 60_000  # bytes; HDF5's bound is 64 kB with what it writes around them
_REFERENCE = 16  # bytes of a text in a list, which lies elsewhere


def _nothing() -> None:
    pass


@contextmanager
def atomic(path: Path, check: Callable[[], object] = _nothing) -> Iterator[Path]:
    """Yield a part file beside path; move it into place on success, remove it on any failure.

    One process at a time writes a path: the part is locked by the operating system, which lets go
    when the process ends, however it ends. What a killed process left is written over. check: what
    to look at again once nobody else can write; it raises where nothing may be written any more.
    Where path is a link, what it points to is written; what is replaced keeps its permissions.
    Raises OutputError where another process is writing path, the part is no plain file, or the disk
    refuses (full, read-only, a folder of that name).
    """
    expect_an_end(path)
    path = real(path) if path.is_symlink() else path
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = take(part)
    except BlockingIOError as error:
        raise OutputError(
            f"{path} is being written by another avgap", hint="wait for it to end, or another -o"
        ) from error
    except OSError as error:
        raise _cannot_write(path, error) from error
    try:
        check()
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else None
        _permit(lock, mode, stat.S_IRUSR | stat.S_IWUSR)  # from the first byte on
        yield part
        os.fsync(lock.descriptor)
        _permit(lock, mode)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise _cannot_write(path, error) from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    finally:
        lock.close()


def expect_an_end(path: Path) -> None:
    """Raise OutputError where a path is a link that leads to itself."""
    if real(path).is_symlink():
        raise OutputError(
            f"{path} is a link that leads to itself", hint=f"rm {path}, or another -o"
        )


def _permit(lock: Lock, mode: int | None, besides: int = 0) -> None:
    """Give a part the permissions of the file that it replaces; None: there is none."""
    if mode is not None and hasattr(os, "fchmod"):
        os.fchmod(lock.descriptor, mode | besides)


def _cannot_write(path: Path, error: OSError) -> OutputError:
    reason = error.strerror or str(error)
    return OutputError(f"cannot write {path}", [reason], "another place, or free some space")


def write_text(path: Path, text: str, check: Callable[[], object] = _nothing) -> None:
    """Write a text file atomically, UTF-8, with the newlines it has. check: as `atomic`.

    What is no text, such as a file's name in another encoding, stands there as an escape.
    """
    with atomic(path, check) as part:
        part.write_bytes(text.encode("utf-8", "backslashreplace"))


def to_json(stamp: Stamp, body: Mapping[str, Any]) -> str:
    """A JSON artifact as text: the stamp's keys, then the body's."""
    return (
        json.dumps({**stamp.as_dict(), **body}, indent=2, ensure_ascii=False, allow_nan=False)
        + "\n"
    )


def to_csv(stamp: Stamp, columns: Mapping[str, list[Any]], file: TextIO) -> None:
    """Write a CSV artifact: the stamp as a leading comment line, a header, one row per sample."""
    file.write(f"# {json.dumps(stamp.as_dict(), ensure_ascii=True)}\n")
    # A carriage return ends a line for readers, and is not quoted for it by the writer.
    texts = (text for column in columns.values() for text in column if isinstance(text, str))
    broken = any("\r" in text for text in texts)
    writer = csv.writer(
        file, lineterminator="\n", quoting=csv.QUOTE_ALL if broken else csv.QUOTE_MINIMAL
    )
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))


def stamp_hdf5(file: Any, stamp: Stamp) -> None:
    """Put the stamp into the root attributes of an open h5py file."""
    for key, value in stamp.as_dict().items():
        put_attribute(file, key, json.dumps(value) if isinstance(value, dict) else value)


def put_attribute(file: Any, name: str, value: Any) -> None:
    """Put text, a list of texts, a number or an array into the root attributes of an h5py file.

    What an attribute cannot hold, from 64 kB on, becomes a dataset of the group LONG.
    """
    import h5py

    if isinstance(value, str):
        size = len(value.encode())
    elif isinstance(value, list):
        size = len(value) * _REFERENCE
    else:
        size = getattr(value, "nbytes", 0)
    if size < _MOST_IN_ATTRIBUTE:
        file.attrs[name] = value
    elif isinstance(value, str | list):
        file.require_group(LONG).create_dataset(name, data=value, dtype=h5py.string_dtype())
    else:
        file.require_group(LONG).create_dataset(name, data=value)
