"""Many runs side by side: over seeds, by selection rule, against a reference; as a document."""

from __future__ import annotations

from dataclasses import dataclass

from avgap import figures
from avgap.report.compared import BEST
from avgap.report.document import Document, Graph, Section, inline
from avgap.report.seedgroups import Pairs, SeedGroup, pairs
from avgap.report.seedtables import cost, differences, intervals, results, rules, tests, tidy
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
    """Groups with their tables against a reference; and what could not be paired with it."""
    found, unpaired = pairs(groups, reference)
    tables = [
        results(groups, name),
        intervals(groups, name),
        rules(groups, name, dataset),
        differences(found, reference.name, name),
        tests(found, reference.name, name),
        cost(groups, name),
    ]
    shown = [table for table in tables if table.rows]
    rows = [tidy(group, run, dataset) for group in groups for run in group.runs.values()]
    return Panel(name, groups, shown, rows, reference.name, found), unpaired


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
    return Section(key, panel.name, [lead(panel)], every, every, every, _graphs(panel))


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
    # Of equal ones the reference, which no other is above.
    best = max(means, key=lambda name: (means[name], name == panel.reference))

    def told(name: str) -> str:
        n = len(fused[name])
        return f"{percent(means[name])} % over {n:,} seed{'' if n == 1 else 's'}"

    words += f" Highest fused accuracy, best on validation: {best}, {told(best)}"
    if best == panel.reference or panel.reference not in means:
        return f"{words}."
    return f"{words}; the reference {panel.reference}: {told(panel.reference)}."


def _graphs(panel: Panel) -> list[Graph]:
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
