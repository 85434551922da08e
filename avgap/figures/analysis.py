"""Figures of what the report adds to the paper's: groups, trajectories, the crowd's votes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from avgap.figures.drawing import COLOURS, INK, blank, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

_LINES = 60  # samples drawn as lines of their own, at most
_STEPS = 8  # points of the mean gap over the crowd's lean


class Bar(NamedTuple):
    """One group: mean gap, and the share imbalanced in [0, 1] with its interval (None: no fit)."""

    name: str
    mean_gap: float
    share: float | None = None
    low: float = 0.0
    high: float = 1.0


def by_group(bars: Sequence[Bar], title: str) -> Figure:
    """Mean gap of each group, and its imbalanced share with Wilson's interval, top to bottom."""
    shares = [bar for bar in bars if bar.share is not None]
    with style():
        figure = blank(8, 0.9 + 0.28 * max(len(bars), 3))
        panels = figure.subplots(1, 2 if shares else 1, sharey=True, squeeze=False)[0]
        rows = np.arange(len(bars))
        gaps = [bar.mean_gap for bar in bars]
        colours = [COLOURS["audio" if gap > 0 else "visual"] for gap in gaps]
        panels[0].barh(rows, gaps, color=colours, height=0.6)
        panels[0].axvline(0, color=INK, linewidth=0.8)
        panels[0].margins(x=0.1)
        panels[0].set_xlabel("mean gap  (visual ← 0 → audio)")
        panels[0].set_yticks(rows, [_short(bar.name) for bar in bars], parse_math=False)
        panels[0].set_ylim(len(bars) - 0.4, -0.6)
        panels[0].set_title(title, parse_math=False, loc="left")
        if shares:
            low = [100 * ((bar.share or 0) - bar.low) for bar in bars]
            high = [100 * (bar.high - (bar.share or 0)) for bar in bars]
            values = [100 * (bar.share or 0) for bar in bars]
            spread = np.clip([low, high], 0, None)
            colour = COLOURS["imbalanced"]
            panels[1].errorbar(values, rows, xerr=spread, fmt="o", color=colour, capsize=2)
            panels[1].set_xlim(left=0)
            panels[1].set_xlabel("called imbalanced, %, with 95 % interval")
        for axes in panels:
            axes.patch.set_alpha(0)
            axes.grid(axis="x", color=INK, alpha=0.12, linewidth=0.5)
            axes.set_axisbelow(True)
        return figure


def _short(name: str, most: int = 28) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"


def trajectories(
    rounds: Sequence[str], gap: NDArray[np.float64], imbalanced: NDArray[np.bool_]
) -> Figure:
    """N samples through R rounds: gaps of those imbalanced at first, and who changed sides.

    gap, imbalanced: (R, N). Left: some of the samples (evenly by gap), and the medians of both
    sides. Right: how many are imbalanced in each round, by what they were in the one before.
    """
    first = imbalanced[0]
    with style():
        figure = blank(8, 3.4)
        left, right = figure.subplots(1, 2, width_ratios=[1.2, 1])
        columns = np.flatnonzero(first)[np.argsort(gap[0, first], kind="stable")]
        if len(columns) > _LINES:
            columns = columns[np.linspace(0, len(columns) - 1, _LINES).round().astype(int)]
        index = np.arange(len(rounds))
        left.plot(index, gap[:, columns], color=COLOURS["imbalanced"], linewidth=0.6, alpha=0.35)
        for name, rows in (("imbalanced", first), ("balanced", ~first)):
            if rows.any():
                line = {"color": COLOURS[name], "linewidth": 2.2, "marker": "o", "markersize": 4}
                left.plot(index, np.median(gap[:, rows], axis=1), label=f"{name} at first", **line)
        left.axhline(0, color=INK, linewidth=0.6, alpha=0.5)
        left.set_ylabel("gap; thick: median")
        left.legend(frameon=False, loc="best")
        _draw_sides(right, imbalanced)
        for axes in (left, right):
            axes.patch.set_alpha(0)
            axes.set_xticks(index, [_tick(name) for name in rounds])
        return figure


def _draw_sides(axes: Axes, imbalanced: NDArray[np.bool_]) -> None:
    """Stacked bars per round: stayed imbalanced and came in above zero, left below it."""
    index = np.arange(len(imbalanced))
    before = np.concatenate([imbalanced[:1], imbalanced[:-1]])
    parts = {
        "stayed imbalanced": ((imbalanced & before).sum(axis=1), "imbalanced", 1.0),
        "came in": ((imbalanced & ~before).sum(axis=1), "imbalanced", 0.45),
    }
    bottom = np.zeros(len(imbalanced))
    for label, (count, colour, alpha) in parts.items():
        axes.bar(index, count, 0.6, bottom, color=COLOURS[colour], alpha=alpha, label=label)
        bottom = bottom + count
    gone = (~imbalanced & before).sum(axis=1)
    axes.bar(index, -gone, 0.6, color=COLOURS["balanced"], alpha=0.8, label="became balanced")
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.set_ylabel("samples")
    top = max(1, int(imbalanced.sum(axis=1).max()))
    axes.set_ylim(-1.15 * gone.max(initial=0) - 0.02 * top, 1.6 * top)
    axes.legend(frameon=False, loc="upper right")


def _tick(name: str) -> str:
    return name.removeprefix("after ").replace(" ", "\n", 1)


def crowd(lean: NDArray[np.float64], gap: NDArray[np.float64]) -> Figure:
    """The gap of n clips over the crowd's lean (votes by voice − by face), (n,) each.

    Points, and the mean gap with its standard error in up to eight groups of equal size.
    """
    with style():
        figure = blank(5, 3.6)
        axes = figure.subplots()
        axes.patch.set_alpha(0)
        axes.plot(lean, gap, ".", color=COLOURS["balanced"], markersize=3, alpha=0.35)
        order = np.argsort(lean, kind="stable")
        parts = [part for part in np.array_split(order, _STEPS) if len(part)]
        means = [(lean[part].mean(), gap[part].mean()) for part in parts]
        error = [gap[part].std() / np.sqrt(len(part)) for part in parts]
        x, y = np.array(means).T
        axes.errorbar(x, y, error, color=COLOURS["imbalanced"], fmt="o-", markersize=5, capsize=2)
        axes.axhline(0, color=INK, linewidth=0.5, alpha=0.5)
        axes.axvline(0, color=INK, linewidth=0.5, alpha=0.5)
        axes.set_xlabel("the crowd: votes by voice − votes by face")
        axes.set_ylabel("the model: modality gap")
        return figure
