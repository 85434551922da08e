"""Figures as pure functions of what artifacts hold, and how they are written."""

from avgap.figures.analysis import Bar, by_group, crowd, trajectories
from avgap.figures.comparison import Change, accuracies, differences
from avgap.figures.drawing import (
    COLOURS,
    INK,
    MARKERS,
    blank,
    curve_grid,
    histogram_edges,
    matplotlib,
    style,
)
from avgap.figures.paper import Round, accuracy, evolution, gap_histogram
from avgap.figures.writing import MARK, expect_writable, save, svg

__all__ = [
    "COLOURS",
    "INK",
    "MARK",
    "MARKERS",
    "Bar",
    "Change",
    "Round",
    "accuracies",
    "accuracy",
    "blank",
    "by_group",
    "crowd",
    "curve_grid",
    "differences",
    "evolution",
    "expect_writable",
    "gap_histogram",
    "histogram_edges",
    "matplotlib",
    "save",
    "style",
    "svg",
    "trajectories",
]
