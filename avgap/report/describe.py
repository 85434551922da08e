"""One artifact: what it is, where it came from, what it says; whether it is what its stamp says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from avgap import artifact
from avgap.artifact import Stamp
from avgap.artifact.gaps import read_gaps
from avgap.artifact.gmm import mixture_digest, read_mixture
from avgap.artifact.metrics import body_of
from avgap.errors import InputError
from avgap.report.runfolder import TABLES
from avgap.report.summaries import SUMMARIES


def describe(path: Path, verify: bool = False) -> tuple[str, dict[str, Any]]:
    """One artifact: what it is, where it came from, a summary; as text and as a dict for --json.

    verify: compute the digest of the content afresh. Raises InputError: missing, foreign, corrupt,
    or a content that does not have the digest of its stamp.
    """
    path = Path(path)
    stamp = _stamp(path)
    if stamp is None:
        if verify:
            raise InputError(f"{path} has no stamp to verify", ["its origin is unknown"])
        text, data = SUMMARIES["gaps"](path)
        origin = f"{path}: a table of gaps of unknown origin (no avgap stamp)"
        return f"{origin}\n\n{text}", {"path": str(path), "format": None, "summary": data}
    kind = stamp.format.removeprefix("avgap.")
    if verify:
        _verify(path, stamp, DIGESTS[kind](path))
    text, data = SUMMARIES[kind](path)
    lines = [_origin(path, stamp), *(["the content has this digest"] if verify else [])]
    record = {"path": str(path), "verified": verify, **stamp.as_dict(), "summary": data}
    return "\n".join([*lines, "", text]), record


def _stamp(path: Path) -> Stamp | None:
    """The stamp; None for a table of gaps without one."""
    try:
        return artifact.read_stamp(path)
    except InputError:
        if path.is_file() and path.suffix in TABLES and read_gaps(path).stamp is None:
            return None
        raise


def _verify(path: Path, stamp: Stamp, there: str) -> None:
    if there != stamp.digest:
        raise InputError(
            f"{path} is not what its stamp says: its content was changed or damaged",
            [f"stamp    {stamp.digest}", f"content  {there}"],
            "make it again",
        )


def _origin(path: Path, stamp: Stamp) -> str:
    made = stamp.provenance
    software = [f"{name} {made[name]}" for name in ("avgap", "python", "torch") if made.get(name)]
    seconds = made.get("seconds")
    by = [*software, *([f"on {made['device']}"] if made.get("device") else [])]
    by += [str(made.get("created"))] + ([f"in {seconds} s"] if seconds is not None else [])
    rows = [("digest", stamp.digest)]
    for name, digest in stamp.inputs.items():
        hint = stamp.hints.get(name)
        rows.append((f"from {name}", f"{digest[:12]}…" + (f"  {hint}" if hint else "")))
    rows += [("made by", ", ".join(by))]
    rows += [
        (name, json.dumps(value, ensure_ascii=False)) for name, value in stamp.parameters.items()
    ]
    width = max(len(name) for name, _ in rows)
    head = f"{path}: {stamp.format}, format version {stamp.format_version}"
    return "\n".join([head, *(f"  {name.ljust(width)}  {value}" for name, value in rows)])


def _digest_of_cache(path: Path) -> str:
    from avgap.data.cache.reader import digest_of_file

    return digest_of_file(path)


def _digest_of_checkpoint(path: Path) -> str:
    from avgap.artifact.checkpoint import read_checkpoint

    return read_checkpoint(path).content_digest()


DIGESTS: dict[str, Callable[[Path], str]] = {
    "cache": _digest_of_cache,
    "gaps": lambda path: read_gaps(path).digest(),
    "gmm": lambda path: mixture_digest(read_mixture(path).mixture),
    "checkpoint": _digest_of_checkpoint,
    "metrics": lambda path: artifact.digest("metrics", body_of(path)),
}
