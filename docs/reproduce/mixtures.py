"""Markdown tables of the mixtures over seeds.

python docs/reproduce/mixtures.py rounds OUT NAME…  the rounds of OUT/NAME/seed-*/adapt
python docs/reproduce/mixtures.py corrupted OUT     OUT/warmup-*/seed-*, of corrupted.sh
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any


def shown(values: Sequence[float], digits: int) -> str:
    """Mean ± standard deviation over seeds; the deviation of one seed is left out."""
    spread = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{mean(values):.{digits}f}{spread}"


def read(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """The JSON files, of which each must be there."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(paths)]


def of_mixtures(found: Sequence[dict[str, Any]]) -> list[str]:
    """π₁, μ₀, μ₁, separation, and how many are supported."""
    parts = [one["components"] for one in found]
    return [
        shown([c["imbalanced"]["weight"] for c in parts], 2),
        shown([c["balanced"]["mean"] for c in parts], 2),
        shown([c["imbalanced"]["mean"] for c in parts], 2),
        shown([one["diagnostics"]["separation"] for one in found], 1),
        f"{sum(one['diagnostics']['supported'] for one in found)} of {len(found)}",
    ]


COLUMNS = ["π₁", "μ₀", "μ₁", "separation", "supported"]


def rounds(out: Path, names: Sequence[str]) -> list[list[str]]:
    """One row per run and round: the mixture that the round began with."""
    rows = [["run", "round", "seeds", *COLUMNS]]
    for name in names:
        steps = sorted({path.name for path in out.glob(f"{name}/seed-*/adapt/step-*")})
        for step in steps:
            found = read(list(out.glob(f"{name}/seed-*/adapt/{step}/gmm.json")))
            number = int(step.removeprefix("step-"))
            rows.append([name, str(number), str(len(found)), *of_mixtures(found)])
    return rows


def corrupted(out: Path) -> list[list[str]]:
    """One row per length of the warm-up: what the posterior knows of the corrupted clips."""
    rows = [["warm-up epochs", "seeds", "ROC AUC of w₁", *COLUMNS]]
    for folder in sorted(out.glob("warmup-*"), key=lambda path: int(path.name.split("-")[1])):
        pages = read(list(folder.glob("seed-*/report.json")))
        found = read(list(folder.glob("seed-*/gmm.json")))
        auc = shown([page["planted_auc"] for page in pages], 3)
        rows.append([folder.name.split("-")[1], str(len(found)), auc, *of_mixtures(found)])
    return rows


def main(what: str, out: str, *names: str) -> None:
    head, *rows = rounds(Path(out), names) if what == "rounds" else corrupted(Path(out))
    for row in (head, ["---"] * len(head), *rows):
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main(*sys.argv[1:])
