"""One run as it is reported: its artifacts joined with its cache, and what they say together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import softmax

from avgap import console
from avgap.artifact.gaps import Gaps
from avgap.data.cache.reader import Cache, open_cache
from avgap.errors import InputError
from avgap.mixture.mendable import Mendable, mendable
from avgap.mixture.model import Mixture
from avgap.mixture.plain import BEYOND, Plain, plain, rightness
from avgap.report.breakdown import Group, Samples, breakdown, summed_up
from avgap.report.clips import Clips, clips_of, corrupted_auc, corrupted_precision
from avgap.report.grouping import NO_QUESTION, By, groupings
from avgap.report.runfolder import Moment, RunFolder
from avgap.report.trajectories import Seen, Trajectories, called_imbalanced, follow
from avgap.report.votes import Votes, votes
from avgap.settings import MODALITIES

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class RunView:
    """One run as it is shown. key: unique in the report, a prefix of every id on the page."""

    key: str
    name: str
    run: RunFolder
    cache: Cache | None
    clips: Clips | None
    no_pictures: str  # why the gallery has no pictures; "" when it has
    by: By = NO_QUESTION

    # ------------------------------------------------------------ accuracy

    @property
    def before(self) -> dict[str, Any] | None:
        """The metrics before adaptation."""
        return self.run.metrics.get("warmup")

    @property
    def after(self) -> dict[str, Any] | None:
        """The metrics after adaptation, or after a comparison method's training."""
        return self.run.metrics.get("adapt", self.run.metrics.get("baseline"))

    def change(self, modality: str, measure: str = "accuracy") -> float | None:
        """After minus before, a fraction; None unless both were measured."""
        if self.before is None or self.after is None:
            return None
        old, new = (m["metrics"][modality][measure] for m in (self.before, self.after))
        return float(new - old)

    @property
    def chance(self) -> float:
        """Two standard errors of the difference of two fused accuracies, taken as independent."""
        if self.before is None or self.after is None:
            return 0.0
        variances = []
        for body in (self.before, self.after):
            p = body["metrics"]["fused"]["accuracy"]
            variances.append(p * (1 - p) / body["n_samples"])
        return 2 * math.sqrt(sum(variances))

    # ------------------------------------------------------------ the first gaps

    @property
    def moments(self) -> list[Moment]:
        """Every table of gaps: held-out gaps first, then by round."""
        of_rounds = [m for m in self.run.moments if m is not self.run.crossfit]
        return [*([self.run.crossfit] if self.run.crossfit else []), *of_rounds]

    @property
    def first(self) -> Moment | None:
        """The held-out gaps, else those after warm-up, or the earliest there are."""
        return self.moments[0] if self.moments else None

    @property
    def mixture(self) -> Mixture | None:
        """The mixture of the first gaps."""
        return None if self.first is None or self.first.gmm is None else self.first.gmm.mixture

    @property
    def groups(self) -> Mixture | None:
        """The mixture of the first gaps, where they show its groups."""
        return self.mixture if self.first is not None and shows_groups(self.first) else None

    @cached_property
    def mendable(self) -> Mendable | None:
        """Whether the weaker modality helps where the first gaps are imbalanced.

        None without the fused score of the true class (logits), or without a mixture.
        """
        gaps = None if self.first is None else self.first.gaps
        if gaps is None or self.mixture is None or gaps.fused_logits is None or gaps.label is None:
            return None
        if gaps.audio_prob is None or gaps.visual_prob is None:
            return None
        prob = softmax(gaps.fused_logits.astype(np.float64), axis=1)
        fused = np.take_along_axis(prob, gaps.label[:, None], axis=1)[:, 0]
        chosen = called_imbalanced(gaps.gap, self.groups).astype(np.float64)
        return mendable(gaps.audio_prob, gaps.visual_prob, fused, chosen, prob.shape[1])

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, where the cache or the gaps of foreign scores tell them."""
        if self.cache is not None:
            return self.cache.classes
        stamp = None if self.first is None else self.first.gaps.stamp
        return () if stamp is None else tuple(stamp.parameters.get("classes") or ())

    @property
    def lone(self) -> bool:
        """Whether it is a table of gaps by itself, without a training."""
        return self.first is not None and self.first.lone

    @cached_property
    def posterior(self) -> NDArray[Any] | None:
        """w_{i,1} of the first gaps, (N,)."""
        if self.first is None or self.mixture is None:
            return None
        return self.mixture.posterior(self.first.gaps.gap)

    @cached_property
    def meta(self) -> dict[str, list[str]]:
        """The cache's columns for the samples of the first gaps; empty without."""
        if self.first is None or self.first.gaps.id is None or self.clips is None:
            return {}
        return self.clips.columns(self.first.gaps.id)

    @cached_property
    def corrupted_auc(self) -> float | None:
        """ROC AUC of the first posterior against what was corrupted; None where that is unknown."""
        if self.clips is None or self.first is None or self.mixture is None:
            return None
        return corrupted_auc(self.first.gaps, self.mixture, self.clips)

    @cached_property
    def corrupted_precision(self) -> float | None:
        """Of as many samples of highest first posterior as are corrupted, the share that is."""
        if self.clips is None or self.first is None or self.mixture is None:
            return None
        return corrupted_precision(self.first.gaps, self.mixture, self.clips)

    @cached_property
    def samples(self) -> Samples | None:
        """What is broken down."""
        if self.first is None:
            return None
        gaps = self.first.gaps
        right = None
        if gaps.fused_pred is not None and gaps.label is not None:
            right = gaps.fused_pred == gaps.label
        return Samples(gaps.gap, self.posterior if self.groups else None, right)

    @cached_property
    def everything(self) -> Group | None:
        """All samples as one group."""
        return None if self.samples is None else summed_up("all", self.samples)

    @cached_property
    def breakdowns(self) -> dict[str, list[Group]]:
        """The groups of every grouping, by its name. Raises InputError, UsageError: --by."""
        if self.first is None or self.samples is None:
            return {}
        found = groupings(self.first.gaps, self.classes, self.meta, self.by)
        return {name: breakdown(self.samples, grouping) for name, grouping in found.items()}

    @cached_property
    def votes(self) -> Votes | None:
        """The first gaps beside the crowd's votes, where the cache has them (CREMA-D)."""
        return None if self.first is None else votes(self.first.gaps.gap, self.meta)

    # ------------------------------------------------------------ the rounds

    @cached_property
    def trajectories(self) -> Trajectories | None:
        """Every sample through the rounds that have a mixture, by the first that is supported."""
        seen = [
            Seen(m.name, m.gaps.id, m.gaps.gap, m.gmm.mixture.posterior(m.gaps.gap))
            for m in self.run.moments
            if m.gmm is not None and m.gaps.id is not None
        ]
        by = self.counted_by
        return follow(seen, None if by is None or by.gmm is None else by.gmm.mixture)

    @property
    def counted_by(self) -> Moment | None:
        """The moment by whose mixture every round's samples are counted; None: by |gap|."""
        there = (m for m in self.run.moments if m.gaps.id is not None and shows_groups(m))
        return next((m for m in there if m.gmm is not None and m.gmm.mixture.leaning), None)

    @property
    def rule(self) -> str:
        """By what the samples of every round are counted, in words."""
        by = self.counted_by
        return f"by |gap| > {BEYOND}" if by is None else f"by the mixture {by.name}"

    @property
    def counting(self) -> str:
        """The same with the reason where it is no mixture."""
        return self.rule + (", for no round shows two groups" if self.counted_by is None else "")

    def rounds(self) -> list[dict[str, Any]]:
        """The mixture of every round, and the validation accuracies at its end."""
        return [
            {
                "name": m.name,
                "round": m.round,
                "held_out": m.gaps.held_out,
                "supported": shows_groups(m),
                "mixture": m.gmm.mixture,
                "diagnostics": m.gmm.diagnostics,
                "origin": float(m.gmm.mixture.density(0.0)),
                "val": None if m.crossfit else self.validation(m.round),
            }
            for m in self.moments
            if m.gmm is not None
        ]

    def validation(self, round: int) -> Mapping[str, float] | None:
        """Validation accuracies of the last epoch of a round (0: warm-up), as far as logged."""
        lines = [line for line in self.run.history if line["step"] == round and line.get("val")]
        return lines[-1]["val"] if lines else None

    def numbers(self) -> dict[str, Any]:
        """For --json: accuracies, rounds, breakdowns, trajectories, votes, what was corrupted."""
        accuracies = {
            phase: {m: body["metrics"][m]["accuracy"] for m in MODALITIES}
            for phase, body in self.run.metrics.items()
        }
        rounds = [
            {
                "round": r["round"],
                "held_out": r["held_out"],
                "supported": r["supported"],
                **r["mixture"].as_dict(),
                "density_at_origin": r["origin"],
                "val": None if r["val"] is None else dict(r["val"]),
            }
            for r in self.rounds()
        ]
        groups = {name: [g.as_dict() for g in of] for name, of in self.breakdowns.items()}
        return {
            "run": str(self.run.path),
            "accuracy": accuracies,
            "gaps": [
                {"name": m.name, "held_out": m.gaps.held_out, **plain_of(m.gaps)._asdict()}
                for m in self.moments
            ],
            "mendable": self._mendable(),
            "folds": [fold._asdict() for fold in self.run.folds],
            "all": None if self.everything is None else self.everything.as_dict(),
            "rounds": rounds,
            "breakdowns": groups,
            "trajectories": None if self.trajectories is None else self.trajectories.as_dict(),
            "votes": None if self.votes is None else self.votes.as_dict(),
            "planted_auc": self.corrupted_auc,
            "planted_precision": self.corrupted_precision,
        }

    def _mendable(self) -> dict[str, Any] | None:
        """For --json: of held-out gaps alone; None where there is nothing to tell."""
        there = self.mendable
        if there is None or self.first is None or not self.first.gaps.held_out or not there.share:
            return None
        return there._asdict()


def plain_of(gaps: Gaps) -> Plain:
    """The plain numbers of a table of gaps."""
    right = rightness(gaps.label, gaps.fused_pred, gaps.audio_pred, gaps.visual_pred)
    return plain(gaps.gap, right)


def shows_groups(moment: Moment) -> bool:
    """Whether gaps show the groups of their mixture; one component alone claims none."""
    return moment.gmm is not None and bool(moment.gmm.diagnostics["supported"])


def short_names(paths: Sequence[Path]) -> list[str]:
    """A name for each folder: its own, or as much of its path as tells it from the others."""
    whole = [path.resolve().parts for path in paths]
    for depth in range(1, max(map(len, whole)) + 1):
        names = ["/".join(parts[-depth:]) for parts in whole]
        if len(set(names)) == len(set(whole)):
            break
    return names


def view(run: RunFolder, cache: Path | None, key: str, name: str, by: By = NO_QUESTION) -> RunView:
    """Join a run with its cache, given or found by the gaps' hint. Raises InputError: another."""
    gaps = run.moments[0] if run.moments else None
    if gaps is None:
        return RunView(key, name, run, None, None, "there are no gaps in this run", by)
    stamp = gaps.gaps.stamp
    hint = None if stamp is None else stamp.hints.get("cache")
    place = cache if cache is not None else (gaps.path.parent / hint if hint else None)
    if place is None:
        return RunView(key, name, run, None, None, "the gaps do not say where their cache lies", by)
    try:
        opened = open_cache(place)
        _expect_cache_of(opened, gaps.path, gaps.gaps)
        split = "train" if stamp is None else stamp.parameters.get("split", "train")
        clips = clips_of(opened, str(split))
    except InputError as error:
        if cache is not None:
            raise
        console.warn(f"the report has no pictures: {error.what} (give --cache)")
        return RunView(key, name, run, None, None, f"the cache was not found: {error.what}", by)
    return RunView(key, name, run, opened, clips, "", by)


def _expect_cache_of(cache: Cache, path: Path, gaps: Gaps) -> None:
    expected = None if gaps.stamp is None else gaps.stamp.inputs.get("cache")
    if expected is not None and cache.stamp.digest != expected:
        raise InputError(
            f"{path} holds gaps of another cache than {cache.path}",
            [f"gaps of {expected[:12]}…", f"cache   {cache.stamp.digest[:12]}…"],
            "the cache that the gaps were collected from",
        )
