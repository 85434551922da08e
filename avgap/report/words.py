"""A run in plain sentences."""

from __future__ import annotations

import re

from avgap.mixture.model import Mixture
from avgap.mixture.plain import BEYOND, by_heart, measured, measured_briefly
from avgap.mixture.verdict import far_from_zero, leads, not_balanced, resampled
from avgap.report.runfolder import Moment
from avgap.report.runview import RunView, plain_of, shows_groups
from avgap.settings import MODALITIES


def verdict(view: RunView) -> list[str]:
    """What the run came to: first the `lead`, then the warnings and what else there is to say."""
    warned = [f"{line[0].upper()}{line[1:]}." for line in warnings(view)]
    return [*lead(view), *warned, *details(view)]


def lead(view: RunView) -> list[str]:
    """The run in three sentences at most: its accuracy, who leads, and in how many samples."""
    return _typeset([*(_accuracy(view) or _measured(view)), *_plain(view), *_gaps(view)[:1]])


def details(view: RunView) -> list[str]:
    """What there is to say beside the lead."""
    rest = [*_gaps(view)[1:], *_mendable(view), *_moves(view), *_truth(view)]
    return _typeset([*_clips(view), *rest])


def _typeset(lines: list[str]) -> list[str]:
    return [re.sub(r"-(?=\d)", "−", line) for line in lines]


def warnings(view: RunView) -> list[str]:
    """What speaks against believing the first gaps, or their mixture; a sentence each."""
    if view.first is None:
        return []
    lines = [by_heart(view.first.gaps.held_out, plain_of(view.first.gaps).accuracy)]
    if view.first.gmm is not None:
        lines.append(not_balanced(view.first.gmm.mixture))
        lines += view.first.gmm.diagnostics["warnings"]
    return [line for line in lines if line]


def _measured(view: RunView) -> list[str]:
    """The accuracy where one network alone was evaluated."""
    there = view.after or view.before
    if there is None:
        return []
    found = {name: there["metrics"][name]["accuracy"] for name in MODALITIES}
    fused, *others = (f"{name} {100 * value:.1f} %" for name, value in found.items())
    return [f"Accuracy on the {there['split']} split: {fused}; {', '.join(others)}."]


def _plain(view: RunView) -> list[str]:
    """What the first gaps say without a mixture."""
    if view.first is None:
        return []
    gaps, numbers = view.first.gaps, plain_of(view.first.gaps)
    leads = {"audio": numbers.audio_leads, "visual": numbers.visual_leads}
    first, other = sorted(leads, key=lambda name: -leads[name])
    whose = {None: "Of", False: "In sample, of", True: "Held out, of"}[gaps.held_out]
    return [
        f"{whose} {numbers.n:,} samples the mean gap is {numbers.mean_gap:+.2f}, and |gap| is "
        f"above {BEYOND} in {100 * numbers.beyond:.0f} %; the {first} leads in {leads[first]:,}, "
        f"the {other} in {leads[other]:,}."
    ]


def _clips(view: RunView) -> list[str]:
    """On whose clips the first gaps were measured, and how often the network is right on them."""
    if view.first is None:
        return []
    gaps, numbers = view.first.gaps, plain_of(view.first.gaps)
    lines = [f"These gaps are {measured(gaps.held_out, gaps.fold)}."]
    if numbers.accuracy:
        right = ", ".join(f"{m} {100 * value:.1f} %" for m, value in numbers.accuracy.items())
        lines.append(f"Right on them: {right}.")
    return lines


def _gaps(view: RunView) -> list[str]:
    first = view.first
    if first is None or first.gmm is None:
        return ["No mixture was fitted in this run."]
    mixture = first.gmm.mixture
    when, many = f"{first.name[0].upper()}{first.name[1:]}", f"{len(first.gaps):,}"
    if not mixture.leaning:
        group = "group" if far_from_zero(mixture) else "balanced group"
        return [f"{when}, the {many} samples were taken as one {group}."]
    if view.groups is None:
        lines = [f"{when}, the gaps show no two groups: nobody is called imbalanced by them."]
    else:
        share = f"{when}, {100 * mixture.imbalanced_weight:.0f} % of the {many} samples"
        lines = [f"{share} are imbalanced: {_sides(mixture)}."]
    sure = (f"{line[0].upper()}{line[1:]}." for line in resampled(mixture, first.gmm.diagnostics))
    return [*lines, *sure, *_later(view)]


def _later(view: RunView) -> list[str]:
    """What became of the mixture by the last round; held-out gaps are of no round."""
    start, last = view.run.moments[0], view.run.moments[-1]
    if start.gmm is None or last.gmm is None or last is start:
        return []
    then, now = (_share(moment) for moment in (start, last))
    origin = (
        f"the density of gaps at zero went from {float(start.gmm.mixture.density(0.0)):.1f} to "
        f"{float(last.gmm.mixture.density(0.0)):.1f}."
    )
    if view.first is not start:
        known = measured_briefly(start.gaps.held_out)
        return [f"By the gaps of training ({known}): {then}, {now}; {origin}"]
    return [f"{now[0].upper()}{now[1:]}, and {origin}"]


def _share(moment: Moment) -> str:
    """How many a moment's own mixture calls imbalanced, where its gaps show the groups."""
    if moment.gmm is None or not shows_groups(moment):
        return f"{moment.name} they show no two groups"
    mixture = moment.gmm.mixture
    return f"{moment.name} it is {100 * mixture.imbalanced_weight:.0f} %{_about(mixture)}"


def _mendable(view: RunView) -> list[str]:
    """Whether the other modality helps where one leads, which held-out scores alone can tell."""
    found = view.mendable
    if found is None or view.first is None:
        return []
    if not view.first.gaps.held_out:
        return [
            "Whether the other modality helps where one leads cannot be told from these gaps: "
            "held-out ones can (avgap crossfit)."
        ]
    if not found.share:
        return []
    effect, than = {
        -1: ("hurts", "is lower than"),
        0: ("neither hurts nor helps", "does not differ from"),
        1: ("helps", "is higher than"),
    }[found.effect]
    guess = "above" if found.above_chance > 0 else "below"
    return [
        f"Where one modality leads ({100 * found.share:.0f} % of the samples) the other one "
        f"{effect}: the fused score of the true class {than} the stronger's alone "
        f"({found.helps:+.3f} ± {found.error:.3f} in log), and the weaker's own is {guess} chance "
        f"({found.above_chance:+.2f})."
    ]


def _sides(mixture: Mixture) -> str:
    if mixture.imbalanced is not None:
        return f"the {leads(mixture.imbalanced)} leads, by a gap{_about(mixture)}"
    sides = (
        f"the {leads(part)} leads in {100 * part.weight:.0f} %, by a gap about {part.mean:+.2f}"
        for part in mixture.leaning.values()
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
    return [
        f"Counted in every round {view.counting}, of the {int(first.sum()):,} samples that were "
        f"called imbalanced {paths.rounds[0]} {back:,} are balanced {paths.rounds[-1]}; {stuck:,} "
        "never moved."
    ]


def _accuracy(view: RunView) -> list[str]:
    if view.before is None or view.after is None:
        return []
    changes = {m: view.change(m) or 0.0 for m in MODALITIES}
    old, new = (100 * m["metrics"]["fused"]["accuracy"] for m in (view.before, view.after))
    judgement = "better" if changes["fused"] > 0 else "worse"
    if abs(changes["fused"]) <= view.chance:
        judgement = "a difference that may be chance"
    split = f"the fused accuracy on the {view.after['split']} split"
    others = (
        f"audio changed by {100 * changes['audio']:+.1f} points and visual by "
        f"{100 * changes['visual']:+.1f}"
    )
    if not changes["fused"]:
        return [f"Adaptive training left {split} at {new:.1f} %; {others}."]
    return [
        f"Adaptive training took {split} from {old:.1f} % to {new:.1f} %, {judgement}; {others}."
    ]


def _truth(view: RunView) -> list[str]:
    if view.corrupted_auc is None or view.corrupted_precision is None:
        return []
    return [
        "The clips corrupted on purpose are known here: the posterior finds them with ROC AUC "
        f"{view.corrupted_auc:.3f} (1 is perfect, 0.5 is chance); taking as many as were "
        f"corrupted, {100 * view.corrupted_precision:.0f} % of them are."
    ]
