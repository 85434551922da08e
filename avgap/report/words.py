"""A run in plain sentences."""

from __future__ import annotations

import re

from avgap.mixture.model import Mixture
from avgap.report.runview import RunView
from avgap.settings import MODALITIES


def verdict(view: RunView) -> list[str]:
    """What the run came to: its gaps, its accuracy, whether it found what was corrupted."""
    lines = [*_gaps(view), *_moves(view), *_accuracy(view), *_truth(view)]
    return [re.sub(r"-(?=\d)", "−", line) for line in lines]


def _gaps(view: RunView) -> list[str]:
    first = view.first
    if first is None or first.gmm is None:
        return ["No mixture was fitted in this run."]
    mixture, diagnostics = first.gmm.mixture, first.gmm.diagnostics
    when, many = f"{first.name[0].upper()}{first.name[1:]}", f"{len(first.gaps):,}"
    if not mixture.leaning:
        return [f"{when}, the {many} samples were taken as one balanced group."]
    share = f"{when}, {100 * mixture.imbalanced_weight:.0f} % of the {many} samples"
    lines = [f"{share} are imbalanced: {_sides(mixture)}."]
    if not diagnostics["supported"]:
        lines.append("These gaps do not clearly support two groups, though: read it with care.")
    last = view.run.moments[-1]
    if last.gmm is not None and last is not first:
        then = last.gmm.mixture
        lines.append(
            f"{last.name.capitalize()} it is {100 * then.imbalanced_weight:.0f} %{_about(then)}, "
            f"and the density of gaps at zero went from {float(mixture.density(0.0)):.1f} to "
            f"{float(then.density(0.0)):.1f}."
        )
    return lines


def _sides(mixture: Mixture) -> str:
    if mixture.imbalanced is not None:
        return f"the {mixture.dominant} leads, by a gap{_about(mixture)}"
    sides = (
        f"the {role.removesuffix('_dominant')} leads in {100 * part.weight:.0f} %, "
        f"by a gap about {part.mean:+.2f}"
        for role, part in mixture.leaning.items()
    )
    return "; ".join(sides)


def _about(mixture: Mixture) -> str:
    return f" about {mixture.imbalanced_mean:+.2f}" if mixture.leaning else ""


def _moves(view: RunView) -> list[str]:
    paths = view.trajectories
    if paths is None:
        return []
    first = paths.imbalanced[0]
    back = int((first & ~paths.imbalanced[-1]).sum())
    stuck = int(paths.never_moved.sum())
    doubtful = [r["name"] for r in view.rounds() if not r["diagnostics"]["supported"]]
    lines = [
        f"Of the {int(first.sum()):,} samples that were imbalanced {paths.rounds[0]}, {back:,} "
        f"are balanced {paths.rounds[-1]}; {stuck:,} never moved."
    ]
    if doubtful:
        lines.append(
            f"Two groups are not supported {', '.join(doubtful)}: who counts as imbalanced there "
            "says little."
        )
    return lines


def _accuracy(view: RunView) -> list[str]:
    if view.before is None or view.after is None:
        return []
    changes = {m: view.change(m) or 0.0 for m in MODALITIES}
    old, new = (100 * m["metrics"]["fused"]["accuracy"] for m in (view.before, view.after))
    judgement = "better" if changes["fused"] > 0 else "worse"
    if abs(changes["fused"]) <= view.chance:
        judgement = "a difference that may be chance"
    return [
        f"Adaptive training took the fused accuracy on the {view.after['split']} split from "
        f"{old:.1f} % to {new:.1f} %, {judgement}; audio changed by "
        f"{100 * changes['audio']:+.1f} points and visual by {100 * changes['visual']:+.1f}."
    ]


def _truth(view: RunView) -> list[str]:
    if view.corrupted_auc is None or view.corrupted_precision is None:
        return []
    return [
        "The clips corrupted on purpose are known here: the posterior finds them with ROC AUC "
        f"{view.corrupted_auc:.3f} (1 is perfect, 0.5 is chance); taking as many as were "
        f"corrupted, {100 * view.corrupted_precision:.0f} % of them are."
    ]
