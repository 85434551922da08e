"""The figures of a run: which there are, what each shows, and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from avgap import figures
from avgap.figures import Bar, Round
from avgap.report.breakdown import Group
from avgap.report.runview import RunView

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_BARS = 40  # groups that a figure of a breakdown can show


class Graph(NamedTuple):
    """A figure: its name for files and addresses, what it shows in words, how it is drawn."""

    name: str
    title: str
    draw: Callable[[], Figure]


def graphs(view: RunView) -> dict[str, Graph]:
    """Every figure that a run's artifacts allow, by its name. Nothing is drawn yet."""
    found = [_gaps(view), _evolution(view), _accuracy(view), _trajectories(view), _crowd(view)]
    found += [_groups(name, of) for name, of in view.breakdowns.items() if len(of) <= _MOST_BARS]
    return {graph.name: graph for graph in found if graph is not None}


def histogram_to_point_at(view: RunView) -> Figure | None:
    """Fig. 2 with an element over every bin (figures.gap_histogram)."""
    if view.first is None:
        return None
    return figures.gap_histogram(view.first.gaps.gap, view.mixture, columns=True)


def _gaps(view: RunView) -> Graph | None:
    """Fig. 2 for the first gaps."""
    first = view.first
    if first is None:
        return None
    title = f"Histogram of the modality gaps {first.name}"
    return Graph("gaps", title, lambda: figures.gap_histogram(first.gaps.gap, view.mixture))


def _evolution(view: RunView) -> Graph | None:
    """Fig. 3, where there is more than one round."""
    if len(view.run.moments) < 2:
        return None
    rounds = []
    for m in view.run.moments:
        val = view.validation(m.round)
        distance = None if val is None else abs(val["audio"] - val["visual"])
        mixture = None if m.gmm is None else m.gmm.mixture
        rounds.append(Round(m.name, m.gaps.gap, mixture, distance))
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
    title = "The gaps of the samples imbalanced at first, round by round, and who changed sides"
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
    title = f"Mean gap and imbalanced share by {name}"
    return Graph(f"by-{name}", title, lambda: figures.by_group(bars, f"by {name}"))
