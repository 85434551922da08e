"""The tables of a run, in the order in which they are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from avgap.artifact.metrics import TITLES
from avgap.mixture.plain import BEYOND, measured_briefly
from avgap.mixture.verdict import shown_name, who_leads
from avgap.report.breakdown import Group
from avgap.report.runview import RunView, plain_of
from avgap.report.tables import NOTHING, Table, interval, minus, number, percent, points, signed
from avgap.settings import MODALITIES


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
            who_leads(mixture) if shows else NOTHING,
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
            shown_name(role, part),
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
    columns += ["called imbalanced, %"] if any(g.imbalanced for g in of) else []
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
