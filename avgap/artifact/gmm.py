"""gmm.json as it is read: a mixture, how it was fitted, and what speaks for it. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avgap import artifact
from avgap.artifact import STANDARD_STREAM, Stamp
from avgap.artifact.reading import open_stdin
from avgap.artifact.schema import count, each, flag, maybe, number, problems, text
from avgap.errors import InputError
from avgap.mixture.model import Mixture
from avgap.mixture.result import Diagnostics, FitRecord
from avgap.text import shorten

# What a reader of a gmm.json may take for granted, besides its components.
_SCHEMA = {
    "fit": {"n_samples": count, "log_likelihood?": number, "converged?": flag},
    "diagnostics": {
        **{"supported": flag, "separation": number, "delta_bic": number, "dip_p": number},
        **{"warnings": each(text), "bic?": each(number), "separation_alone?": flag},
        **dict.fromkeys(("valley_p?", "overlap?", "contradiction?"), number),
        "imbalanced_share?": number,
        "bootstrap?": maybe({"replicates": count, "p_value": maybe(number)}),
    },
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

    Raises InputError: missing, truncated, not JSON, another artifact, an unusable mixture, or not
    what its stamp says.
    """
    piped = str(path) == STANDARD_STREAM
    name = "standard input" if piped else str(path)
    keys = _json_of_stdin(name) if piped else artifact.read_json(Path(path))
    stamp = artifact.parse_stamp(keys, name)
    artifact.expect(stamp, "avgap.gmm", name)
    mixture = Mixture.from_dict(keys.get("components"), name)
    wrong = list(problems(keys, _SCHEMA))
    if wrong:
        raise InputError(f"{name} is corrupt", shorten(wrong), "fit it again")
    fit, diagnostics = keys["fit"], keys["diagnostics"]
    artifact.expect_whole(stamp, mixture_digest(mixture), name, besides_mixture(fit, diagnostics))
    return GmmFile(mixture, stamp, fit, diagnostics)


def _json_of_stdin(name: str) -> dict[str, Any]:
    try:
        keys = artifact.parse_json(open_stdin().read().removeprefix("\ufeff"))
    except ValueError as error:
        raise InputError(f"{name} cannot be read as JSON", [str(error)]) from error
    return keys if isinstance(keys, dict) else {}


def besides_mixture(fit: FitRecord, diagnostics: Diagnostics) -> dict[str, Any]:
    """What a gmm.json says besides its components."""
    return {"fit": fit, "diagnostics": diagnostics}


def mixture_digest(mixture: Mixture) -> str:
    """The digest of a mixture's content: its components."""
    return artifact.digest("gmm", mixture.as_dict())
