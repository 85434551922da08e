"""Markdown table over the folds of one data set, each a folder of runs of members.sh or its like.

python docs/reproduce/folds.py REFERENCE RUNS…

One row per group (by folder): fused accuracy of the epoch best on validation, mean ± standard
deviation over the folds; the difference from the reference, with a 95 % interval over samples.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path
from statistics import mean, stdev

import numpy as np

from avgap.compare import compare
from avgap.report.comparison import Panel
from avgap.report.statistics import paired_bootstrap

HEAD = ("group", "folds", "fused", "difference", "95 %", "folds above / below")


def panel_of(runs: Path, reference: str) -> Panel:
    """The comparison of one fold."""
    (panel,) = compare([runs], reference, names="folder").panels
    return panel


def main(reference: str, *runs: str) -> None:
    panels = [panel_of(Path(place), reference) for place in runs]
    fused, right, other = defaultdict(list), defaultdict(list), defaultdict(list)
    for panel in panels:
        for name, of in panel.accuracies().items():
            fused[name].append(mean(of["fused"]))
        for pair in panel.pairs:  # of the first seed: more seeds are no more folds
            right[pair.name].append(pair.right[0])
            other[pair.name].append(pair.reference[0])
    rows = []
    for name, values in sorted(fused.items(), key=lambda item: -mean(item[1])):
        spread = f" ± {100 * stdev(values):.1f}" if len(values) > 1 else ""
        row = [name, str(len(values)), f"{100 * mean(values):.1f}{spread}", "", "", ""]
        if name in right:
            ours, theirs = (np.concatenate(of[name])[None] for of in (right, other))
            found = paired_bootstrap(ours, theirs)
            change = [a.mean() - b.mean() for a, b in zip(right[name], other[name], strict=True)]
            row[3] = f"{100 * found.value:+.1f}"
            row[4] = f"[{100 * found.low:+.1f} … {100 * found.high:+.1f}]"
            row[5] = f"{sum(c > 0 for c in change)} / {sum(c < 0 for c in change)}"
        rows.append(row)
    for line in (HEAD, ["---"] * len(HEAD), *rows):
        text = f"| {' | '.join(line)} |"
        print(re.sub(r"-(?=\d)", "−", text))


if __name__ == "__main__":
    main(*sys.argv[1:])
