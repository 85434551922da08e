"""The page as HTML: one template, everything that a user wrote escaped, nothing loaded."""

from __future__ import annotations

import base64
import hashlib
import html
import os
import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from avgap import __version__, console, figures
from avgap.report import gallery, graphs, tables
from avgap.report.commands import commands
from avgap.report.samples import page_table
from avgap.report.words import verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from avgap.report.runview import RunView

_NAMED = 3  # samples that a bar names without the script


def render(runs: Sequence[RunView], made_by: str = "") -> str:
    """The whole page as text. made_by: the command line that makes it again."""
    parts = [_parts(run) for run in runs]
    return fill_page("report.html.j2", runs=runs, parts=parts, made_by=made_by)


def fill_page(template: str, **content: object) -> str:
    """A page as text, from one of our templates."""
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
        "percent": lambda value: tables.NOTHING if value is None else f"{tables.percent(value)} %",
        "points": tables.points,
        "number": tables.number,
        "signed": tables.signed,
        "interval": tables.interval,
        "seen_from": lambda path, folder: Path(os.path.relpath(path, folder)).as_posix(),
        "short": lambda digest: digest[:12],
    }
    script = (files("avgap") / "templates" / "report.js").read_text(encoding="utf-8")
    hashed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template(template).render(
        version=__version__,
        colours=figures.COLOURS,
        script=Markup(script),  # our own file
        script_hash=Markup(hashed),
        **content,
    )


def _parts(view: RunView) -> dict[str, object]:
    """What the template shows of a run beside the run itself."""
    drawn = {
        name: (graph.title, inline(view.key, graph))
        for name, graph in graphs.graphs(view).items()
        if name != "gaps" and not name.startswith("by-")
    }
    edges = None if view.first is None else figures.histogram_edges(view.first.gaps.gap)
    cache = None if view.cache is None else view.cache.path
    return {
        "words": verdict(view),
        "pictures": drawn,
        "histogram": None if edges is None else histogram(view, edges),
        "tables": {table.name: table for table in tables.tables(view)},
        "samples": None if edges is None else page_table(view, edges),
        "galleries": _galleries(view),
        "commands": commands(view.run, cache),
    }


def inline(key: str, graph: graphs.Graph) -> Markup:
    """A figure as an <svg> element. Drawn by us from numbers, with every text escaped."""
    return Markup(figures.svg(graph.draw(), f"{key}-{graph.name}", graph.title))


def histogram(view: RunView, edges: NDArray[np.float64]) -> Markup | None:
    """Fig. 2 whose bins say, when pointed at, how many samples they hold, and name some."""
    figure = graphs.histogram_to_point_at(view)
    if figure is None or view.first is None:
        return None
    gaps, prefix = view.first.gaps, f"{view.key}-gaps"
    title = f"Histogram of the modality gaps {view.first.name}"
    text = figures.svg(figure, prefix, title)
    counts, _ = np.histogram(gaps.gap, edges)
    order = np.argsort(-np.abs(gaps.gap), kind="stable")
    bins = np.clip(np.searchsorted(edges, gaps.gap[order], side="right") - 1, 0, len(counts) - 1)

    def say(match: re.Match[str]) -> str:
        i = int(match[1])
        span = f"{tables.signed(edges[i], 2)} … {tables.signed(edges[i + 1], 2)}"
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


def _galleries(view: RunView) -> list[tuple[str, list[dict[str, object]]]]:
    """The most imbalanced samples of either sign, titled."""
    if view.first is None:
        return []
    table = view.first.gaps
    return [
        (
            f"The {modality} leads most",
            gallery.samples(table, rows, view.mixture, view.clips, view.classes),
        )
        for modality, rows in gallery.galleries(table.gap).items()
    ]
