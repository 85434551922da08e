"""Writing, atomically and with the stamp."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from avgap.artifact.stamp import Stamp
from avgap.errors import OutputError


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a part file beside path; move it into place on success, remove it on any failure.

    Raises OutputError where the disk refuses (full, read-only, a folder of that name).
    """
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        reason = error.strerror or str(error)
        raise OutputError(
            f"cannot write {path}", [reason], "another place, or free some space"
        ) from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, UTF-8, with the newlines it has."""
    with atomic(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def to_json(stamp: Stamp, body: Mapping[str, Any]) -> str:
    """A JSON artifact as text: the stamp's keys, then the body's."""
    return (
        json.dumps({**stamp.as_dict(), **body}, indent=2, ensure_ascii=False, allow_nan=False)
        + "\n"
    )


def to_csv(stamp: Stamp, columns: Mapping[str, list[Any]], file: TextIO) -> None:
    """Write a CSV artifact: the stamp as a leading comment line, a header, one row per sample."""
    file.write(f"# {json.dumps(stamp.as_dict(), ensure_ascii=True)}\n")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))


def stamp_hdf5(file: Any, stamp: Stamp) -> None:
    """Put the stamp into the root attributes of an open h5py file."""
    for key, value in stamp.as_dict().items():
        file.attrs[key] = json.dumps(value) if isinstance(value, dict) else value
