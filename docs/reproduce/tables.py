"""Markdown tables of what `avgap compare RUNS…` tells, as docs/results.md has them.

python docs/reproduce/tables.py methods REPORT.json  of avgap compare RUNS… --reference NAME --json
python docs/reproduce/tables.py sweep SET.csv…       of avgap compare RUNS… -o SET.csv, one a cache

methods: one row per group, the highest fused accuracy first. sweep: one row per setting of
sweep.sh, and for each cache the paper's loss and, of the runs kept-…, --pull weaker
--keep-unimodal: accuracy on validation / fused accuracy on test, best on validation, in percent.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev

ALIKE = {"adaptive": "as it is", "weaker-kept": "as it is"}


def methods(report: Path) -> list[list[str]]:
    """The comparison's tables side by side."""
    body = json.loads(report.read_text(encoding="utf-8"))
    tables = {table["name"]: table for table in body["tables"]}
    compared = tables["against"]["title"].removeprefix("Against ").partition(" (")[0]

    def column(table: str, name: str) -> dict[str, str]:
        place = tables[table]["columns"].index(name)
        return {row[0]: row[place] for row in tables[table]["rows"]}

    columns = {
        "seeds": column("results", "seeds"),
        "validation": column("rules", "on validation itself"),
        "fused": column("results", "fused"),
        "last epoch": column("rules", "last epoch"),
        "best on test": column("rules", "best on test (optimistic)"),
        "audio": column("results", "audio"),
        "visual": column("results", "visual"),
        "mean abs. gap": column("results", "mean |gap|"),
        f"against {compared}": column("against", "difference"),
        "95 %": column("against", "95 % over seeds and samples"),
        "seeds above / below": column("against", "seeds above / below"),
    }
    groups = sorted(columns["fused"], key=lambda g: -float(columns["fused"][g].split()[0]))
    rows = [[group, *(of.get(group, "") for of in columns.values())] for group in groups]
    return [["group", *columns], *rows]


def sweep(sets: Sequence[Path]) -> list[list[str]]:
    """Settings by caches and losses."""
    found: dict[str, dict[tuple[str, str], list[dict[str, str]]]] = {}
    for path in sets:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
        for row in rows:
            name = Path(row["training"]).parts[-3]  # OUT/NAME/seed-S/adapt
            loss = "kept" if name.startswith(("kept-", "weaker-kept")) else "paper"
            setting = ALIKE.get(name, name.removeprefix("kept-").replace("-", " "))
            found.setdefault(setting, {}).setdefault((path.stem, loss), []).append(row)
    columns = [(path.stem, loss) for path in sets for loss in ("paper", "kept")]
    return [
        ["setting", *(" ".join(column) for column in columns)],
        *([name, *(cell(of.get(c, [])) for c in columns)] for name, of in found.items()),
    ]


def cell(rows: Sequence[dict[str, str]]) -> str:
    """Validation / test, mean over seeds, and the deviation on test."""
    if not rows:
        return "–"
    validation, test = (
        [100 * float(row[name]) for row in rows]
        for name in ("validation_fused_accuracy", "best_fused_accuracy")
    )
    spread = f" ± {stdev(test):.1f}" if len(test) > 1 else ""
    return f"{mean(validation):.1f} / {mean(test):.1f}{spread}"


def main(what: str, *paths: str) -> None:
    files = [Path(path) for path in paths]
    head, *rows = methods(files[0]) if what == "methods" else sweep(files)
    for row in (head, ["---"] * len(head), *rows):
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main(*sys.argv[1:])
