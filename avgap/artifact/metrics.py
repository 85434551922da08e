"""metrics.json as it is read: the numbers of every modality, with their titles. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from avgap import artifact
from avgap.artifact import Kind
from avgap.errors import InputError
from avgap.settings import MODALITIES

# The metrics of a modality, in the order of every table.
TITLES = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "mean_average_precision": "mAP",
    "calibration_error": "ECE",
}
_CHECKPOINT = ("phase", "step", "epoch", "selected")


def read_metrics(path: Path) -> dict[str, Any]:
    """The metrics without their stamp. Raises InputError where one of the numbers is not there."""
    body = body_of(path)
    try:
        numbers = [body["metrics"][of][name] for of in MODALITIES for name in TITLES]
        numbers += [body["gap"]["mean"], body["gap"]["mean_abs"], body["n_samples"]]
        numbers.append(int(body["checkpoint"]["step"]))
        told = [body["split"], *(body["checkpoint"][name] for name in _CHECKPOINT)]
        whole = all(isinstance(value, int | float) for value in numbers) and None not in told
    except (KeyError, TypeError, ValueError):
        whole = False
    if not whole:
        raise InputError(f"{path} is corrupt: it lacks numbers", [], "avgap evaluate again")
    return body


METRICS: Kind[dict[str, Any]] = Kind(
    read_metrics,
    lambda body: artifact.digest("metrics", body),
    lambda path, body, stamp: artifact.write_text(path, artifact.to_json(stamp, body)),
)


def body_of(path: Path) -> dict[str, Any]:
    """A JSON artifact without its stamp."""
    keys = artifact.read_json(path)
    stamp = artifact.parse_stamp(keys, path).as_dict()
    return {name: value for name, value in keys.items() if name not in stamp}
