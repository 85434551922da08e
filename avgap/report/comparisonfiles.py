"""A comparison of trainings in every format of `report`: words and tables, text out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from avgap import artifact, console, figures
from avgap.report import exports
from avgap.report.comparison import Comparison, Panel
from avgap.report.graphs import Graph
from avgap.report.html import fill_page, inline
from avgap.report.markup import booktabs, marked_down, pipes
from avgap.report.tables import percent


def terminal(found: Comparison) -> str:
    """Every table, for a terminal."""
    drawn = [console.table(list(t.columns), t.rows, t.title) for t in found.tables]
    return "\n\n".join(drawn)


def markdown(found: Comparison, made_by: str) -> str:
    """Every table as Markdown, and what was left out."""
    again = f": {made_by}" if made_by else ""
    lines = [f"<!-- {exports.MARK}{again.replace('>', '›')} -->", ""]
    for panel in found.panels:
        lines += [f"# {marked_down(panel.name)}", "", marked_down(lead(panel)), ""]
        for table in panel.tables:
            lines += [f"## {marked_down(table.title)}", "", *pipes(table), ""]
    for heading, told in (("Left out", found.left_out), ("To know", found.notes)):
        if told:
            lines += [f"## {heading}", "", *(f"- {marked_down(line)}" for line in told), ""]
    return "\n".join(lines)


def latex(found: Comparison, made_by: str) -> str:
    """Every table for booktabs."""
    lines = [f"% {exports.MARK}" + (f": {' '.join(made_by.split())}" if made_by else "")]
    lines += [r"% needs \usepackage{booktabs}", ""]
    for table in found.tables:
        lines += booktabs(table, table.title)
    return "\n".join(lines)


def trainings_csv(found: Comparison, made_by: str) -> str:
    """One row per training: its group, seed and numbers."""
    return exports.csv_text(row for panel in found.panels for row in panel.rows)


def as_json(found: Comparison, made_by: str) -> str:
    """Tables, trainings, and what was left out."""
    body = {"generator": exports.MARK, "command": made_by or None, **as_dict(found)}
    return json.dumps(body, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def as_dict(found: Comparison) -> dict[str, object]:
    """The comparison as plain values."""
    return {
        "tables": [table._asdict() for table in found.tables],
        "trainings": [row for panel in found.panels for row in panel.rows],
        "left_out": found.left_out,
        "notes": found.notes,
    }


def page(found: Comparison, made_by: str) -> str:
    """The figures and tables as a page that stands alone."""
    panels = [
        {
            "name": panel.name,
            "lead": lead(panel),
            "pictures": [
                (graph.title, inline(f"panel-{number}", graph)) for graph in graphs(panel)
            ],
            "tables": panel.tables,
        }
        for number, panel in enumerate(found.panels, start=1)
    ]
    told = {"left_out": found.left_out, "notes": found.notes}
    return fill_page("comparison.html.j2", panels=panels, made_by=made_by, **told)


FORMATS: dict[str, Callable[[Comparison, str], str]] = {
    "html": page,
    "md": markdown,
    "latex": latex,
    "csv": trainings_csv,
    "json": as_json,
}


def write(found: Comparison, output: Path, format: str, made_by: str = "") -> None:
    """Write it in a format; `figures` fills a folder. Raises OutputError: a foreign file."""
    exports.expect_writable(output, format)
    if format != "figures":
        artifact.write_text(output, FORMATS[format](found, made_by))
        return
    drawn: dict[Path, Callable[[], Any]] = {}
    for number, panel in enumerate(found.panels, start=1):
        prefix = f"{number}-" if len(found.panels) > 1 else ""
        drawn |= {output / f"{prefix}{graph.name}.pdf": graph.draw for graph in graphs(panel)}
    exports.draw_all(drawn)


def lead(panel: Panel) -> str:
    """How many, and which is highest, in words."""
    fused = {name: of["fused"] for name, of in panel.accuracies().items() if of["fused"]}
    means = {name: sum(values) / len(values) for name, values in fused.items()}
    count = len(panel.rows)
    words = f"{count:,} trainings in {len(panel.groups):,} groups."
    if not means:
        return words
    # Of equal ones the reference, which no other is above.
    best = max(means, key=lambda name: (means[name], name == panel.reference))

    def told(name: str) -> str:
        n = len(fused[name])
        return f"{percent(means[name])} % over {n:,} seed{'' if n == 1 else 's'}"

    words += f" Highest fused accuracy, best on validation: {best}, {told(best)}"
    if best == panel.reference or panel.reference not in means:
        return f"{words}."
    return f"{words}; the reference {panel.reference}: {told(panel.reference)}."


def graphs(panel: Panel) -> list[Graph]:
    """The figures of a panel. Nothing is drawn yet."""
    title = f"Accuracy of every group, best on validation ({panel.name})"
    found = [Graph("accuracies", title, lambda: figures.accuracies(panel.accuracies()))]
    if panel.pairs:
        changes = [figures.Change(pair.name, *pair.over_both) for pair in panel.pairs]
        title = (
            f"Fused accuracy against {panel.reference}, with 95 % intervals over seeds and samples"
        )
        found.append(
            Graph("differences", title, lambda: figures.differences(changes, panel.reference))
        )
    return found
