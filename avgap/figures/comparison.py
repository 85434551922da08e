"""Figures of many trainings: accuracies over seeds, and differences from a reference."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from avgap.figures.drawing import COLOURS, INK, MARKERS, blank, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NAME, _LINES = 26, 3  # letters of a line of a group's name, and lines, that are drawn


class Change(NamedTuple):
    """A group's difference from the reference with its interval, as fractions."""

    name: str
    value: float
    low: float
    high: float


def accuracies(
    groups: Mapping[str, Mapping[str, Sequence[float]]], reference: str | None = None
) -> Figure:
    """Accuracy of every seed by group and modality, small, and its mean, large; in their order.

    groups: name → modality (fused, audio, visual) → accuracies of the seeds in [0, 1]. reference:
    the one that is marked.
    """
    order = list(groups)
    with style():
        figure = blank(8, 1.1 + _height(order))
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
        _name_rows(axes, order, reference)
        axes.set_xlabel("accuracy, %: small each seed, large their mean")
        axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
        return figure


def differences(changes: Sequence[Change], reference: str) -> Figure:
    """Difference in fused accuracy from the reference, with 95 % intervals; in their order.

    Green above, red below, grey where the interval holds 0.
    """
    names = [change.name for change in changes]
    with style():
        figure = blank(8, 1.0 + _height(names))
        axes = figure.subplots()
        for row, change in enumerate(changes):
            sure = "fused" if change.low > 0 else "imbalanced" if change.high < 0 else "balanced"
            colour = COLOURS[sure]
            axes.plot([100 * change.low, 100 * change.high], [row, row], color=colour, linewidth=2)
            axes.plot(100 * change.value, row, "D", color=colour, markersize=6)
        axes.axvline(0, color=INK, linewidth=0.8)
        _name_rows(axes, names)
        axes.set_xlabel("fused accuracy, percentage points")
        whose = textwrap.shorten(reference, 2 * _NAME, placeholder=" …")
        axes.set_title(f"against {whose}", parse_math=False, loc="left")
        return figure


def _height(names: Sequence[str]) -> float:
    """Of the rows with these names, in inches."""
    return max(0.9, sum(0.15 + 0.15 * (1 + _short(name).count("\n")) for name in names))


def _name_rows(axes: Axes, names: Sequence[str], reference: str | None = None) -> None:
    axes.set_yticks(np.arange(len(names)), [_short(name) for name in names], parse_math=False)
    for label, name in zip(axes.get_yticklabels(), names, strict=True):
        label.set_linespacing(1.0)
        if name == reference:
            label.set_fontweight("bold")
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.patch.set_alpha(0)
    axes.grid(axis="both", color=INK, alpha=0.12, linewidth=0.5)
    axes.set_axisbelow(True)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def _short(name: str) -> str:
    """A name in a few short lines."""
    return "\n".join(textwrap.wrap(name, _NAME, max_lines=_LINES, placeholder=" …"))
