"""Many runs side by side: over seeds, by selection rule, against a reference; as a document."""

from __future__ import annotations

from dataclasses import dataclass

from avgap import figures
from avgap.report.compared import BEST
from avgap.report.document import Document, Graph, Section, inline
from avgap.report.seedgroups import Pairs, SeedGroup, pairs
from avgap.report.seedtables import (
    cost,
    differences,
    intervals,
    provenance,
    results,
    rules,
    tests,
    tidy,
)
from avgap.report.tables import Table, percent
from avgap.settings import MODALITIES


@dataclass(frozen=True)
class Panel:
    """The runs of one cache, measured on one split.

    rows: a run each, see `tidy`. reference: the group that others are compared with; pairs:
    those that can be.
    """

    name: str
    groups: list[SeedGroup]
    tables: list[Table]
    rows: list[dict[str, object]]
    reference: str
    pairs: list[Pairs]

    def accuracies(self) -> dict[str, dict[str, list[float]]]:
        """Group → modality → the accuracy of every seed, best on validation."""
        return {
            group.name: {
                modality: [
                    value
                    for t in group.runs.values()
                    if (value := t.metric(BEST, modality, "accuracy")) is not None
                ]
                for modality in MODALITIES
            }
            for group in self.groups
        }


@dataclass(frozen=True)
class Comparison:
    """panels: in the order found. left_out: what is not counted; notes: what else to know."""

    panels: list[Panel]
    left_out: list[str]
    notes: list[str]

    @property
    def tables(self) -> list[Table]:
        """Every table, for the reader, in order."""
        return [table for panel in self.panels for table in panel.tables]

    @property
    def rows(self) -> list[dict[str, object]]:
        """A run each."""
        return [row for panel in self.panels for row in panel.rows]

    def as_dict(self) -> dict[str, object]:
        """For --json."""
        return {
            "tables": [table._asdict() for table in self.tables],
            "trainings": self.rows,
            "left_out": self.left_out,
            "notes": self.notes,
        }


def panel_of(
    name: str, groups: list[SeedGroup], reference: SeedGroup, dataset: str
) -> tuple[Panel, list[str]]:
    """Groups, the best first, with their tables against a reference; and what is not paired."""
    groups = sorted(groups, key=lambda group: _rank(group, reference))
    found, unpaired = pairs(groups, reference)
    tables = [
        results(groups, name),
        intervals(groups, name),
        rules(groups, name, dataset),
        differences(found, reference.name, name),
        tests(found, reference.name, name),
        cost(groups, name),
        provenance(groups, name),
    ]
    shown = [table for table in tables if table.rows]
    rows = [tidy(group, run, dataset) for group in groups for run in group.runs.values()]
    return Panel(name, groups, shown, rows, reference.name, found), unpaired


def _rank(group: SeedGroup, reference: SeedGroup) -> tuple[float, bool]:
    """By the mean fused accuracy, best on validation; of equal ones the reference first."""
    measured = [run.metric(BEST, "fused", "accuracy") for run in group.runs.values()]
    values = [value for value in measured if value is not None]
    return (-sum(values) / len(values) if values else 0.0, group is not reference)


def document(found: Comparison, made_by: str = "") -> Document:
    """Everything that a comparison says, for any format."""
    remarks = {"Left out": found.left_out, "To know": found.notes}
    sections = [_section(f"panel-{n}", panel) for n, panel in enumerate(found.panels, start=1)]
    return Document(
        sections=sections,
        made_by=made_by,
        rows=lambda: found.rows,
        numbers=found.as_dict,
        template="comparison.html.j2",
        content=lambda: {"panels": [_parts(section) for section in sections]},
        remarks={heading: lines for heading, lines in remarks.items() if lines},
    )


def _section(key: str, panel: Panel) -> Section:
    every = panel.tables
    return Section(
        key, panel.name, [lead(panel), *verdict(panel)], every, every, every, _graphs(panel)
    )


def _parts(section: Section) -> dict[str, object]:
    """What the template shows of a section."""
    return {
        "name": section.name,
        "lead": " ".join(section.words),
        "pictures": [(graph.title, inline(section.key, graph)) for graph in section.graphs],
        "tables": section.tables,
    }


def lead(panel: Panel) -> str:
    """How many, and which is highest, in words."""
    fused = {name: of["fused"] for name, of in panel.accuracies().items() if of["fused"]}
    means = {name: sum(values) / len(values) for name, values in fused.items()}
    count = len(panel.rows)
    words = f"{count:,} trainings in {len(panel.groups):,} groups."
    if not means:
        return words
    best = max(means, key=lambda name: means[name])  # of equal ones the first: the reference

    def told(name: str) -> str:
        n = len(fused[name])
        return f"{percent(means[name])} % over {n:,} seed{'' if n == 1 else 's'}"

    words += f" Highest fused accuracy, best on validation: {best}, {told(best)}"
    if best == panel.reference or panel.reference not in means:
        return f"{words}."
    return f"{words}; the reference {panel.reference}: {told(panel.reference)}."


def verdict(panel: Panel) -> list[str]:
    """Which groups differ from the reference, by the interval over seeds and samples."""
    several = [pair for pair in panel.pairs if len(pair.seeds) > 1]
    if not panel.pairs:
        return []
    if not several:
        return [
            f"With one seed nothing is known of others: no group can be called better or worse "
            f"than {panel.reference} (--seed 1, 2 …)."
        ]
    above = [pair.name for pair in several if pair.over_both.low > 0]
    below = [pair.name for pair in several if pair.over_both.high < 0]
    found = [
        f"{word} {panel.reference}: {', '.join(names) or 'none'}."
        for word, names in (("Above", above), ("Below", below))
    ]
    rest = len(several) - len(above) - len(below)
    if rest:
        found.append(f"Of {rest:,} no difference is seen: the 95 % interval holds 0.")
    if len(several) > 1:
        chance = 0.05 * len(several)
        found.append(f"Of {len(several):,} such intervals about {chance:.1f} miss 0 by chance.")
    return found


def _graphs(panel: Panel) -> list[Graph]:
    """The figures of a panel. Nothing is drawn yet."""
    title = f"Accuracy of every group, best on validation ({panel.name})"
    found = [
        Graph("accuracies", title, lambda: figures.accuracies(panel.accuracies(), panel.reference))
    ]
    if panel.pairs:
        changes = [figures.Change(pair.name, *pair.over_both) for pair in panel.pairs]
        title = (
            f"Fused accuracy against {panel.reference}, with 95 % intervals over seeds and "
            "samples; grey: the interval holds 0"
        )
        found.append(
            Graph("differences", title, lambda: figures.differences(changes, panel.reference))
        )
    return found
