"""The figures of a run: which there are, what each shows, and how it is drawn."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from avgap import console, figures
from avgap.figures import Bar, Round
from avgap.report.breakdown import Group
from avgap.report.document import Graph
from avgap.report.runview import RunView, shows_groups
from avgap.report.tables import signed

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NAMED = 3  # samples that a bar names without the script
_MOST_BARS = 40  # groups that a figure of a breakdown can show


def _gaps(view: RunView) -> Graph | None:
    """Fig. 2 for the first gaps."""
    first = view.first
    if first is None:
        return None
    title = f"Histogram of the modality gaps {first.name}"
    return Graph("gaps", title, lambda: figures.gap_histogram(first.gaps.gap, view.groups))


def _evolution(view: RunView) -> Graph | None:
    """Fig. 3, where there is more than one round."""
    if len(view.run.moments) < 2:
        return None
    rounds = []
    for m in view.run.moments:
        val = view.validation(m.round)
        distance = None if val is None else abs(val["audio"] - val["visual"])
        mixture = None if m.gmm is None else m.gmm.mixture
        rounds.append(Round(m.name, m.gaps.gap, mixture, distance, shows_groups(m)))
    title = "Histograms of the gaps after each round, and how the mixture moved"
    return Graph("evolution", title, lambda: figures.evolution(rounds))


def _accuracy(view: RunView) -> Graph | None:
    """Fig. 4, where validation accuracy was logged."""
    if not any(line.get("val") for line in view.run.history):
        return None
    title = "Validation accuracy of fused, audio and visual over the epochs of both phases"
    return Graph("accuracy", title, lambda: figures.accuracy(view.run.history))


def _trajectories(view: RunView) -> Graph | None:
    paths = view.trajectories
    if paths is None:
        return None
    title = (
        "The gaps of the samples imbalanced at first, round by round, and who changed sides, "
        f"counted {view.counting}"
    )
    return Graph(
        "trajectories",
        title,
        lambda: figures.trajectories(paths.rounds, paths.gap, paths.imbalanced),
    )


def _crowd(view: RunView) -> Graph | None:
    seen = view.votes
    if seen is None:
        return None
    title = "The modality gap over the crowd's votes by voice minus by face"
    return Graph("crowd", title, lambda: figures.crowd(seen.lean, seen.gap))


def _groups(name: str, of: list[Group]) -> Graph:
    bars = [
        Bar(g.name, g.mean_gap)
        if g.imbalanced is None
        else Bar(g.name, g.mean_gap, g.imbalanced.value, g.imbalanced.low, g.imbalanced.high)
        for g in of
    ]
    title = f"Mean gap and share called imbalanced by {name}"
    return Graph(f"by-{name}", title, lambda: figures.by_group(bars, f"by {name}"))


# A new figure of a run: a function here that gives a drawing of avgap.figures what it draws.
FIGURES: dict[str, Callable[[RunView], Graph | None]] = {
    "gaps": _gaps,
    "evolution": _evolution,
    "accuracy": _accuracy,
    "trajectories": _trajectories,
    "crowd": _crowd,
}


def graphs(view: RunView) -> dict[str, Graph]:
    """Every figure that a run's artifacts allow, by its name. Nothing is drawn yet."""
    found = [figure(view) for figure in FIGURES.values()]
    found += [_groups(name, of) for name, of in view.breakdowns.items() if len(of) <= _MOST_BARS]
    return {graph.name: graph for graph in found if graph is not None}


def histogram_to_point_at(view: RunView, edges: NDArray[np.float64]) -> Markup | None:
    """Fig. 2 whose bins say, when pointed at, how many samples they hold, and name some.

    edges: of the bins, figures.histogram_edges.
    """
    if view.first is None:
        return None
    figure = figures.gap_histogram(view.first.gaps.gap, view.groups, columns=True)
    gaps, prefix = view.first.gaps, f"{view.key}-gaps"
    title = f"Histogram of the modality gaps {view.first.name}"
    text = figures.svg(figure, prefix, title)
    counts, _ = np.histogram(gaps.gap, edges)
    order = np.argsort(-np.abs(gaps.gap), kind="stable")
    bins = np.clip(np.searchsorted(edges, gaps.gap[order], side="right") - 1, 0, len(counts) - 1)

    def say(match: re.Match[str]) -> str:
        i = int(match[1])
        span = f"{signed(edges[i], 2)} … {signed(edges[i + 1], 2)}"
        if not counts[i]:
            return match[0]
        some = [gaps.id[row] for row in order[bins == i][:_NAMED]] if gaps.id is not None else []
        named = f": {', '.join(some)}" + (" …" if counts[i] > len(some) else "") if some else ""
        many = "sample" if counts[i] == 1 else "samples"
        words = console.safe(f"gap {span}, {counts[i]:,} {many}{named}")
        label = html.escape(words, quote=True)
        return (
            f'<g id="{prefix}-bin-{i}" class="bin" data-bin="{i}" data-span="{span}" tabindex="-1" '
            f'role="button" aria-label="{label}"><title>{label}</title>'
        )

    text = re.sub(rf'<g id="{re.escape(prefix)}-bin-(\d+)">', say, text)
    return Markup(text.replace('<svg role="img"', '<svg role="group"', 1))
