"""Markdown table of heldout.sh: how well gap and posterior find the clips corrupted on purpose.

python docs/reproduce/heldout.py CACHE OUT
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev

import numpy as np
from sklearn.metrics import roc_auc_score

from avgap import open_cache, read_gaps
from avgap.artifact.gmm import read_mixture

CLIPS = {"in": "in sample", "held": "held out"}
CRITERIA = {"gmm.json": "likelihood", "nec.json": "nec"}
HEAD = ("epochs", "clips", "seeds", "AUC of the gap", "criterion", "AUC of w₁", "π₁", "μ₀", "μ₁")


def shown(values: Sequence[float], digits: int) -> str:
    """Mean ± standard deviation over seeds; the deviation of one seed is left out."""
    spread = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{mean(values):.{digits}f}{spread}"


def row(folder: Path, clips: str, mixture: str, corrupt: dict[str, str]) -> list[str]:
    """One length of training, over its seeds: gaps and mixtures against what was corrupted."""
    by_gap, by_w, parts, supported = [], [], [], 0
    for path in sorted(folder.glob(f"seed-*/{clips}/{mixture}")):
        table, there = read_gaps(path.with_name("gaps.h5")), read_mixture(path)
        truth = np.array([bool(corrupt[id]) for id in table.id or []])
        # Where the sound was corrupted the visual leads: the sign that finds more.
        auc = float(roc_auc_score(truth, table.gap))
        by_gap.append(max(auc, 1 - auc))
        by_w.append(float(roc_auc_score(truth, there.mixture.posterior(table.gap))))
        parts.append(there.mixture)
        supported += bool(there.diagnostics["supported"])
    return [
        folder.name.removeprefix("epochs-"), CLIPS[clips], str(len(parts)), shown(by_gap, 3),
        CRITERIA[mixture], shown(by_w, 3), shown([m.imbalanced_weight for m in parts], 2),
        shown([m.balanced.mean for m in parts], 2), shown([m.imbalanced_mean for m in parts], 2),
        f"{supported} of {len(parts)}",
    ]  # fmt: skip


def main(cache: str, out: str) -> None:
    corrupt = open_cache(cache).column("corrupt")
    head = [*HEAD, "supported"]
    folders = sorted(Path(out).glob("epochs-*"), key=lambda path: int(path.name.split("-")[1]))
    rows = [
        row(folder, clips, mixture, corrupt)
        for folder in folders
        for clips in CLIPS
        for mixture in CRITERIA
        if list(folder.glob(f"seed-*/{clips}/{mixture}"))
    ]
    for line in (head, ["---"] * len(head), *rows):
        print(f"| {' | '.join(line)} |")


if __name__ == "__main__":
    main(*sys.argv[1:])
