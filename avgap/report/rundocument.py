"""Runs as a document: read and joined, their words, tables and figures, written in any format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avgap import artifact, figures
from avgap.artifact.gaps import read_gaps
from avgap.artifact.metrics import TITLES
from avgap.errors import InputError, OutputError
from avgap.mixture.plain import BEYOND, measured_briefly
from avgap.report.breakdown import Group
from avgap.report.commands import commands
from avgap.report.document import (
    Document,
    Section,
    csv_text,
    expect_writable,
    inline,
    write_document,
)
from avgap.report.graphs import graphs, histogram_to_point_at
from avgap.report.grouping import AGREEMENT, CLASS, NO_QUESTION, By, read_by
from avgap.report.runfolder import RunFolder, mixture_beside, read_files, read_run
from avgap.report.runview import RunView, plain_of, short_names, view
from avgap.report.samples import cards, galleries, page_table, sample_rows, trajectory_rows
from avgap.report.tables import NOTHING, Table, interval, minus, number, percent, points, signed
from avgap.report.words import verdict, warnings
from avgap.settings import MODALITIES

_TYPESET = (
    "gaps",
    "accuracy",
    "rounds",
    "components",
    "moves",
)  # of LaTeX, beside what --by asks for


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


def write_trajectories(views: list[RunView], output: Path) -> int:
    """Write every sample's way through the rounds as CSV; how many never moved.

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
    artifact.write_text(output, csv_text(trajectory_rows(views)))
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
        "words": verdict(view, warned=False),
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


# ---------------------------------------------------------------- tables


def tables(view: RunView) -> list[Table]:
    """Every table of a run that has rows, in the order in which they are read."""
    found = [plain_numbers(view), folds(view), accuracy(view), rounds(view), components(view)]
    found += [moves(view), never_moved(view)]
    found += [groups(name, of) for name, of in view.breakdowns.items()]
    return [table for table in found if table.rows]


def plain_numbers(view: RunView) -> Table:
    """Every table of gaps without a mixture: on whose clips, how large, who leads, how accurate."""
    every = [(moment, plain_of(moment.gaps)) for moment in view.moments]
    right = [m for m in MODALITIES if any(m in numbers.accuracy for _, numbers in every)]
    columns: tuple[str, ...] = (
        "gaps",
        "clips",
        "n",
        "mean gap",
        f"|gap| > {BEYOND}, %",
        "audio leads",
    )
    columns += ("visual leads", *(f"{modality} right, %" for modality in right))
    rows = [
        [
            moment.name,
            measured_briefly(moment.gaps.held_out),
            f"{numbers.n:,}",
            signed(numbers.mean_gap),
            percent(numbers.beyond),
            f"{numbers.audio_leads:,}",
            f"{numbers.visual_leads:,}",
            *(percent(numbers.accuracy.get(modality)) for modality in right),
        ]
        for moment, numbers in every
    ]
    return Table("gaps", "The gaps in plain numbers", columns, rows)


def folds(view: RunView) -> Table:
    """The trainings of cross-fitting: what each was measured on, and what it came to."""
    columns: tuple[str, ...] = ("fold", "clips held out", "fused right on them, %")
    columns += tuple(f"{modality}, % val" for modality in MODALITIES)
    rows = [
        [
            str(fold.number),
            f"{fold.n:,}",
            percent(fold.right),
            *(percent((fold.validation or {}).get(modality)) for modality in MODALITIES),
        ]
        for fold in view.run.folds
    ]
    return Table("folds", "The networks that measured the held-out gaps", columns, rows)


def accuracy(view: RunView) -> Table:
    """Accuracy, macro F1 and mean average precision, before and after adaptation where known."""
    measures = {name: title for name, title in TITLES.items() if name != "calibration_error"}

    def value(body: dict[str, Any] | None, modality: str, measure: str) -> str:
        return percent(None if body is None else body["metrics"][modality][measure])

    moments = {"before": view.before, "after": view.after}
    known = {when: body for when, body in moments.items() if body is not None}
    both = len(known) == len(moments)
    rows = [
        [modality, *(value(b, modality, m) for m in measures for b in known.values())]
        for modality in (MODALITIES if known else ())
    ]
    columns = [f"{name} {when}" if both else name for name in measures.values() for when in known]
    title = "Before and after adaptation" if both else "Accuracy"
    if both:
        rows = [[*row, points(view.change(row[0]))] for row in rows]
        columns.append("change of accuracy")
    if body := view.after or view.before:
        title += f" on {body['split']}, {body['n_samples']:,} samples"
    return Table("accuracy", f"{title}, in percent", ("modality", *columns), rows)


def rounds(view: RunView) -> Table:
    """Per round how imbalanced the gaps are, and how far apart audio and visual accuracy."""
    columns: tuple[str, ...] = ("gaps", "clips", "imbalanced, %", "their mean")
    paths = view.trajectories
    fixed = {} if paths is None else dict(zip(paths.rounds, paths.imbalanced, strict=True))
    columns += (f"{view.rule}, %",) if fixed else ()
    columns += ("density at 0", "leads", "separation, σ", "ΔBIC", "supported")
    logged = any(of["val"] is not None for of in view.rounds())
    columns += ("audio, % val", "visual, % val", "|audio − visual|") if logged else ()
    rows = []
    for of in view.rounds():
        mixture, said = of["mixture"], of["diagnostics"]
        shows = of["supported"]
        counted = fixed.get(of["name"])
        row = [
            of["name"],
            measured_briefly(of["held_out"]),
            percent(mixture.imbalanced_weight) if shows else "no two groups",
            signed(mixture.imbalanced_mean) if mixture.leaning and shows else NOTHING,
            *([percent(None if counted is None else float(counted.mean()))] if fixed else []),
            number(of["origin"]),
            mixture.dominant if shows else NOTHING,
            number(said["separation"], 2),
            number(said["delta_bic"]),
            "yes" if shows else "no",
        ]
        rows.append([*row, *(_validation(of["val"]) if logged else ())])
    title = "The mixture" if view.lone else "From round to round"
    return Table("rounds", title, columns, rows)


def _validation(val: Mapping[str, float] | None) -> list[str]:
    if val is None:
        return [NOTHING] * 3
    audio, visual = val["audio"], val["visual"]
    return [percent(audio), percent(visual), percent(abs(audio - visual))]


def components(view: RunView) -> Table:
    """Every component of every mixture whose groups the gaps show."""
    rows = [
        [
            of["name"],
            role.replace("_", "-"),
            f"{part.weight:.3f}",
            minus(f"{part.mean:.3f}"),
            number(part.variance, 2),
        ]
        for of in view.rounds()
        if of["supported"]
        for role, part in of["mixture"].components.items()
    ]
    return Table("components", "The mixtures", ("gaps", "component", "π", "μ", "σ²"), rows)


def moves(view: RunView) -> Table:
    """How many samples changed sides between each round and the next."""
    columns = ("round", "became balanced", "became imbalanced")
    rows = [] if view.trajectories is None else [
        [move.name, *(f"{n:,}" for n in move[1:])] for move in view.trajectories.moves()
    ]  # fmt: skip
    stayed = ("stayed imbalanced", "stayed balanced")
    title = "Samples that changed sides" + (f", counted {view.counting}" if rows else "")
    return Table("moves", title, (*columns, *stayed), rows)


def never_moved(view: RunView, most: int = 20) -> Table:
    """The samples that were imbalanced in every round: their gaps, largest first."""
    paths = view.trajectories
    if paths is None:
        return Table("never-moved", "", (), [])
    stuck = [int(i) for i in paths.order() if paths.never_moved[i]]
    rows = [[paths.id[i], *(signed(gap) for gap in paths.gap[:, i])] for i in stuck[:most]]
    shown = f", the {most} of largest gaps" if len(stuck) > most else ""
    title = f"Imbalanced in every round, {view.counting}: {len(stuck):,} samples{shown}"
    return Table("never-moved", title, ("sample", *(f"gap {n}" for n in paths.rounds)), rows)


def groups(name: str, of: Sequence[Group]) -> Table:
    """One breakdown: shares in percent with Wilson's 95 % intervals."""
    columns = ["n", "mean gap"]
    columns += ["imbalanced, %"] if any(g.imbalanced for g in of) else []
    columns += ["audio leads, %", "leads"]
    columns += ["fused right, %"] if any(g.fused_right for g in of) else []
    rows = []
    for group in of:
        row = [group.name, f"{group.n:,}", signed(group.mean_gap)]
        row += [interval(group.imbalanced)] if group.imbalanced else []
        row += [interval(group.audio_leads), group.dominant]
        row += [interval(group.fused_right)] if group.fused_right else []
        rows.append(row)
    return Table(f"by-{name}", f"By {name}", (name, *columns), rows)
