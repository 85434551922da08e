"""A Markdown table of runs over seeds: python docs/reproduce/table.py OUT NAME…

Reads OUT/NAME/seed-S/metrics.json (the last epoch) and metrics-best.json (best on validation).
"""

from __future__ import annotations

import sys
from pathlib import Path

from summarise import read, shown


def row(name: str, folders: list[Path]) -> list[str]:
    """Test accuracies in %, mean ± standard deviation over seeds, and the mean |gap|."""
    last, best = (
        read([f / file for f in folders]) for file in ("metrics.json", "metrics-best.json")
    )
    seeds = str(len(last))
    if len(best) != len(last):
        seeds += f" (best: {len(best)})"
    cells = [
        shown([one["metrics"]["fused"]["accuracy"] for one in found]) for found in (last, best)
    ]
    cells += [shown([one["metrics"][m]["accuracy"] for one in last]) for m in ("audio", "visual")]
    return [name, seeds, *cells, shown([one["gap"]["mean_abs"] for one in last], 1, 2)]


def main(out: Path, names: list[str]) -> None:
    head = ["run", "seeds", "fused %", "fused %, best on val", "audio %", "visual %", "abs. gap"]
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for name in names:
        folders = sorted(out.glob(f"{name}/seed-*"))
        if any((folder / "metrics.json").exists() for folder in folders):
            print(f"| {' | '.join(row(name, folders))} |")
        else:
            print(f"| {name} | 0 |" + " – |" * (len(head) - 2))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
