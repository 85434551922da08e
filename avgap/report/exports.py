"""Runs in every format that `report --format` knows: one function each, views in, text out."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from avgap import __version__, console, figures
from avgap.errors import OutputError, UsageError
from avgap.report.graphs import graphs
from avgap.report.grouping import AGREEMENT, CLASS
from avgap.report.html import render
from avgap.report.markup import booktabs, marked_down, pipes
from avgap.report.runview import RunView
from avgap.report.samples import columns
from avgap.report.tables import groups, tables
from avgap.report.words import verdict

MARK = f"avgap report {__version__}"
# How a file of ours begins, by which it is known and may be replaced.
_OURS = re.compile(
    rb'\s*(<!-- |% |# |\{\s*"generator": ")avgap report |.*<meta name="generator" content="avgap ',
    re.DOTALL,
)
ENDINGS = {
    ".html": "html",
    ".htm": "html",
    ".md": "md",
    ".tex": "latex",
    ".csv": "csv",
    ".json": "json",
}


# ---------------------------------------------------------------- text


def terminal(views: Sequence[RunView]) -> str:
    """Words and tables for the terminal; of the breakdowns those asked for, or the main ones."""
    parts = []
    for view in views:
        asked = [name for name in view.breakdowns if _asked(view, name)]
        shown = [t for t in tables(view) if not t.name.startswith("by-")]
        shown += [groups(name, view.breakdowns[name]) for name in asked]
        head = [f"{view.name}", ""] if len(views) > 1 else []
        drawn = [console.table(list(t.columns), t.rows, t.title) for t in shown]
        parts.append("\n".join([*head, *verdict(view), *_crowd(view), "", "\n\n".join(drawn)]))
    return "\n\n".join(part.rstrip() for part in parts)


def _asked(view: RunView, name: str) -> bool:
    if not view.by:
        return name in (CLASS, AGREEMENT)
    files = tuple(f"{path.name}: " for path, _ in view.by.tables)
    return name in view.by.names or (bool(files) and name.startswith(files))


def _crowd(view: RunView) -> list[str]:
    if view.votes is None:
        return []
    seen = view.votes
    return [
        f"The gap's correlation with the crowd's votes by voice minus by face is "
        f"{seen.pearson:+.2f} [{seen.low:+.2f} … {seen.high:+.2f}], n = {len(seen.gap):,}."
    ]


def markdown(views: Sequence[RunView], made_by: str) -> str:
    """Words and every table, as Markdown with tables (GitHub's)."""
    again = f": {made_by}" if made_by else ""
    lines = [f"<!-- {MARK}{again.replace('>', '›')} -->", ""]
    for view in views:
        lines += [f"# {marked_down(view.name)}", ""]
        lines += [marked_down(" ".join([*verdict(view), *_crowd(view)])), ""]
        for table in tables(view):
            lines += [f"## {marked_down(table.title)}", "", *pipes(table), ""]
    return "\n".join(lines)


def latex(views: Sequence[RunView], made_by: str) -> str:
    """The tables of accuracy, rounds and moves, and those asked for by --by, for booktabs."""
    lines = [f"% {MARK}" + (f": {' '.join(made_by.split())}" if made_by else "")]
    lines += [r"% needs \usepackage{booktabs}", ""]
    for view in views:
        shown = [t for t in tables(view) if t.name in ("accuracy", "rounds", "components", "moves")]
        shown += [
            groups(name, of)
            for name, of in view.breakdowns.items()
            if view.by and _asked(view, name)
        ]
        for table in shown:
            lines += booktabs(table, f"{table.title} ({view.name})")
    return "\n".join(lines)


def samples_csv(views: Sequence[RunView], made_by: str) -> str:
    """One row per sample of the first gaps; with several runs, which one."""
    rows: list[dict[str, Any]] = []
    for view in views:
        found = columns(view)
        named = {"run": view.name} if len(views) > 1 else {}
        for values in zip(*(column.values for column in found), strict=True):
            cells = {_csv_name(c.name): v for c, v in zip(found, values, strict=True)}
            rows.append({**named, **cells})
    return csv_text(rows)


def _csv_name(name: str) -> str:
    """A column's name in a file: that of gaps.h5 where it is the same."""
    scores = {"audio": "audio_prob", "visual": "visual_prob"}
    return scores.get(name, name.replace(" says", "_pred").replace(" ", "_"))


def csv_text(rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows as CSV under our mark; a column is there when any row has it."""
    rows = list(rows)
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    text.write(f"# {MARK}\n")
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_json(views: Sequence[RunView], made_by: str) -> str:
    """All numbers, with the verdict in words."""
    runs = [{"name": v.name, "verdict": verdict(v), **v.numbers()} for v in views]
    body = {"generator": MARK, "command": made_by or None, "runs": runs}
    return json.dumps(body, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


# A new format: a function of views and the command line here; `figures` alone fills a folder.
FORMATS: dict[str, Callable[[Sequence[RunView], str], str]] = {
    "html": render,
    "md": markdown,
    "latex": latex,
    "csv": samples_csv,
    "json": as_json,
}


# ---------------------------------------------------------------- files


def format_of(output: Path) -> str:
    """The format that a file's ending names; html without an ending. Raises UsageError: another."""
    ending = output.suffix.lower()
    if ending and ending not in ENDINGS:
        known = f"known endings: {', '.join(ENDINGS)}"
        raise UsageError(f"{output} does not say which format it has", [known], "--format NAME")
    return ENDINGS.get(ending, "html")


def expect_writable(output: Path, format: str) -> None:
    """Raise OutputError unless a report of this format may be written at output."""
    if format == "figures":
        if (output.exists() and not output.is_dir()) or output.suffix in (".pdf", ".svg", ".png"):
            raise OutputError(f"{output} is not a folder", ["the figures fill one"], "-o figures")
        return
    if output.exists() and not is_ours(output):
        raise OutputError(f"{output} exists and is not a report of avgap", hint="another -o")


def is_ours(path: Path) -> bool:
    """Whether a file was written by `report`."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return _OURS.match(file.read(4096)) is not None


def write_figures(views: Sequence[RunView], folder: Path) -> list[Path]:
    """Every figure of every run as a vector PDF. Raises OutputError: a foreign file."""
    drawn: dict[Path, Callable[[], Any]] = {}
    for view in views:
        prefix = f"{view.key}-" if len(views) > 1 else ""
        for graph in graphs(view).values():
            path = folder / f"{prefix}{slug(graph.name)}.pdf"
            while path in drawn:
                path = path.with_stem(f"{path.stem}-again")
            drawn[path] = graph.draw
    draw_all(drawn)
    return list(drawn)


def draw_all(drawn: Mapping[Path, Callable[[], Any]]) -> None:
    """Draw and save figures, none before all may be. Raises OutputError: a foreign file."""
    for path in drawn:
        figures.expect_writable(path)
    for path, draw in drawn.items():
        figures.save(draw(), path)


def slug(name: str) -> str:
    """A name as a part of a file's name."""
    return re.sub(r"[^\w.]+", "-", name).strip("-.") or "figure"
