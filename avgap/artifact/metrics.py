"""metrics.json as it is read: the numbers of every modality, with their titles. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from avgap import artifact
from avgap.artifact import Kind
from avgap.artifact.schema import by_name, count, each, number, problems, text
from avgap.artifact.stamp import STAMP_KEYS
from avgap.errors import InputError
from avgap.settings import MODALITIES
from avgap.text import shorten

# The metrics of a modality, in the order of every table.
TITLES = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "mean_average_precision": "mAP",
    "calibration_error": "ECE",
}
# What a reader of a metrics.json may take for granted.
_MODALITY = {
    **dict.fromkeys(TITLES, number),
    "per_class?": by_name(dict.fromkeys(("precision", "recall", "f1", "support"), number)),
    "confusion?": each(each(count)),
}
_SCHEMA = {
    "split": text,
    "n_samples": count,
    "checkpoint": {"phase": text, "step": count, "epoch": count, "selected": text},
    "metrics": dict.fromkeys(MODALITIES, _MODALITY),
    "gap": {"mean": number, "mean_abs": number},
}


def read_metrics(path: Path) -> dict[str, Any]:
    """The metrics without their stamp. Raises InputError: corrupt, or not what the stamp says."""
    keys = artifact.read_json(path)
    stamp = artifact.parse_stamp(keys, path)
    artifact.expect(stamp, "avgap.metrics", path)
    body = {name: value for name, value in keys.items() if name not in STAMP_KEYS}
    wrong = list(problems(body, _SCHEMA))
    if wrong:
        raise InputError(f"{path} is corrupt", shorten(wrong), "avgap evaluate again")
    artifact.expect_whole(stamp, _digest(body), path)
    return body


def _digest(body: dict[str, Any]) -> str:
    return artifact.digest("metrics", body)


METRICS: Kind[dict[str, Any]] = Kind(
    read_metrics,
    _digest,
    lambda path, body, stamp, check: artifact.write_text(
        path, artifact.to_json(stamp, body), check
    ),
)
