"""The paper's accuracies in percent, Tables 1, 2 and 3, for the settings that they are of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Table 1, by method.
METHODS = {
    "cremad": {"concat": 67.47, "g-blending": 69.89, "ogm-ge": 68.95, "greedy": 68.37,
               "pmr": 68.55, "agm": 70.16, "mla": 79.70, "dr": 75.13, "opm-ogm": 75.10},
    "ave": {"concat": 64.56, "ogm-ge": 66.14, "pmr": 67.72},
}  # fmt: skip

_FULL: dict[str, Any] = {
    "alpha": 1.0, "beta": 1.0, "gamma": 1.0, "weights": "posterior", "optimizer": "sgd",
    "keep_optimizer": False, "pull": "both", "keep_unimodal": False,
}  # fmt: skip
# Tables 2 and 3: what differs from the full method, and the accuracy on CREMA-D and AVE.
ADAPTIVE: list[tuple[dict[str, Any], dict[str, float]]] = [
    ({}, {"cremad": 80.65, "ave": 70.90}),
    ({"alpha": 0.0}, {"cremad": 76.88, "ave": 63.93}),
    ({"beta": 0.0}, {"cremad": 79.30, "ave": 68.66}),
    ({"gamma": 0.0}, {"cremad": 78.63, "ave": 68.66}),
    ({"weights": "uniform"}, {"cremad": 77.42, "ave": 67.16}),
    ({"optimizer": "adam"}, {"cremad": 79.91, "ave": 70.90}),
    ({"keep_optimizer": True}, {"cremad": 78.76, "ave": 67.91}),
    ({"optimizer": "adam", "keep_optimizer": True}, {"cremad": 75.67, "ave": 66.67}),
]


def paper_accuracy(dataset: str, method: str, settings: Mapping[str, Any]) -> float | None:
    """The paper's accuracy in percent on a data set (cremad, ave); None where it has none.

    A baseline is known by its name, the adaptive loss by its settings.
    """
    if method != "adaptive":
        return METHODS.get(dataset, {}).get(method)
    if settings.get("loss", "adaptive") != "adaptive" or settings.get("posteriors"):
        return None
    for changes, accuracy in ADAPTIVE:
        if all(settings.get(name) == value for name, value in (_FULL | changes).items()):
            return accuracy.get(dataset)
    return None
