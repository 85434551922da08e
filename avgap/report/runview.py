"""What the page says about one run: words, numbers, figures, pictures, for the template."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from markupsafe import Markup

from avgap import console, figures
from avgap.data.cache import Cache, open_cache
from avgap.errors import InputError
from avgap.gapfile import Gaps
from avgap.mixture import Mixture
from avgap.report import gallery
from avgap.report.gallery import Clips
from avgap.report.runfolder import Moment, RunFolder

MODALITIES = ("fused", "audio", "visual")


@dataclass(frozen=True)
class RunView:
    """One run as the template shows it. key: unique in the page, a prefix of every id."""

    key: str
    name: str
    run: RunFolder
    cache: Cache | None
    clips: Clips | None
    no_pictures: str  # why the gallery has no pictures; "" when it has

    @property
    def first(self) -> Moment | None:
        """The gaps after warm-up, or the earliest there are."""
        return self.run.moments[0] if self.run.moments else None

    @property
    def before(self) -> dict[str, Any] | None:
        """The metrics before adaptation."""
        return self.run.metrics.get("warmup")

    @property
    def after(self) -> dict[str, Any] | None:
        """The metrics after adaptation."""
        return self.run.metrics.get("adapt")

    @cached_property
    def planted_auc(self) -> float | None:
        """ROC AUC of the first posterior against planted corruption; None where that is unknown."""
        if self.clips is None or self.first is None or self.first.gmm is None:
            return None
        return gallery.planted_auc(self.first.gaps, self.first.gmm.mixture, self.clips)

    def change(self, modality: str, measure: str = "accuracy") -> float | None:
        """After minus before, a fraction; None unless both were measured."""
        if self.before is None or self.after is None:
            return None
        old, new = (m["metrics"][modality][measure] for m in (self.before, self.after))
        return float(new - old)

    def numbers(self) -> dict[str, Any]:
        """For --json: the accuracies, the mixture of every round, the planted AUC."""
        accuracies = {
            phase: {m: body["metrics"][m]["accuracy"] for m in MODALITIES}
            for phase, body in self.run.metrics.items()
        }
        rounds = [
            {"round": m.round, **m.gmm.mixture.as_dict()}
            for m in self.run.moments
            if m.gmm is not None
        ]
        return {
            "run": str(self.run.path),
            "accuracy": accuracies,
            "rounds": rounds,
            "planted_auc": self.planted_auc,
        }

    # ------------------------------------------------------------ words

    def verdict(self) -> list[str]:
        """The run in plain sentences."""
        lines = [*self._about_gaps(), *self._about_accuracy(), *self._about_truth()]
        return [re.sub(r"-(?=\d)", "−", line) for line in lines]

    def _about_gaps(self) -> list[str]:
        if self.first is None or self.first.gmm is None:
            return ["No mixture was fitted in this run."]
        mixture, diagnostics = self.first.gmm.mixture, self.first.gmm.diagnostics
        when, many = self.first.name.capitalize(), f"{len(self.first.gaps):,}"
        if not mixture.leaning:
            return [f"{when}, the {many} samples were taken as one balanced group."]
        share = f"{when}, {100 * mixture.imbalanced_weight:.0f} % of the {many} samples"
        lines = [f"{share} are imbalanced: {_sides(mixture)}."]
        if not diagnostics["supported"]:
            lines.append("These gaps do not clearly support two groups, though: read it with care.")
        last = self.run.moments[-1]
        if last.gmm is not None and last is not self.first:
            then = last.gmm.mixture
            lines.append(
                f"{last.name.capitalize()} it is {100 * then.imbalanced_weight:.0f} %"
                f"{_about(then)}, and the density of gaps at zero went from "
                f"{float(mixture.density(0.0)):.1f} to {float(then.density(0.0)):.1f}."
            )
        return lines

    def _about_accuracy(self) -> list[str]:
        if self.before is None or self.after is None:
            return []
        changes = {m: self.change(m) or 0.0 for m in MODALITIES}
        old, new = (100 * m["metrics"]["fused"]["accuracy"] for m in (self.before, self.after))
        judgement = "better" if changes["fused"] > 0 else "worse"
        if abs(changes["fused"]) <= self.chance:
            judgement = "a difference that may be chance"
        return [
            f"Adaptive training took the fused accuracy on the {self.after['split']} split from "
            f"{old:.1f} % to {new:.1f} %, {judgement}; audio changed by "
            f"{100 * changes['audio']:+.1f} points and visual by {100 * changes['visual']:+.1f}."
        ]

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

    def _about_truth(self) -> list[str]:
        if self.planted_auc is None:
            return []
        return [
            "The clips spoiled on purpose are known here: the posterior finds them with ROC AUC "
            f"{self.planted_auc:.3f} (1 is perfect, 0.5 is chance)."
        ]

    # ------------------------------------------------------------ pictures

    def histogram(self) -> Markup | None:
        """Fig. 2 for the first gaps."""
        if self.first is None:
            return None
        mixture = None if self.first.gmm is None else self.first.gmm.mixture
        figure = figures.gap_histogram(self.first.gaps.gap, mixture)
        return self._inline(figure, "gaps", f"Histogram of the modality gaps {self.first.name}")

    def evolution(self) -> Markup | None:
        """Fig. 3, where there is more than one round."""
        if len(self.run.moments) < 2:
            return None
        rounds = [
            figures.Round(m.name, m.gaps.gap, None if m.gmm is None else m.gmm.mixture)
            for m in self.run.moments
        ]
        title = "Histograms of the gaps after each round, and how the mixture moved"
        return self._inline(figures.evolution(rounds), "evolution", title)

    def accuracy(self) -> Markup | None:
        """Fig. 4, where validation accuracy was logged."""
        if not any(line.get("val") for line in self.run.history):
            return None
        title = "Validation accuracy of fused, audio and visual over the epochs of both phases"
        return self._inline(figures.accuracy(self.run.history), "accuracy", title)

    def _inline(self, figure: Any, name: str, title: str) -> Markup:
        # Drawn by us from numbers alone: no text of the user stands in it.
        return Markup(figures.svg(figure, f"{self.key}-{name}", title))

    def galleries(self) -> list[tuple[str, list[dict[str, Any]]]]:
        """The most imbalanced samples of the first gaps, and those of the other side, titled."""
        if self.first is None:
            return []
        table, gmm = self.first.gaps, self.first.gmm
        mixture = None if gmm is None else gmm.mixture
        leading = gallery.most_imbalanced(table.gap, mixture)
        other = [row for row in gallery.other_side(table.gap, mixture) if row not in leading]
        measure = "highest posterior" if mixture is not None and mixture.leaning else "largest gap"
        parts = {
            f"The {len(leading)} samples of {measure}": leading,
            "The largest gaps on the other side": other,
        }
        return [
            (title, gallery.samples(table, rows, mixture, self.clips))
            for title, rows in parts.items()
            if rows
        ]

    def rounds(self) -> list[dict[str, Any]]:
        """The mixture of every round, for the table."""
        return [
            {
                "name": m.name,
                "mixture": m.gmm.mixture,
                "diagnostics": m.gmm.diagnostics,
                "origin": float(m.gmm.mixture.density(0.0)),
            }
            for m in self.run.moments
            if m.gmm is not None
        ]


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


def short_names(paths: Sequence[Path]) -> list[str]:
    """A name for each folder: its own, or as much of its path as tells it from the others."""
    whole = [path.resolve().parts for path in paths]
    for depth in range(1, max(map(len, whole)) + 1):
        names = ["/".join(parts[-depth:]) for parts in whole]
        if len(set(names)) == len(set(whole)):
            break
    return names


def view(run: RunFolder, cache: Path | None, key: str, name: str) -> RunView:
    """Join a run with its cache, given or found by the gaps' hint. Raises InputError: another."""
    gaps = run.moments[0] if run.moments else None
    if gaps is None or gaps.gaps.stamp is None:
        return RunView(key, name, run, None, None, "there are no gaps in this run")
    stamp = gaps.gaps.stamp
    hint = stamp.hints.get("cache")
    place = cache if cache is not None else (gaps.path.parent / hint if hint else None)
    if place is None:
        return RunView(key, name, run, None, None, "the gaps do not say where their cache lies")
    try:
        opened = open_cache(place)
        _expect_cache_of(opened, gaps.path, gaps.gaps)
        clips = gallery.clips_of(opened, str(stamp.parameters.get("split", "train")))
    except InputError as error:
        if cache is not None:
            raise
        console.warn(f"the report has no pictures: {error.what} (give --cache)")
        return RunView(key, name, run, None, None, f"the cache was not found: {error.what}")
    return RunView(key, name, run, opened, clips, "")


def _expect_cache_of(cache: Cache, path: Path, gaps: Gaps) -> None:
    expected = None if gaps.stamp is None else gaps.stamp.inputs.get("cache")
    if expected is not None and cache.stamp.digest != expected:
        raise InputError(
            f"{path} holds gaps of another cache than {cache.path}",
            [f"gaps of {expected[:12]}…", f"cache   {cache.stamp.digest[:12]}…"],
            "the cache that the gaps were collected from",
        )
