"""The paper's figures, as pure functions of what artifacts hold: its Fig. 2, 3 and 4."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from avgap.figures.drawing import COLOURS, INK, MARKERS, blank, curve_grid, histogram_edges, style
from avgap.mixture.model import Mixture
from avgap.mixture.verdict import leads, shown_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Round:
    """The gaps, (N,), at one moment of training, and the mixture fitted to them (None: no fit).

    distance: |audio − visual| validation accuracy at that moment, a fraction; None: not known.
    supported: whether the gaps show the mixture's groups, which are drawn only then.
    """

    name: str
    gap: NDArray[np.float64]
    mixture: Mixture | None
    distance: float | None = None
    supported: bool = True


def gap_histogram(
    gap: NDArray[np.float64], mixture: Mixture | None = None, *, columns: bool = False
) -> Figure:
    """Fig. 2: the density of N gaps, (N,), both weighted components and their sum.

    columns: over each bin i of histogram_edges an unseen column of the whole height, in SVG the
    element `bin-i`, for a page to point at.
    """
    with style():
        figure = blank(8, 3.8)
        axes = figure.subplots()
        _draw_gaps(axes, gap, mixture, detailed=True)
        axes.set_xlabel("modality gap  g = audio − visual")
        axes.set_ylabel("density")
        if mixture is not None:
            axes.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
        if columns:
            _draw_columns(axes, histogram_edges(gap))
        return figure


def evolution(rounds: Sequence[Round]) -> Figure:
    """Fig. 3: the distribution after each round; imbalanced weight and mean, density at the origin.

    The density at the origin is that of the fitted mixture (the paper: 3.3, later above 20). Where
    it is known, the distance of audio and visual validation accuracy, which should close.
    """
    with style():
        columns = min(max(len(rounds), 3), 5)
        rows = -(-len(rounds) // columns)
        figure = blank(8, 2.1 * rows + 2.2)
        parts: Any = figure.subfigures(2, 1, height_ratios=[2.1 * rows, 2.2])
        panels = parts[0].subplots(rows, columns, sharex=True, squeeze=False).ravel()
        for axes, moment in zip(panels, rounds, strict=False):
            shown = moment.mixture if moment.supported else None
            _draw_gaps(axes, moment.gap, shown, detailed=False)
            fitted = moment.mixture is not None and not moment.supported
            axes.set_title(f"{moment.name}: no two groups" if fitted else moment.name)
            axes.set_yticks([])
            axes.set_xticks([-0.5, 0, 0.5])
        for axes in panels[len(rounds) :]:
            axes.set_axis_off()
        _draw_trends(parts[1], rounds)
        return figure


def accuracy(history: Sequence[Mapping[str, Any]]) -> Figure:
    """Fig. 4: validation accuracy of fused, audio and visual over the epochs of both phases.

    history: the lines of log.jsonl, warm-up first. Below: the distance of audio and visual.
    """
    lines = [(i, line) for i, line in enumerate(history, start=1) if line.get("val")]
    epochs = np.array([i for i, _ in lines])
    values = {m: np.array([100 * line["val"][m] for _, line in lines]) for m in MARKERS}
    with style():
        figure = blank(8, 5)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1.2])
        every = max(1, len(lines) // 10)
        for name, marker in MARKERS.items():
            line = {"color": COLOURS[name], "marker": marker, "markersize": 4, "markevery": every}
            upper.plot(
                epochs, values[name], linewidth=2 if name == "fused" else 1.5, label=name, **line
            )
        distance = abs(values["audio"] - values["visual"])
        lower.fill_between(epochs, distance, color=COLOURS["imbalanced"], alpha=0.35)
        lower.set_ylim(0, max(1.1 * distance.max(initial=0), 1))
        upper.set_ylabel("validation accuracy, %")
        lower.set_ylabel("|audio − visual|")
        lower.set_xlabel("epoch")
        lower.locator_params(axis="x", integer=True)
        for axes in (upper, lower):
            _draw_phases(axes, history)
        boundary = _phase_changes(history)
        if boundary:
            upper.text(boundary[0] + 0.6, 1.02, "adaptive →", transform=upper.get_xaxis_transform())
        upper.legend(frameon=False, loc="lower right", ncols=3)
        return figure


# ---------------------------------------------------------------- parts


def _draw_gaps(
    axes: Axes, gap: NDArray[np.float64], mixture: Mixture | None, *, detailed: bool
) -> None:
    axes.patch.set_alpha(0)
    density, edges = np.histogram(gap, histogram_edges(gap), density=True)
    axes.stairs(density, edges, fill=True, color=COLOURS["balanced"], alpha=0.35)
    axes.set_xlim(-1, 1)
    if mixture is None:
        return
    grid = curve_grid(mixture)
    for index, (role, component) in enumerate(mixture.components.items()):
        values = (
            f"π{'₀₁₂'[index]} = {component.weight:.3f}, μ = {component.mean:.3f}, "
            f"σ = {component.std:.2g}"
        )
        label = f"{shown_name(role, component)}: {values}".replace(" -", " −")
        side = leads(component) if role.endswith("_dominant") else role
        curve, colour = component.density(grid), COLOURS[side]
        axes.plot(grid, curve, color=colour, linewidth=1.8, label=label)
        axes.fill_between(grid, curve, color=colour, alpha=0.18, linewidth=0)
    if detailed and mixture.leaning:
        axes.plot(grid, mixture.density(grid), color=INK, linewidth=1, linestyle=":", label="sum")


def _draw_columns(axes: Axes, edges: NDArray[np.float64]) -> None:
    low, high = axes.get_ylim()
    for i, (left, right) in enumerate(pairwise(edges)):
        axes.bar(left, high - low, right - left, low, align="edge", alpha=0, gid=f"bin-{i}")
    axes.set_ylim(low, high)


def _draw_trends(part: Any, rounds: Sequence[Round]) -> None:
    fitted = [(i, r.mixture) for i, r in enumerate(rounds) if r.mixture is not None]
    trends = {
        "imbalanced weight π₁": [
            (i, m.imbalanced_weight) for i, m in fitted if rounds[i].supported
        ],
        "imbalanced mean μ₁": [(i, m.imbalanced_mean) for i, m in fitted if rounds[i].supported],
        "density at the origin": [(i, float(m.density(0.0))) for i, m in fitted],
    }
    trends = {name: points for name, points in trends.items() if points}
    apart = [(i, 100 * r.distance) for i, r in enumerate(rounds) if r.distance is not None]
    if apart:
        trends["|audio − visual|, % val"] = apart
    panels = part.subplots(1, max(len(trends), 1), squeeze=False)[0]
    for axes in panels[len(trends) :]:
        axes.set_axis_off()
    for axes, (name, points) in zip(panels, trends.items(), strict=False):
        colour = COLOURS["imbalanced" if "imbalanced" in name else "balanced"]
        axes.patch.set_alpha(0)
        axes.plot(
            [i for i, _ in points],
            [value for _, value in points],
            color=colour,
            marker="o",
            linewidth=1.8,
            markersize=5,
        )
        axes.set_title(name)
        axes.set_xlabel("round")
        axes.set_xticks(range(len(rounds)))
        axes.set_xlim(-0.4, len(rounds) - 0.6)
        if "mean" in name:
            axes.axhline(0, color=INK, linewidth=0.5, alpha=0.4)
            axes.margins(y=0.2)
        else:
            axes.margins(y=0.15)
            axes.set_ylim(bottom=0)


def _draw_phases(axes: Axes, history: Sequence[Mapping[str, Any]]) -> None:
    axes.patch.set_alpha(0)
    axes.grid(axis="y", color=INK, alpha=0.12, linewidth=0.5)
    axes.margins(x=0.02)
    boundary = _phase_changes(history)
    for change in _changes([(line["phase"], line["step"]) for line in history]):
        axes.axvline(change, color=INK, linewidth=0.5, alpha=0.35, linestyle=":")
    for change in boundary:
        axes.axvline(change, color=INK, linewidth=1, alpha=0.7, linestyle="--")


def _phase_changes(history: Sequence[Mapping[str, Any]]) -> list[float]:
    return _changes([line["phase"] for line in history])


def _changes(values: Sequence[Any]) -> list[float]:
    """Where a sequence changes, half-way between two epochs counted from 1."""
    return [i + 0.5 for i in range(1, len(values)) if values[i] != values[i - 1]]
