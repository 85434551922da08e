"""A report as one document, whatever it is of, and that document in every format.

A report on runs (`rundocument`) and a comparison of runs (`comparison`) are both a `Document`.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from markupsafe import Markup

from avgap import __version__, artifact, console, figures
from avgap.errors import OutputError, UsageError
from avgap.report import tables
from avgap.report.tables import Table, booktabs, marked_down, pipes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARK = f"avgap report {__version__}"
# How a file of ours begins, by which it is known and may be replaced.
_OURS = re.compile(
    rb'\s*(<!-- |% |# |\{\s*"generator": ")avgap report |.*<meta name="generator" content="avgap ',
    re.DOTALL,
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # as OWASP's page on CSV injection lists them
ENDINGS = {
    ".html": "html",
    ".htm": "html",
    ".md": "md",
    ".tex": "latex",
    ".csv": "csv",
    ".json": "json",
}


class Graph(NamedTuple):
    """A figure: its name for files and addresses, what it shows in words, how it is drawn."""

    name: str
    title: str
    draw: Callable[[], Figure]


@dataclass(frozen=True)
class Section:
    """One run, or the runs of one cache and split.

    key: unique in the document, a prefix of ids and of names of files. tables: every one, of which
    brief are those for a terminal; typeset: those for LaTeX, their titles as captions.
    """

    key: str
    name: str
    words: list[str]
    tables: list[Table]
    brief: list[Table]
    typeset: list[Table]
    graphs: list[Graph]


@dataclass(frozen=True)
class Document:
    """made_by: the command line that makes it again, "" if unknown. remarks: heading → lines.

    rows: those of the CSV. numbers: the body of the JSON. template, content: of the page. All three
    are made when they are asked for.
    """

    sections: list[Section]
    made_by: str
    rows: Callable[[], Iterable[Mapping[str, Any]]]
    numbers: Callable[[], dict[str, Any]]
    template: str
    content: Callable[[], dict[str, object]]
    remarks: dict[str, list[str]] = field(default_factory=dict)


# ---------------------------------------------------------------- text


def terminal(document: Document) -> str:
    """Words and the main tables for the terminal."""
    parts = []
    for section in document.sections:
        head = [section.name, ""] if len(document.sections) > 1 else []
        drawn = [console.table(list(t.columns), t.rows, t.title) for t in section.brief]
        parts.append("\n".join([*head, *section.words, "", "\n\n".join(drawn)]).rstrip())
    return "\n\n".join(parts)


def markdown(document: Document) -> str:
    """Words, every table and the remarks, as Markdown with tables (GitHub's)."""
    again = f": {document.made_by}" if document.made_by else ""
    lines = [f"<!-- {MARK}{again.replace('>', '›')} -->", ""]
    for section in document.sections:
        lines += [f"# {marked_down(section.name)}", ""]
        lines += [marked_down(" ".join(section.words)), ""]
        for table in section.tables:
            lines += [f"## {marked_down(table.title)}", "", *pipes(table), ""]
    for heading, told in document.remarks.items():
        lines += [f"## {heading}", "", *(f"- {marked_down(line)}" for line in told), ""]
    return "\n".join(lines)


def latex(document: Document) -> str:
    """The tables for a paper, with booktabs."""
    again = f": {' '.join(document.made_by.split())}" if document.made_by else ""
    lines = [f"% {MARK}{again}", r"% needs \usepackage{booktabs}", ""]
    for section in document.sections:
        for table in section.typeset:
            lines += booktabs(table)
    return "\n".join(lines)


def as_csv(document: Document) -> str:
    """A row per sample of runs, a row per run of a comparison."""
    return csv_text(document.rows())


def harmless(rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Rows for a spreadsheet: an apostrophe before text that it would run as a formula."""
    for row in rows:
        yield {name: f"'{value}" if _is_formula(value) else value for name, value in row.items()}


def _is_formula(value: Any) -> bool:
    if not isinstance(value, str) or not value.startswith(_FORMULA):
        return False
    try:
        float(value)
    except ValueError:
        return True
    return False


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


def as_json(document: Document) -> str:
    """Every number."""
    body = {"generator": MARK, "command": document.made_by or None, **document.numbers()}
    return json.dumps(body, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def as_html(document: Document) -> str:
    """A page that stands alone: everything that a user wrote is escaped, nothing is loaded."""
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
    return environment.get_template(document.template).render(
        version=__version__,
        colours=figures.COLOURS,
        script=Markup(script),  # our own file
        script_hash=Markup(hashed),
        made_by=document.made_by,
        remarks=document.remarks,
        **document.content(),
    )


def inline(key: str, graph: Graph) -> Markup:
    """A figure as an <svg> element. Drawn by us from numbers, with every text escaped."""
    return Markup(figures.svg(graph.draw(), f"{key}-{graph.name}", graph.title))


# A new format: a function of a document here; `figures` alone fills a folder.
FORMATS: dict[str, Callable[[Document], str]] = {
    "html": as_html,
    "md": markdown,
    "latex": latex,
    "csv": as_csv,
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
    """Whether a file is a report of ours."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return _OURS.match(file.read(4096)) is not None


def write_document(document: Document, output: Path, format: str) -> None:
    """Write it in a format; `figures` fills a folder. Raises OutputError: a foreign file."""
    expect_writable(output, format)
    if format == "figures":
        _draw_all(document, output)
    else:
        artifact.write_text(output, FORMATS[format](document))


def _draw_all(document: Document, folder: Path) -> None:
    """Every figure as a vector PDF, none before all may be written."""
    drawn: dict[Path, Callable[[], Figure]] = {}
    for section in document.sections:
        prefix = f"{section.key}-" if len(document.sections) > 1 else ""
        for graph in section.graphs:
            path = folder / f"{prefix}{slug(graph.name)}.pdf"
            while path in drawn:
                path = path.with_stem(f"{path.stem}-again")
            drawn[path] = graph.draw
    for path in drawn:
        figures.expect_writable(path)
    for path, draw in drawn.items():
        figures.save(draw(), path)


def slug(name: str) -> str:
    """A name as a part of a file's name."""
    return re.sub(r"[^\w.]+", "-", name).strip("-.") or "figure"
