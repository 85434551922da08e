"""How every figure is drawn: its colours, its style, its bins. matplotlib's state is left alone.

Colours are told apart without colour vision, too, and keep one meaning everywhere: audio, visual,
fused, balanced, imbalanced. matplotlib is imported on first use, by `matplotlib` alone.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from avgap.mixture.model import Mixture

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

# At least 3:1 against the page's light and its dark ground.
COLOURS = {
    "audio": "#d9730d",
    "visual": "#2f7fd1",
    "fused": "#1f9d6b",
    "balanced": "#7d8694",
    "imbalanced": "#c2559d",
}
MARKERS = {"audio": "o", "visual": "s", "fused": "D"}
INK = "#010203"  # stands for the page's text colour until svg() puts currentColor in its place


def matplotlib() -> Any:
    """matplotlib without the user's settings and backend, which may name what is not there.

    Only its import reads them; where it is imported already, it is taken as it is.
    """
    name = "matplotlib"
    found = None if name in sys.modules else importlib.util.find_spec(name)
    if found is None or found.origin is None:
        return importlib.import_module(name)
    data = Path(found.origin).parent / "mpl-data"
    ours = {"MPLBACKEND": "agg", "MATPLOTLIBRC": str(data / "matplotlibrc")}
    theirs = {variable: os.environ.get(variable) for variable in ours}
    os.environ.update(ours)
    try:
        return importlib.import_module(name)
    finally:
        for variable, value in theirs.items():
            if value is None:
                del os.environ[variable]
            else:
                os.environ[variable] = value


@contextmanager
def plain(**changes: Any) -> Iterator[None]:
    """matplotlib as it comes, whatever was set before, but for changes, while this lasts."""
    mpl = matplotlib()
    usual = {n: v for n, v in mpl.rcParamsDefault.items() if not n.startswith("backend")}
    with mpl.rc_context({**usual, **changes}):
        yield


@contextmanager
def style() -> Iterator[None]:
    """Draw in our style while it lasts."""
    ink = dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK
    )
    spines = {"axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.6}
    text = {"font.size": 10, "axes.titlesize": 10, "legend.fontsize": 9, "axes.unicode_minus": True}
    with plain(**ink, **spines, **text):
        yield


def blank(width: float, height: float) -> Figure:
    """An empty figure, width and height in inches, without a ground."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.patch.set_alpha(0)
    return figure


def histogram_edges(gap: NDArray[np.float64]) -> NDArray[np.float64]:
    """Edges of equal bins over [−1, 1], narrow enough for a late, sharp peak."""
    spread = float(np.subtract(*np.quantile(gap, [0.75, 0.25])))
    # Freedman and Diaconis 1981, within what a figure can show.
    width = np.clip(2 * spread / len(gap) ** (1 / 3), 0.01, 0.1)
    return np.linspace(-1, 1, 2 * round(1 / width) + 1)


def curve_grid(mixture: Mixture) -> NDArray[np.float64]:
    """Points in [−1, 1] at which to draw the densities: even, and dense about every mean."""
    about = np.linspace(-4, 4, 81)
    parts = [c.mean + c.std * about for c in mixture.components.values()]
    points = np.unique(np.concatenate([np.linspace(-1, 1, 201), *parts]))
    return np.asarray(points[np.abs(points) <= 1])
