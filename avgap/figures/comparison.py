"""Figures of many trainings: accuracies over seeds, and differences from a reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from avgap.figures.drawing import COLOURS, INK, MARKERS, blank, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NAME = 52  # letters of a group's name that are drawn


class Change(NamedTuple):
    """A group's difference from the reference with its interval, as fractions."""

    name: str
    value: float
    low: float
    high: float


def accuracies(groups: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """Accuracy of every seed by group and modality, small, and its mean, large; best fused on top.

    groups: name → modality (fused, audio, visual) → accuracies of the seeds in [0, 1].
    """
    order = sorted(groups, key=lambda name: -_mean(groups[name].get("fused", ())))
    with style():
        figure = blank(8, 1.1 + 0.3 * max(len(order), 3))
        axes = figure.subplots()
        rows = np.arange(len(order))
        for modality, colour in (("audio", 1), ("visual", 2), ("fused", 3)):
            drawn: dict[str, Any] = {
                "color": COLOURS[modality],
                "marker": MARKERS[modality],
                "linestyle": "none",
            }
            for row, name in zip(rows, order, strict=True):
                values = 100 * np.array(groups[name].get(modality, ()))
                axes.plot(values, [row] * len(values), markersize=3, alpha=0.4, **drawn)
            means = [100 * _mean(groups[name].get(modality, ())) for name in order]
            axes.plot(means, rows, markersize=7, label=modality, zorder=2 + colour, **drawn)
        _name_rows(axes, order)
        axes.set_xlabel("accuracy, %: small each seed, large their mean")
        axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
        return figure


def differences(changes: Sequence[Change], reference: str) -> Figure:
    """Difference in fused accuracy from the reference, with 95 % intervals; the best on top."""
    order = sorted(changes, key=lambda change: -change.value)
    with style():
        figure = blank(8, 1.0 + 0.3 * max(len(order), 3))
        axes = figure.subplots()
        for row, change in enumerate(order):
            sure = "fused" if change.low > 0 else "imbalanced" if change.high < 0 else "balanced"
            colour = COLOURS[sure]
            axes.plot([100 * change.low, 100 * change.high], [row, row], color=colour, linewidth=2)
            axes.plot(100 * change.value, row, "D", color=colour, markersize=6)
        axes.axvline(0, color=INK, linewidth=0.8)
        _name_rows(axes, [change.name for change in order])
        axes.set_xlabel("percentage points of fused accuracy; grey: the interval holds 0")
        axes.set_title(f"against {_short(reference)}", parse_math=False, loc="left")
        return figure


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(np.arange(len(names)), [_short(name) for name in names], parse_math=False)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.patch.set_alpha(0)
    axes.grid(axis="both", color=INK, alpha=0.12, linewidth=0.5)
    axes.set_axisbelow(True)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def _short(name: str) -> str:
    return name if len(name) <= _NAME else name[: _NAME - 1] + "…"
