"""⑤ Adaptive training: cache and checkpoint → checkpoint. Algorithm 1 phase 2; Eq. 9 and 10."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from avgap import console
from avgap.artifact import Question
from avgap.artifact.checkpoint import Checkpoint, Progress, check_fits, read_checkpoint, rebuild
from avgap.artifact.gmm import GmmFile, read_mixture
from avgap.data.cache.reader import Cache
from avgap.errors import InputError
from avgap.fitgmm import fitgmm
from avgap.methods import Method, adaptive
from avgap.settings import Adaptive, Fit, Running, Training, override, parameters
from avgap.training import TrainSetup, TrainState
from avgap.training.distributed import from_first
from avgap.training.folder import Folder
from avgap.training.measure import GapPass
from avgap.training.run import Plan, Round, Trained, resolve, run
from avgap.warmup import LOSSES

# Above this weight of the imbalanced components, Eq. 10 classifies fewer than half of the samples.
_MOSTLY_IMBALANCED = 0.5
_DEFAULT = Running()
_FIT = Fit()


def adapt(
    cache_path: Path,
    checkpoint_path: Path,
    output: Path,
    *,
    settings: Adaptive,
    changes: dict[str, Any] | None = None,
    gmm: Path | None = None,
    fit: Fit = _FIT,
    running: Running = _DEFAULT,
    force: bool = False,
) -> Trained:
    """Alternate gap collection, mixture fitting and training with Eq. 10, into the folder output.

    changes: settings of the loop that differ from the checkpoint's own training. fit: of each
    round's mixture. gmm: one round with this mixture instead. The same call again continues or
    confirms. Raises InputError, OutputError.
    """
    paths = {"cache": cache_path, "checkpoint": checkpoint_path}
    if gmm is not None:
        paths["gmm"] = gmm

    def plan(cache: Cache, device: torch.device) -> Plan:
        start, given = _inputs(cache, checkpoint_path, gmm)
        training = resolve(_training(start, changes or {}), cache, device)
        asked = settings if given is None else replace(settings, steps=1)
        rounds = _Rounds(cache_path, checkpoint_path, start, asked, given, fit, force)
        return Plan(
            _question(cache, start, asked, training, given or fit),
            paths,
            start.description,
            training,
            lambda: rebuild(start, checkpoint_path),
            rounds.progress,
            asked.steps,
            asked.epochs,
            rounds.begin,
            optimizer=rounds.optimizer(training),
        )

    return run(plan, cache_path, output, running, force=force)


def _inputs(
    cache: Cache, checkpoint_path: Path, gmm: Path | None
) -> tuple[Checkpoint, GmmFile | None]:
    """Checkpoint and --gmm. Raises InputError where they and the cache do not belong together.

    A checkpoint that was trained on another cache is told, and taken.
    """
    start = read_checkpoint(checkpoint_path)
    check_fits(cache, start.description, checkpoint_path)
    _check_modalities(start, checkpoint_path)
    given = None if gmm is None else _given_mixture(gmm, cache, start)
    if start.stamp.inputs.get("cache") != cache.stamp.digest:
        console.warn(f"{checkpoint_path} was trained on another cache than {cache.path}")
    return start, given


def _check_modalities(start: Checkpoint, path: Path) -> None:
    """Raise InputError where the network has one modality: its gap would be from chance, 1/M."""
    if start.description.network in ("audio-only", "visual-only"):
        raise InputError(
            f"{path} has one modality, and so no gap between two",
            [f"its network: {start.description.network}"],
            "a checkpoint of warmup, or of another baseline",
        )


@dataclass(frozen=True)
class _Rounds:
    """Algorithm 1, phase 2: what it begins with, and the loss of each round."""

    cache_path: Path
    checkpoint_path: Path
    start: Checkpoint
    settings: Adaptive
    given: GmmFile | None
    fit: Fit
    force: bool

    @property
    def continues(self) -> bool:
        """Whether the checkpoint has been adapted already."""
        return self.start.progress.phase == "adapt"

    @property
    def progress(self) -> Progress:
        """Before the first epoch: λ's epoch goes on where the checkpoint has been adapted."""
        there = self.start.progress
        phase_epoch = there.phase_epoch if self.continues else 0
        return replace(there, phase="adapt", phase_epoch=phase_epoch, step_epoch=0)

    def optimizer(self, training: Training) -> Mapping[str, Any] | None:
        """The checkpoint's optimizer state, at the rates asked for; None where the paper resets it.

        Raises InputError: the state of another optimizer.
        """
        if not (self.settings.keep_optimizer or self.continues):
            return None
        theirs = self.start.stamp.parameters.get("optimizer")
        if theirs != training.optimizer:
            raise InputError(
                f"cannot continue {theirs}'s state with {training.optimizer}",
                [f"{self.checkpoint_path} was trained with {theirs}"],
                f"--optimizer {theirs}, or without --keep-optimizer after a warm-up",
            )
        return self.start.optimizer

    def begin(self, state: TrainState, setup: TrainSetup, folder: Folder) -> Round:
        """The round to train: the next one, or the one that was broken off."""
        progress, s = state.progress, self.settings
        if 0 < progress.step_epoch < s.epochs:
            path = self._folder(folder, progress.step) / "gmm.json"
            gmm = self.given or from_first(lambda: read_mixture(path))
        else:
            gmm = self.given or self._fit(state, setup, folder)
            state.progress = replace(progress, step=progress.step + 1, step_epoch=0)
            _warn(gmm, s)
        method = _method(gmm, s)
        note = {"weights": method.weights} if isinstance(method, adaptive.Adaptive) else {}
        return Round(method, note)

    def _folder(self, folder: Folder, number: int) -> Path:
        return folder.path / f"step-{number:02d}"

    def _fit(self, state: TrainState, setup: TrainSetup, folder: Folder) -> GmmFile:
        """Collect the training split's gaps and fit the mixture, as the commands by hand do."""
        here = self._folder(folder, state.progress.step + 1)
        source, digest = self.checkpoint_path, self.start.stamp.digest
        if state.history:
            source, digest = folder.checkpoint, from_first(lambda: folder.digest)
        pass_ = GapPass(
            {"cache": folder.question.inputs["cache"], "checkpoint": digest},
            {"cache": self.cache_path, "checkpoint": source},
        )
        if pass_.output(here / "gaps.h5").reuse(force=self.force) is None:
            pass_.run(state.model, setup.train, setup.image_size, here / "gaps.h5")
        return from_first(lambda: self._mixture(here))

    def _mixture(self, here: Path) -> GmmFile:
        fitgmm(here / "gaps.h5", here / "gmm.json", self.fit, force=self.force)
        return read_mixture(here / "gmm.json")


def _method(gmm: GmmFile, s: Adaptive) -> Method:
    """The loss of a round with this mixture."""
    if s.loss != "adaptive":
        return LOSSES[s.loss]
    weights = s.weights if _is_supported(gmm) or s.unsupported == "keep" else "balanced"
    return adaptive.Adaptive(
        gmm.mixture, s.alpha, s.beta, s.gamma, s.anneal, weights, s.pull, s.keep_unimodal
    )


def _is_supported(gmm: GmmFile) -> bool:
    """Whether the gaps show the groups of the mixture; one component alone claims none."""
    return not gmm.mixture.leaning or bool(gmm.diagnostics.get("supported", True))


def _warn(gmm: GmmFile, settings: Adaptive) -> None:
    """Say in plain words when Eq. 10 will hardly classify, or by weights that mean nothing."""
    if settings.loss != "adaptive":
        return
    if not _is_supported(gmm) and settings.unsupported == "balanced":
        console.notice("the gaps show no two groups: this round takes every sample as balanced")
        return
    if settings.weights != "posterior":
        return
    if not _is_supported(gmm):
        console.warn(
            "the gaps of this round show no two groups, and Eq. 10 weights its samples by a split "
            "all the same. Try --unsupported balanced"
        )
    weight = gmm.mixture.imbalanced_weight
    if weight > _MOSTLY_IMBALANCED and not settings.keep_unimodal:
        console.warn(
            f"the mixture calls {100 * weight:.0f} % of the training samples imbalanced, and "
            "Eq. 10 switches their classification loss off: accuracy may fall far below plain "
            "training. Try a longer warm-up (warmup --epochs), --preset best or --weights uniform"
        )


def _training(start: Checkpoint, changes: dict[str, Any]) -> Training:
    """The loop's settings: as the checkpoint was trained, but for the changes asked for."""
    theirs = {n: v for n, v in start.stamp.parameters.items() if n in parameters(Training())}
    switched = changes.get("optimizer") not in (None, theirs.get("optimizer"))
    if switched and changes.get("lr") is None:
        theirs["lr"] = None  # the other optimizer's own default
    return override(Training(**theirs), **changes)


def _question(
    cache: Cache, start: Checkpoint, settings: Adaptive, training: Training, source: GmmFile | Fit
) -> Question:
    """What the run answers. source: the mixture given, or how each round's is fitted."""
    inputs = {"cache": cache.stamp.digest, "checkpoint": start.stamp.digest}
    # The epochs of the warm-up are the checkpoint's; those of a round are Adaptive's.
    values = {**parameters(training), **parameters(settings)}
    if isinstance(source, GmmFile):
        inputs["gmm"] = source.stamp.digest
    else:
        # No round bootstraps for its answer: standard errors change no weight.
        asked = {name: value for name, value in parameters(source).items() if name != "bootstrap"}
        values |= {f"fit_{name}": value for name, value in asked.items()}
    return Question("avgap.checkpoint", inputs, {"phase": "adapt", **values})


def _given_mixture(path: Path, cache: Cache, start: Checkpoint) -> GmmFile:
    """Read --gmm. Raises InputError when it was fitted on gaps of another cache."""
    gmm = read_mixture(path)
    theirs, checkpoint = (gmm.stamp.inputs.get(name) for name in ("cache", "checkpoint"))
    if theirs is None:
        console.warn(f"{path} does not say which cache its gaps are of: its origin is unknown")
    elif theirs != cache.stamp.digest:
        raise InputError(
            f"{path} was fitted on gaps of another cache",
            [
                f"{path.name}  gaps of cache {theirs[:6]}… ({gmm.fit.get('n_samples')} samples)",
                f"{cache.path.name}  cache {cache.stamp.digest[:6]}… "
                f"({cache.dataset}, {cache.sizes['train']} training samples)",
            ],
            f"avgap gaps {cache.path} -c CHECKPOINT -o gaps.h5, then avgap fitgmm gaps.h5",
        )
    elif checkpoint != start.stamp.digest:
        console.warn(f"{path} was fitted on the gaps of another checkpoint than the one to adapt")
    return gmm
