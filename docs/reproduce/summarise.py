"""Tables of the runs that real.sh makes: python docs/reproduce/summarise.py OUT."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

ARMS = {
    "fused loss alone (concat), 70 epochs": "fused/warmup",
    "warm-up loss, 70 epochs": "joint/warmup",
    "warm-up loss, 30 epochs": "adaptive/warmup",
    "adaptive, 30 + 4 × 10 epochs": "adaptive/adapt",
    "adaptive with sgd in adaptation": "sgd/adapt",
    "adaptive with w = 1": "uniform/adapt",
}
FILES = {"last epoch": "metrics.json", "best on validation": "metrics-best.json"}


def shown(values: Sequence[float], factor: float = 100, digits: int = 1) -> str:
    """Mean ± standard deviation over seeds."""
    spread = stdev(values) if len(values) > 1 else float("nan")
    return f"{factor * mean(values):.{digits}f} ± {factor * spread:.{digits}f}"


def read(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """The JSON files among paths that exist."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]


def accuracies(folder: Path) -> str:
    """One row per arm and selection: test accuracy of fused, audio, visual, and mean |gap|."""
    lines = [
        "| loss | checkpoint | seeds | fused % | audio % | visual % | mean abs. gap |",
        "|---|---|---|---|---|---|---|",
    ]
    seeds = sorted(folder.glob("seed-*"))
    for arm, place in ARMS.items():
        for selection, name in FILES.items():
            found = read([seed / place / name for seed in seeds])
            if found:
                parts = [
                    shown([one["metrics"][m]["accuracy"] for one in found])
                    for m in ("fused", "audio", "visual")
                ]
                gap = shown([one["gap"]["mean_abs"] for one in found], 1, 2)
                row = [arm, selection, str(len(found)), *parts, gap]
                lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def mixtures(folder: Path) -> str:
    """One row per round: the mixture on the gaps of the training split, over seeds."""
    lines = [
        "| gaps of training | seeds | π₁ | μ₀ | μ₁ | separation | supported |",
        "|---|---|---|---|---|---|---|",
    ]
    rounds = {"after warm-up": "step-01/"} | {
        f"after round {n}": f"step-{n + 1:02d}/" for n in (1, 2, 3)
    }
    for when, place in {**rounds, "after round 4": ""}.items():
        found = read(sorted(folder.glob(f"seed-*/adaptive/adapt/{place}gmm.json")))
        if not found:
            continue
        components = [one["components"] for one in found]
        row = [
            when,
            str(len(found)),
            shown([c["imbalanced"]["weight"] for c in components], 1, 2),
            shown([c["balanced"]["mean"] for c in components], 1, 2),
            shown([c["imbalanced"]["mean"] for c in components], 1, 2),
            shown([one["diagnostics"]["separation"] for one in found], 1, 1),
            f"{sum(one['diagnostics']['supported'] for one in found)} of {len(found)}",
        ]
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def lengths(folder: Path) -> str:
    """One row per length of the warm-up: what the posterior knows of the spoiled clips."""
    lines = [
        "| warm-up epochs | seeds | ROC AUC of w₁ | π₁ | supported |",
        "|---|---|---|---|---|",
    ]
    epochs = {int(path.name.split("-")[1]) for path in folder.glob("seed-*/length-*")}
    for count in sorted(epochs):
        places = sorted(folder.glob(f"seed-*/length-{count}"))
        pages = read([place / "report.json" for place in places])
        found = read([place / "gmm.json" for place in places])
        if not pages:
            continue
        row = [
            str(count),
            str(len(found)),
            shown([page["planted_auc"] for page in pages], 1, 3),
            shown([one["components"]["imbalanced"]["weight"] for one in found], 1, 2),
            f"{sum(one['diagnostics']['supported'] for one in found)} of {len(found)}",
        ]
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines) if len(lines) > 2 else ""


def main(out: Path) -> None:
    for folder in sorted(path.parent for path in out.glob("*/seed-0")):
        parts = [accuracies(folder), mixtures(folder), lengths(folder)]
        print("\n\n".join([f"### {folder.name}", *filter(None, parts)]) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
