"""What all our files share: a stamp, a digest of the content, atomic writing, "same question?".

Every artifact records the question that it answers: the digests of its inputs and every resolved
parameter that can change the answer. The same question again confirms or finishes the work; another
question over the same file is refused. Where and when never belong to a question.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import pickle
import platform
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from avgap.errors import AvgapError, InputError, OutputError

FORMAT_VERSION = 1
FORMATS = ("avgap.cache", "avgap.gaps", "avgap.gmm", "avgap.checkpoint", "avgap.metrics")
_STAMP_KEYS = ("format", "format_version", "digest", "inputs", "parameters", "provenance", "hints")
STANDARD_STREAM = "-"


class Question(NamedTuple):
    """What an artifact answers: its format, the digests of its inputs, the resolved parameters."""

    format: str
    inputs: Mapping[str, str]
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Stamp:
    """The record that every artifact carries (docs/formats.md, "The stamp").

    hints: where the inputs lay, relative to the artifact; for people and `report`, never compared.
    """

    format: str
    digest: str
    inputs: dict[str, str]
    parameters: dict[str, Any]
    provenance: dict[str, Any]
    hints: dict[str, str] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    @property
    def question(self) -> Question:
        """The question this artifact answers."""
        return Question(self.format, self.inputs, self.parameters)

    def as_dict(self) -> dict[str, Any]:
        """The stamp as the keys that stand in a file."""
        return {key: getattr(self, key) for key in _STAMP_KEYS}


# ---------------------------------------------------------------- digests and provenance


def digest(*parts: Any) -> str:
    """SHA-256 (hex) of nested plain values and arrays; type and shape count, place and time do not.

    Arrays are taken as C-ordered bytes with dtype and shape; mappings are sorted by key.
    """
    sha = hashlib.sha256()
    _feed(sha, parts)
    return sha.hexdigest()


def _feed(sha: Any, value: Any) -> None:
    if isinstance(value, Mapping):
        sha.update(b"{%d" % len(value))
        for key in sorted(value):
            _feed(sha, key)
            _feed(sha, value[key])
    elif isinstance(value, (list, tuple)):
        sha.update(b"[%d" % len(value))
        for item in value:
            _feed(sha, item)
    elif value is None or isinstance(value, (bool, int, float, str)):
        text = json.dumps(value).encode()
        sha.update(b"%d:" % len(text) + text)
    else:
        import numpy as np

        array = np.asarray(value)
        if array.dtype.hasobject:
            raise TypeError(f"cannot digest {type(value).__name__}")
        sha.update(f"{array.dtype.str}{array.shape}".encode())
        sha.update(np.ascontiguousarray(array).data if array.size else b"")


def provenance(started: float | None = None, device: str | None = None) -> dict[str, Any]:
    """Which software made an artifact, on what, when, and in how many seconds."""
    from avgap import __version__

    torch = sys.modules.get("torch")
    return {
        "avgap": __version__,
        "python": platform.python_version(),
        "torch": getattr(torch, "__version__", None) and str(torch.__version__),  # type: ignore[union-attr]
        "device": device,
        "platform": platform.platform(),
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "seconds": None if started is None else round(time.monotonic() - started, 3),
    }


def hint(target: str | Path, source: str | Path) -> str:
    """Where source lies, seen from the folder of target ("" for a standard stream)."""
    if str(source) == STANDARD_STREAM:
        return ""
    folder = Path.cwd() if str(target) == STANDARD_STREAM else Path(target).resolve().parent
    return os.path.relpath(Path(source).resolve(), folder)


# ---------------------------------------------------------------- writing


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


# ---------------------------------------------------------------- reading


def read_stamp(path: Path) -> Stamp:
    """The stamp of any artifact of ours. Raises InputError: missing, corrupt, foreign, or newer."""
    if not path.exists():
        raise InputError(f"{path} does not exist")
    if path.is_dir():
        raise InputError(f"{path} is a folder, not an artifact")
    readers = {
        ".h5": _stamp_of_hdf5,
        ".json": _stamp_of_json,
        ".csv": _stamp_of_csv,
        ".pt": _stamp_of_pt,
    }
    reader = readers.get(path.suffix)
    if reader is None:
        raise InputError(
            f"{path} is not an avgap artifact", [f"known endings: {', '.join(readers)}"]
        )
    return parse_stamp(reader(path), path)


def parse_stamp(keys: Mapping[str, Any], path: str | Path) -> Stamp:
    """Check the stamp's keys as read from path. Raises InputError for a foreign or a newer one."""
    if keys.get("format") not in FORMATS or not isinstance(keys.get("digest"), str):
        raise InputError(f"{path} is not an avgap artifact", ["it carries no avgap stamp"])
    version = keys.get("format_version")
    if not isinstance(version, int) or version > FORMAT_VERSION:
        made_by = dict(keys.get("provenance") or {}).get("avgap", "unknown")
        raise InputError(
            f"{path} has format version {version}, newer than this avgap reads ({FORMAT_VERSION})",
            [f"it was written by avgap {made_by}"],
            "pip install --upgrade avgap",
        )
    records = {key: keys.get(key) for key in ("inputs", "parameters", "provenance", "hints")}
    if any(not isinstance(record, dict) for record in records.values()):
        raise InputError(f"{path} is corrupt", ["its stamp is incomplete"])
    return Stamp(str(keys["format"]), str(keys["digest"]), **records, format_version=version)  # type: ignore[arg-type]


def expect(stamp: Stamp, format: str, path: str | Path) -> None:
    """Raise InputError unless the stamp is of this format."""
    if stamp.format != format:
        raise InputError(f"{path} is {_a(stamp.format)}, not {_a(format)}")


def _a(format: str) -> str:
    name = format.removeprefix("avgap.")
    return {"gaps": "a table of gaps", "gmm": "a mixture", "metrics": "a table of metrics"}.get(
        name, f"a {name}"
    )


def read_json(path: Path) -> dict[str, Any]:
    """The whole of a JSON file. Raises InputError when it is not one JSON object."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist") from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path} cannot be read as JSON", [str(error)]) from error
    if not isinstance(data, dict):
        raise InputError(f"{path} is not an avgap artifact", ["it is not one JSON object"])
    return data


@contextmanager
def open_hdf5(path: Path) -> Iterator[Any]:
    """Open an HDF5 file for reading. Raises InputError when it is missing, truncated or foreign."""
    import h5py

    try:
        file = h5py.File(path, "r")
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist") from error
    except OSError as error:
        raise InputError(
            f"{path} cannot be read as HDF5", [first_line(error)], "make it again"
        ) from error
    try:
        with file:
            yield file
    except (OSError, KeyError, RuntimeError) as error:
        if isinstance(error, AvgapError):
            raise
        raise InputError(f"{path} is corrupt", [first_line(error)], "make it again") from error


def first_line(error: BaseException) -> str:
    """The first line of an exception's text, or the name of its kind."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def stamp_keys_of_hdf5(file: Any) -> dict[str, Any]:
    """The stamp's keys from an open h5py file (those that are there)."""
    keys: dict[str, Any] = {}
    for key in _STAMP_KEYS:
        if key in file.attrs:
            value = file.attrs[key]
            keys[key] = int(value) if key == "format_version" else str(value)
    for key in ("inputs", "parameters", "provenance", "hints"):
        try:
            keys[key] = json.loads(keys[key])
        except (KeyError, json.JSONDecodeError):
            keys[key] = None
    return keys


def _stamp_of_hdf5(path: Path) -> dict[str, Any]:
    with open_hdf5(path) as file:
        return stamp_keys_of_hdf5(file)


def _stamp_of_json(path: Path) -> dict[str, Any]:
    return read_json(path)


def _stamp_of_csv(path: Path) -> dict[str, Any]:
    with path.open(encoding="utf-8", errors="replace") as file:
        return stamp_keys_of_comment(file.readline())


def stamp_keys_of_comment(line: str) -> dict[str, Any]:
    """The stamp's keys from the leading comment line of a CSV; empty when the line is no stamp."""
    if not line.startswith("# {"):
        return {}
    try:
        keys = json.loads(line[2:])
    except json.JSONDecodeError:
        return {}
    return keys if isinstance(keys, dict) else {}


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


# ---------------------------------------------------------------- the same question?


def settle(path: Path, question: Question, *, force: bool) -> Stamp | None:
    """The stamp of path when it answers this question already; None when it is to be (re)made.

    Raises OutputError when path answers another question (without force), or is no file of ours
    (always: force replaces only what avgap wrote).
    """
    if not path.exists():
        return None
    try:
        stamp = read_stamp(path)
    except AvgapError as error:
        raise OutputError(
            f"{path} exists and is not an avgap artifact", [error.what], "another -o"
        ) from error
    differences = compare(stamp.question, question)
    if not differences:
        return stamp
    if force:
        return None
    raise OutputError(
        f"{path} answers another question", differences, "another -o, or --force to replace it"
    )


def compare(there: Question, asked: Question) -> list[str]:
    """What differs between two questions, one line each; empty when they are the same."""
    if there.format != asked.format:
        return [f"it is {_a(there.format)}, asked for is {_a(asked.format)}"]
    lines = []
    for name in sorted({*there.inputs, *asked.inputs}):
        old, new = there.inputs.get(name), asked.inputs.get(name)
        if old != new:
            lines.append(f"{name}: {_short(old)} there, {_short(new)} asked for")
    stored = json.loads(json.dumps(dict(asked.parameters)))  # tuples and such as a file holds them
    for name in sorted({*there.parameters, *stored}):
        before, now = there.parameters.get(name, "absent"), stored.get(name, "absent")
        if before != now:
            lines.append(f"{name}: {before} there, {now} asked for")
    return lines


def _short(digest: str | None) -> str:
    return "none" if digest is None else f"{digest[:12]}…"
