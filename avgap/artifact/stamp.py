"""The stamp that every artifact carries, the question in it, and digests of content."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from avgap.artifact.schema import expect_plain
from avgap.errors import ForeignError, InputError

FORMAT_VERSION = 1
# Every format with the endings that its files may have; readers choose by the ending.
FORMATS = {
    "avgap.cache": (".h5",),
    "avgap.gaps": (".h5", ".csv"),
    "avgap.gmm": (".json",),
    "avgap.checkpoint": (".pt",),
    "avgap.metrics": (".json",),
}
STAMP_KEYS = (
    *("format", "format_version", "digest", "checksum"),
    *("inputs", "parameters", "provenance", "hints"),
)
_MOST = 1_000_000  # values in a stamp
STANDARD_STREAM = "-"
LONG = "attributes"  # the group of an HDF5 file for what is too long for an attribute


class Question(NamedTuple):
    """What an artifact answers: its format, the digests of its inputs, the resolved parameters."""

    format: str
    inputs: Mapping[str, str]
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Stamp:
    """The record that every artifact carries (docs/formats.md, "The stamp").

    hints: where the inputs lay, relative to the artifact; for people and `report`, never compared.
    checksum: of what the digest does not cover; None: the kind has no such, or the file is older.
    """

    format: str
    digest: str
    inputs: dict[str, str]
    parameters: dict[str, Any]
    provenance: dict[str, Any]
    hints: dict[str, str] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION
    checksum: str | None = None

    @property
    def question(self) -> Question:
        """The question this artifact answers."""
        return Question(self.format, self.inputs, self.parameters)

    def as_dict(self) -> dict[str, Any]:
        """The stamp as the keys that stand in a file."""
        keys = {key: getattr(self, key) for key in STAMP_KEYS}
        return {key: value for key, value in keys.items() if value is not None}


def digest(*parts: Any) -> str:
    """SHA-256 (hex) of nested plain values and arrays; type and shape count, place and time do not.

    Arrays are taken as C-ordered bytes with dtype and shape; mappings are sorted by key.
    """
    sha = hashlib.sha256()
    _feed(sha, parts)
    return sha.hexdigest()


@dataclass(frozen=True)
class InPieces:
    """A list of text, or an array, for a digest that shall not hold all of it.

    shape, kind: of an array, its type as numpy writes it; "" of a list.
    """

    pieces: Iterable[Any]
    shape: tuple[int, ...]
    kind: str = ""


def _feed(sha: Any, value: Any) -> None:
    if isinstance(value, InPieces):
        _feed_pieces(sha, value)
    elif isinstance(value, Mapping):
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


def _feed_pieces(sha: Any, value: InPieces) -> None:
    """As the whole would be fed."""
    sha.update(f"{value.kind}{value.shape}".encode() if value.kind else b"[%d" % value.shape[0])
    for piece in value.pieces:
        if value.kind:
            sha.update(piece.data)
        else:
            for item in piece:
                _feed(sha, item)


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
    folder = Path.cwd() if str(target) == STANDARD_STREAM else real(target).parent
    place = os.path.relpath(real(source), folder)
    return place.encode("utf-8", "backslashreplace").decode()  # a name may be no text


def real(path: str | Path) -> Path:
    """Where a path leads by its links; of one that leads in a circle, a link in it."""
    return Path(os.path.realpath(path))


def is_stamped(keys: Mapping[str, Any]) -> bool:
    """Whether the keys of a file name a format of ours; others may have a key `format`, too."""
    return isinstance(keys.get("format"), str) and keys["format"] in FORMATS


def parse_stamp(keys: Mapping[str, Any], path: str | Path) -> Stamp:
    """Check the stamp's keys as read from path. Raises InputError for a foreign or a newer one."""
    if not is_stamped(keys) or not isinstance(keys.get("digest"), str):
        raise ForeignError(f"{path} is not an avgap artifact", ["it carries no avgap stamp"])
    version = keys.get("format_version")
    try:
        expect_plain({key: keys.get(key) for key in STAMP_KEYS}, _MOST)
    except ValueError as error:
        raise InputError(f"{path} is corrupt", [f"its stamp: {error}"]) from error
    if not isinstance(version, int) or version > FORMAT_VERSION:
        made = keys.get("provenance")
        made_by = made.get("avgap", "unknown") if isinstance(made, dict) else "unknown"
        raise InputError(
            f"{path} has format version {version}, newer than this avgap reads ({FORMAT_VERSION})",
            [f"it was written by avgap {made_by}"],
            "pip install --upgrade avgap",
        )
    records = {key: keys.get(key) for key in ("inputs", "parameters", "provenance", "hints")}
    whole = all(isinstance(record, dict) for record in records.values())
    told = [
        *dict(keys["inputs"]).values(),
        *dict(keys["hints"]).values(),
    ] if whole else []  # fmt: skip
    checksum = keys.get("checksum")
    told += [] if checksum is None else [checksum]
    if not whole or not all(isinstance(value, str) for value in told):
        raise InputError(f"{path} is corrupt", ["its stamp is incomplete"])
    return Stamp(
        str(keys["format"]),
        str(keys["digest"]),
        **records,  # type: ignore[arg-type]
        format_version=version,
        checksum=checksum,
    )


def expect(stamp: Stamp, format: str, path: str | Path) -> None:
    """Raise InputError unless the stamp is of this format."""
    if stamp.format != format:
        raise InputError(f"{path} is {format_name(stamp.format)}, not {format_name(format)}")


def expect_whole(stamp: Stamp, digest: str, path: str | Path, besides: Any = None) -> None:
    """Raise InputError unless a content has the digest of its stamp.

    besides: what the digest does not cover, compared where the stamp has a checksum of it.
    """
    wrong = []
    if stamp.digest != digest:
        wrong.append(f"digest: {stamp.digest} in the stamp, {digest} found")
    if stamp.checksum is not None and stamp.checksum != checksum(besides):
        wrong.append(f"checksum: {stamp.checksum} in the stamp, {checksum(besides)} found")
    if wrong:
        what = "is not what its stamp says: its content was changed or damaged"
        raise InputError(f"{path} {what}", wrong, "make it again")


def checksum(besides: Any) -> str:
    """The digest of what an artifact holds besides the content that its own digest covers."""
    return digest("besides", besides)


def format_name(format: str) -> str:
    """A format's name with its article, for errors."""
    name = format.removeprefix("avgap.")
    return {"gaps": "a table of gaps", "gmm": "a mixture", "metrics": "a table of metrics"}.get(
        name, f"a {name}"
    )
