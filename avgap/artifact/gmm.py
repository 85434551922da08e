"""gmm.json as it is read: a mixture, how it was fitted, and what speaks for it. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avgap import artifact
from avgap.artifact import STANDARD_STREAM, Stamp
from avgap.artifact.reading import open_stdin
from avgap.errors import InputError
from avgap.mixture.model import Mixture
from avgap.mixture.result import Diagnostics, FitRecord

# What a reader of a gmm.json may take for granted.
_PROMISED = {
    "fit": ("n_samples",),
    "diagnostics": ("supported", "separation", "delta_bic", "dip_p", "warnings"),
}


@dataclass(frozen=True)
class GmmFile:
    """A gmm.json as read."""

    mixture: Mixture
    stamp: Stamp
    fit: FitRecord
    diagnostics: Diagnostics


def read_mixture(path: str | Path) -> GmmFile:
    """Read a gmm.json ("-": standard input).

    Raises InputError: missing, truncated, not JSON, another artifact, or an unusable mixture.
    """
    piped = str(path) == STANDARD_STREAM
    name = "standard input" if piped else str(path)
    keys = _json_of_stdin(name) if piped else artifact.read_json(Path(path))
    stamp = artifact.parse_stamp(keys, name)
    artifact.expect(stamp, "avgap.gmm", name)
    mixture = Mixture.from_dict(keys.get("components"), name)
    records = [keys.get(record) for record in _PROMISED]
    for record, (part, promised) in zip(records, _PROMISED.items(), strict=True):
        lacking = set(promised) - set(record if isinstance(record, dict) else ())
        if lacking:
            told = [f"{part} lacks {', '.join(sorted(lacking))}"]
            raise InputError(f"{name} is corrupt", told, "fit it again")
    return GmmFile(mixture, stamp, *records)  # type: ignore[arg-type]


def _json_of_stdin(name: str) -> dict[str, Any]:
    try:
        keys = artifact.parse_json(open_stdin().read().removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name} cannot be read as JSON", [str(error)]) from error
    return keys if isinstance(keys, dict) else {}


def mixture_digest(mixture: Mixture) -> str:
    """The digest of a mixture's content: its components."""
    return artifact.digest("gmm", mixture.as_dict())
