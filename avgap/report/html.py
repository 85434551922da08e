"""The page as HTML: one template, everything that a user wrote escaped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from avgap import __version__, console, figures

if TYPE_CHECKING:
    from avgap.report.runview import RunView


def render(runs: Sequence[RunView]) -> str:
    """The whole page as text: no script, no font, no picture from elsewhere."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("avgap", "templates"),
        autoescape=True,
        # Control characters of a name are shown, as everywhere; pictures (Markup) stay as they are.
        finalize=lambda value: console.safe(value) if type(value) is str else value,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": _percent,
        "points": _points,
        "number": _number,
        "short": lambda digest: digest[:12],
    }
    template = environment.get_template("report.html.j2")
    return template.render(runs=runs, version=__version__, colours=figures.COLOURS)


def _percent(fraction: float | None, digits: int = 1) -> str:
    return "–" if fraction is None else f"{100 * fraction:.{digits}f} %"


def _points(fraction: float | None) -> str:
    """A difference of fractions in percentage points, with a true minus sign."""
    if fraction is None:
        return "–"
    text = f"{100 * fraction:+.1f}"
    return text.replace("-", "−") if float(text) else "±0.0"


def _number(value: Any, digits: int = 3) -> str:
    """A number in significant digits, thousands set apart, with a true minus sign."""
    if value is None:
        return "–"
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}g}"
    return text.replace("-", "−")
