"""What a run's numbers look like as tables, whatever the format: rows of text, units in the head.

One shape for the terminal, Markdown, LaTeX and the page: the first column names the row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from avgap.artifact.metrics import TITLES
from avgap.report.breakdown import Group, Share
from avgap.report.runview import RunView
from avgap.settings import MODALITIES

NOTHING = "–"


class Table(NamedTuple):
    """A table of text. name: short, for files and addresses."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: list[list[str]]


def minus(text: str) -> str:
    """The text with a true minus sign."""
    return text.replace("-", "−")


def percent(fraction: float | None, digits: int = 1) -> str:
    """A fraction in percent, without the sign: that stands in the column's head."""
    return NOTHING if fraction is None else f"{100 * fraction:.{digits}f}"


def points(fraction: float | None) -> str:
    """A difference of fractions in percentage points, with its sign."""
    if fraction is None:
        return NOTHING
    text = minus(f"{100 * fraction:+.1f}")
    return text if text.strip("+−0.") else "±0.0"


def number(value: float | None, digits: int = 3) -> str:
    """A number in significant digits, thousands set apart."""
    if value is None:
        return NOTHING
    return minus(f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}g}")


def signed(value: float, digits: int = 3) -> str:
    """A gap: always with its sign."""
    return minus(f"{value:+.{digits}f}")


def interval(share: Share | None) -> str:
    """A share in percent with its interval."""
    if share is None or share.value is None:
        return NOTHING
    return f"{100 * share.value:.0f} [{100 * share.low:.0f}–{100 * share.high:.0f}]"


def tables(view: RunView) -> list[Table]:
    """Every table of a run that has rows, in the order in which they are read."""
    found = [accuracy(view), rounds(view), components(view), moves(view), never_moved(view)]
    found += [groups(name, of) for name, of in view.breakdowns.items()]
    return [table for table in found if table.rows]


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
    columns: tuple[str, ...] = ("gaps", "imbalanced, %", "their mean", "density at 0", "leads")
    columns += ("separation, σ", "ΔBIC", "supported")
    logged = any(of["val"] is not None for of in view.rounds())
    columns += ("audio, % val", "visual, % val", "|audio − visual|") if logged else ()
    rows = []
    for of in view.rounds():
        mixture, said = of["mixture"], of["diagnostics"]
        row = [
            of["name"],
            percent(mixture.imbalanced_weight),
            signed(mixture.imbalanced_mean) if mixture.leaning else NOTHING,
            number(of["origin"]),
            mixture.dominant,
            number(said["separation"], 2),
            number(said["delta_bic"]),
            "yes" if said["supported"] else "no",
        ]
        rows.append([*row, *(_validation(of["val"]) if logged else ())])
    title = "The gaps" if view.lone else "From round to round"
    return Table("rounds", title, columns, rows)


def _validation(val: Mapping[str, float] | None) -> list[str]:
    if val is None:
        return [NOTHING] * 3
    audio, visual = val["audio"], val["visual"]
    return [percent(audio), percent(visual), percent(abs(audio - visual))]


def components(view: RunView) -> Table:
    """Every component of every round's mixture."""
    rows = [
        [
            of["name"],
            role.replace("_", "-"),
            f"{part.weight:.3f}",
            minus(f"{part.mean:.3f}"),
            number(part.variance, 2),
        ]
        for of in view.rounds()
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
    return Table("moves", "Samples that changed sides", (*columns, *stayed), rows)


def never_moved(view: RunView, most: int = 20) -> Table:
    """The samples that were imbalanced in every round: their gaps, largest first."""
    paths = view.trajectories
    if paths is None:
        return Table("never-moved", "", (), [])
    stuck = [int(i) for i in paths.order() if paths.never_moved[i]]
    rows = [[paths.id[i], *(signed(gap) for gap in paths.gap[:, i])] for i in stuck[:most]]
    shown = f", the {most} of largest gaps" if len(stuck) > most else ""
    title = f"Imbalanced in every round: {len(stuck):,} samples{shown}"
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
