"""Runs as a document: read and joined, their words, tables and figures, written in any format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avgap import artifact, figures
from avgap.artifact.gaps import read_gaps
from avgap.errors import InputError, OutputError
from avgap.mixture.plain import measured_briefly
from avgap.report.commands import commands
from avgap.report.document import (
    Document,
    Section,
    csv_text,
    expect_writable,
    harmless,
    inline,
    write_document,
)
from avgap.report.graphs import graphs, histogram_to_point_at
from avgap.report.grouping import AGREEMENT, CLASS, NO_QUESTION, By, read_by
from avgap.report.runfolder import RunFolder, mixture_beside, read_files, read_run
from avgap.report.runtables import groups, tables
from avgap.report.runview import RunView, plain_of, short_names, view
from avgap.report.samples import cards, galleries, page_table, sample_rows, trajectory_rows
from avgap.report.words import details, lead, verdict, warnings

# The tables of LaTeX, beside what --by asks for.
_TYPESET = ("gaps", "accuracy", "rounds", "components", "moves")


@dataclass(frozen=True)
class Page:
    """What was written, and per run the numbers that stand in it."""

    path: Path
    runs: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        """For --json. planted_auc is the first run's; None where nothing is known."""
        return {"output": str(self.path), **numbers(self.runs)}


def numbers(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The numbers of every run, and the AUC of the corrupted clips of the first."""
    return {"planted_auc": runs[0]["planted_auc"], "runs": runs}


def page(
    paths: Sequence[Path],
    output: Path,
    cache: Path | None = None,
    *,
    format: str = "html",
    by: Sequence[str] = (),
    made_by: str = "",
) -> Page:
    """Report on run folders, or on tables of gaps with their mixtures, into one file.

    cache: where the clips lie; by default the place that the gaps remember. by: as `read_by`.
    made_by: the command line, for the reader. Raises InputError (a folder without artifacts, a
    cache of other gaps), OutputError (a file that avgap did not write).
    """
    expect_writable(Path(output), format)
    return write(read_views(paths, cache, read_by(by)), Path(output), format, made_by)


def read_views(
    paths: Sequence[Path], cache: Path | None = None, by: By = NO_QUESTION
) -> list[RunView]:
    """Every run that the paths name, joined with its cache. Files are one table of gaps or more.

    A table of gaps that is alone gets the mixture that lies beside it and was fitted to it.
    """
    runs: list[tuple[Path, RunFolder]] = []
    files = [Path(path) for path in paths if Path(path).is_file()]
    for path in map(Path, paths):
        if path not in files:
            runs.append((path, read_run(path)))
        elif path == files[0]:
            for run in read_files(_with_mixtures(files)):
                runs.append((run.moments[0].path, run))
    names = short_names([path for path, _ in runs])
    return [
        view(run, cache, f"run-{number}", name, by)
        for number, ((_, run), name) in enumerate(zip(runs, names, strict=True), start=1)
    ]


def _with_mixtures(files: list[Path]) -> list[Path]:
    if any(path.suffix == ".json" for path in files):
        return files
    beside = [mixture_beside(path, read_gaps(path)) for path in files]
    return [*files, *dict.fromkeys(path for path in beside if path is not None)]


def write(views: list[RunView], output: Path, format: str, made_by: str = "") -> Page:
    """Write runs in a format; `figures` fills a folder. Raises OutputError: a foreign file."""
    write_document(document(views, made_by), output, format)
    return Page(output, [run.numbers() for run in views])


def write_trajectories(views: list[RunView], output: Path, *, spreadsheet: bool = False) -> int:
    """Write every sample's way through the rounds as CSV; how many never moved.

    spreadsheet: as `harmless`.

    Raises InputError: no run has two rounds with mixtures. OutputError: a foreign file.
    """
    if output.suffix.lower() != ".csv":
        raise OutputError(f"cannot write trajectories to {output}", hint="a name ending in .csv")
    expect_writable(output, "csv")
    lacking = [run.name for run in views if run.trajectories is None]
    if lacking:
        raise InputError(
            f"no trajectories in {', '.join(lacking)}",
            ["they need the gaps of two rounds or more, each with its mixture"],
            "the folder of a whole run, with adapt/step-01 and so on",
        )
    rows = trajectory_rows(views)
    artifact.write_text(output, csv_text(harmless(rows) if spreadsheet else rows))
    return sum(int(run.trajectories.never_moved.sum()) for run in views if run.trajectories)


def document(views: Sequence[RunView], made_by: str = "") -> Document:
    """Everything that a report on runs says, for any format."""
    return Document(
        sections=[_section(view) for view in views],
        made_by=made_by,
        rows=lambda: sample_rows(views),
        numbers=lambda: {
            "runs": [{"name": v.name, "verdict": verdict(v), **v.numbers()} for v in views]
        },
        template="report.html.j2",
        content=lambda: {"runs": views, "parts": [_parts(view) for view in views]},
    )


def _section(view: RunView) -> Section:
    every = tables(view)
    asked = [groups(name, of) for name, of in view.breakdowns.items() if _asked(view, name)]
    paper = [table for table in every if table.name in _TYPESET] + (asked if view.by else [])
    return Section(
        view.key,
        view.name,
        [*verdict(view), *_crowd(view)],
        every,
        [table for table in every if not table.name.startswith("by-")] + asked,
        [table._replace(title=f"{table.title} ({view.name})") for table in paper],
        list(graphs(view).values()),
    )


def _asked(view: RunView, name: str) -> bool:
    """Whether a breakdown is one that --by asks for, or of the main ones where it asks for none."""
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


def _parts(view: RunView) -> dict[str, object]:
    """What the template shows of a run beside the run itself."""
    drawn = {
        name: (graph.title, inline(view.key, graph))
        for name, graph in graphs(view).items()
        if name != "gaps" and not name.startswith("by-")
    }
    edges = None if view.first is None else figures.histogram_edges(view.first.gaps.gap)
    cache = None if view.cache is None else view.cache.path
    return {
        "lead": lead(view),
        "details": details(view),
        "warnings": warnings(view),
        "origin": "" if view.first is None else measured_briefly(view.first.gaps.held_out),
        "plain": None if view.first is None else plain_of(view.first.gaps),
        "pictures": drawn,
        "histogram": None if edges is None else histogram_to_point_at(view, edges),
        "tables": {table.name: table for table in tables(view)},
        "samples": None if edges is None else page_table(view, edges),
        "galleries": _galleries(view),
        "commands": commands(view.run, cache),
    }


def _galleries(view: RunView) -> list[tuple[str, list[dict[str, object]]]]:
    """The most imbalanced samples of either sign, titled."""
    if view.first is None:
        return []
    table = view.first.gaps
    return [
        (
            f"The {modality} leads most",
            cards(table, rows, view.groups, view.clips, view.classes),
        )
        for modality, rows in galleries(table.gap).items()
    ]
