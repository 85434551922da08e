"""⑤ Adaptive training: cache and checkpoint → checkpoint. Algorithm 1 phase 2; Eq. 9 and 10."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from avgap import console
from avgap.artifact import Question
from avgap.artifact.checkpoint import Checkpoint, Progress, check_fits, read_checkpoint, rebuild
from avgap.artifact.gmm import GmmFile, read_mixture
from avgap.data.cache.reader import Cache
from avgap.errors import InputError, UsageError
from avgap.fitgmm import fitgmm
from avgap.methods import Method, adaptive
from avgap.methods.imbalance import Imbalance
from avgap.methods.members import ABSTAINING, MEMBERS, Member
from avgap.mixture.mendable import in_words
from avgap.settings import CONTROLS, Adaptive, Fit, Running, Training, override, parameters
from avgap.training import TrainSetup, TrainState
from avgap.training.distributed import from_first
from avgap.training.folder import Folder
from avgap.training.measure import GapPass
from avgap.training.origin import tell_origin
from avgap.training.posteriors import Posteriors, read_posteriors
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
    posteriors: Path | None = None,
    gmm: Path | None = None,
    fit: Fit = _FIT,
    running: Running = _DEFAULT,
    force: bool = False,
) -> Trained:
    """Alternate gap collection, mixture fitting and training with Eq. 10, into the folder output.

    changes: settings of the loop that differ from the checkpoint's own training. fit: of each
    round's mixture. posteriors: gaps of the training split that weigh its samples in all rounds, by
    the mixture fitted on them. gmm: that mixture; without posteriors, one round with it instead.
    The same call again continues or confirms. Raises UsageError, InputError, OutputError.
    """
    given = {"posteriors": posteriors, "gmm": gmm}
    paths = {"cache": cache_path, "checkpoint": checkpoint_path}
    paths |= {name: path for name, path in given.items() if path is not None}

    def plan(cache: Cache, device: torch.device) -> Plan:
        inputs = _read(cache, paths, settings.loss)
        start = inputs.start
        training = resolve(_training(start, changes or {}), cache, device)
        one_round = inputs.gmm is not None and inputs.posteriors is None
        asked = replace(settings, steps=1) if one_round else settings
        rounds = _Rounds(cache_path, checkpoint_path, inputs, asked, fit, force)
        return Plan(
            _question(cache, inputs, asked, training, fit),
            paths,
            start.description,
            training,
            lambda: rebuild(start, checkpoint_path),
            rounds.progress,
            asked.steps,
            asked.epochs,
            rounds.begin,
            optimizer=rounds.optimizer(training),
            grows="steps",
        )

    return run(plan, cache_path, output, running, force=force)


class _Inputs(NamedTuple):
    """What is read: the checkpoint to start from and, where given, --posteriors and --gmm."""

    start: Checkpoint
    posteriors: Posteriors | None
    gmm: GmmFile | None


def _read(cache: Cache, paths: Mapping[str, Path], loss: str) -> _Inputs:
    """Read the inputs. Raises InputError where they and the cache do not belong together.

    A checkpoint that was trained on another cache is told, and taken.
    """
    path = paths["checkpoint"]
    start = read_checkpoint(path)
    check_fits(cache, start.description, path)
    _check_network(start.description.network, path, loss)
    posteriors = _posteriors(cache, paths.get("posteriors"), loss)
    gmm = _given_mixture(paths["gmm"], cache, start, posteriors) if "gmm" in paths else None
    tell_origin(start, path, cache, "val")  # by which the best epoch is chosen
    return _Inputs(start, posteriors, gmm)


def _check_network(network: str, path: Path, loss: str) -> None:
    """Raise InputError where the network has one modality: its gap would be from chance, 1/M.

    Also where the loss is to keep the fused loss from one modality, and the network cannot.
    """
    if network in ("audio-only", "visual-only"):
        raise InputError(
            f"{path} has one modality, and so no gap between two",
            [f"its network: {network}"],
            "a checkpoint of warmup, or of another baseline",
        )
    if loss in ABSTAINING and network != "concat":
        raise InputError(
            f"--loss {loss} needs a network that fuses by the sum of both modalities' logits",
            [f"{path} has another: {network}"],
            "a checkpoint of warmup, or --loss push",
        )


def _posteriors(cache: Cache, path: Path | None, loss: str) -> Posteriors | None:
    """Read --posteriors. Raises InputError; UsageError: mend without them."""
    if path is None:
        if loss == "mend":
            raise UsageError(
                "--loss mend decides by held-out scores",
                hint="--posteriors GAPS, of avgap crossfit",
            )
        return None
    posteriors = read_posteriors(path, cache)
    if loss == "mend":
        posteriors.scores()
    if posteriors.table.held_out is False:
        console.warn(
            f"{path}: these gaps were measured on clips that the network has trained on; "
            "avgap crossfit measures on clips it has not seen"
        )
    return posteriors


@dataclass(frozen=True)
class _Rounds:
    """Algorithm 1, phase 2: what it begins with, and the loss of each round."""

    cache_path: Path
    checkpoint_path: Path
    inputs: _Inputs
    settings: Adaptive
    fit: Fit
    force: bool

    @property
    def continues(self) -> bool:
        """Whether the checkpoint has been adapted already."""
        return self.inputs.start.progress.phase == "adapt"

    @property
    def progress(self) -> Progress:
        """Before the first epoch: λ's epoch goes on where the checkpoint has been adapted."""
        there = self.inputs.start.progress
        phase_epoch = there.phase_epoch if self.continues else 0
        return replace(there, phase="adapt", phase_epoch=phase_epoch, step_epoch=0)

    def optimizer(self, training: Training) -> Mapping[str, Any] | None:
        """The checkpoint's optimizer state, at the rates asked for; None where the paper resets it.

        Raises InputError: the state of another optimizer.
        """
        if not (self.settings.keep_optimizer or self.continues):
            return None
        theirs = self.inputs.start.stamp.parameters.get("optimizer")
        if theirs != training.optimizer:
            raise InputError(
                f"cannot continue {theirs}'s state with {training.optimizer}",
                [f"{self.checkpoint_path} was trained with {theirs}"],
                f"--optimizer {theirs}, or without --keep-optimizer after a warm-up",
            )
        return self.inputs.start.optimizer

    def begin(self, state: TrainState, setup: TrainSetup, folder: Folder) -> Round:
        """The round to train: the next one, or the one that was broken off."""
        progress, s, posteriors = state.progress, self.settings, self.inputs.posteriors
        given = self.inputs.gmm if posteriors is None else None
        if 0 < progress.step_epoch < s.epochs:
            path = self._folder(folder, progress.step) / "gmm.json"
            gmm = given or from_first(lambda: read_mixture(path))
        else:
            gmm = given or self._fit(state, setup, folder)
            state.progress = replace(progress, step=progress.step + 1, step_epoch=0)
            if posteriors is None:
                _warn(gmm, s)
        known = None
        if posteriors is not None:
            gmm = self._mixture_of(posteriors, folder, first=not state.history)
            known = self._known(posteriors, gmm, setup.device, first=not state.history)
        method = _method(gmm, s, known)
        note = {"weights": method.weights} if isinstance(method, _WEIGHTED) else {}
        return Round(method, note)

    def _mixture_of(self, posteriors: Posteriors, folder: Folder, *, first: bool) -> GmmFile:
        """The mixture of --posteriors: the one given, or fitted once and kept beside the rounds."""
        path = folder.path / "posteriors.json"
        if self.inputs.gmm is not None:
            return self.inputs.gmm
        if first or not path.exists():
            return from_first(lambda: self._mixture(posteriors.path, path))
        return from_first(lambda: read_mixture(path))

    def _known(
        self, posteriors: Posteriors, gmm: GmmFile, device: torch.device, *, first: bool
    ) -> Imbalance:
        """What --posteriors say of every training sample; said once, what follows."""
        if first:
            _warn(gmm, self.settings, "posteriors")
        if self.settings.loss != "mend":
            return posteriors.imbalance(gmm.mixture, device)
        found = posteriors.mendable(gmm.mixture)
        if first and _weights(gmm, self.settings) != "balanced":
            console.notice(in_words(found))
        return posteriors.imbalance(gmm.mixture, device, found)

    def _folder(self, folder: Folder, number: int) -> Path:
        return folder.path / f"step-{number:02d}"

    def _fit(self, state: TrainState, setup: TrainSetup, folder: Folder) -> GmmFile:
        """Collect the training split's gaps and fit the mixture, as the commands by hand do."""
        here = self._folder(folder, state.progress.step + 1)
        source, digest = self.checkpoint_path, self.inputs.start.stamp.digest
        if state.history:
            source, digest = folder.checkpoint, from_first(lambda: folder.digest)
        pass_ = GapPass(
            {"cache": folder.question.inputs["cache"], "checkpoint": digest},
            {"cache": self.cache_path, "checkpoint": source},
        )
        if pass_.output(here / "gaps.h5").reuse(force=self.force) is None:
            pass_.run(
                state.model, setup.train, setup.image_size, here / "gaps.h5", force=self.force
            )
        return from_first(lambda: self._mixture(here / "gaps.h5", here / "gmm.json"))

    def _mixture(self, gaps: Path, output: Path) -> GmmFile:
        fitgmm(gaps, output, self.fit, force=self.force)
        return read_mixture(output)


_WEIGHTED = (adaptive.Adaptive, Member)


def _method(gmm: GmmFile, s: Adaptive, known: Imbalance | None) -> Method:
    """The loss of a round with this mixture. known: of the training samples, before training."""
    if s.loss in CONTROLS:
        return LOSSES[s.loss]
    weights = _weights(gmm, s)
    if s.loss == "mend" and (weights == "balanced" or not _abstain(known)):
        return LOSSES["joint"]  # what it then is, to the last bit
    if s.loss in MEMBERS:
        return Member(s.loss, gmm.mixture, weights, known)
    return adaptive.Adaptive(
        gmm.mixture, s.alpha, s.beta, s.gamma, s.anneal, weights, s.pull, s.keep_unimodal, known
    )


def _abstain(known: Imbalance | None) -> bool:
    """Whether the weaker modality of any sample abstains."""
    return known is not None and known.abstains is not None and bool(known.abstains.any())


def _weights(gmm: GmmFile, s: Adaptive) -> str:
    """How samples are weighted by this mixture, one of `adaptive.WEIGHTS`."""
    return s.weights if _is_supported(gmm) or s.unsupported == "keep" else "balanced"


def _is_supported(gmm: GmmFile) -> bool:
    """Whether the gaps show the groups of the mixture; one component alone claims none."""
    return not gmm.mixture.leaning or bool(gmm.diagnostics.get("supported", True))


def _warn(gmm: GmmFile, settings: Adaptive, whose: str = "round") -> None:
    """Say in plain words when Eq. 10 will hardly classify, or by weights that mean nothing."""
    if settings.loss in CONTROLS:
        return
    if not _is_supported(gmm) and settings.unsupported == "balanced":
        takes = "this round takes" if whose == "round" else "all rounds take"
        console.notice(f"the gaps show no two groups: {takes} every sample as balanced")
        return
    if settings.weights != "posterior":
        return
    if not _is_supported(gmm):
        loss = "Eq. 10" if settings.loss == "adaptive" else f"--loss {settings.loss}"
        console.warn(
            f"the gaps of {'this' if whose == 'round' else 'these'} {whose} show no two groups, "
            f"and {loss} weights its samples by a split all the same. Try --unsupported balanced"
        )
    weight = gmm.mixture.imbalanced_weight
    if settings.loss != "adaptive" or settings.keep_unimodal:
        return
    if weight > _MOSTLY_IMBALANCED:
        console.warn(
            f"the mixture calls {100 * weight:.0f} % of the training samples imbalanced, and "
            "Eq. 10 switches their classification loss off: accuracy may fall far below plain "
            "training. Try a longer warm-up (warmup --epochs), --preset kept or --weights uniform"
        )


def _training(start: Checkpoint, changes: dict[str, Any]) -> Training:
    """The loop's settings: as the checkpoint was trained, but for the changes asked for."""
    theirs = {n: v for n, v in start.stamp.parameters.items() if n in parameters(Training())}
    switched = changes.get("optimizer") not in (None, theirs.get("optimizer"))
    if switched and changes.get("lr") is None:
        theirs["lr"] = None  # the other optimizer's own default
    return override(Training(**theirs), **changes)


def _question(
    cache: Cache, read: _Inputs, settings: Adaptive, training: Training, fit: Fit
) -> Question:
    """What the run answers. fit: of the mixture that weighs, where none is given."""
    inputs = {"cache": cache.stamp.digest, "checkpoint": read.start.stamp.digest}
    if read.posteriors is not None:
        inputs["posteriors"] = read.posteriors.digest
    # The epochs of the warm-up are the checkpoint's; those of a round are Adaptive's.
    values = {**parameters(training), **parameters(settings)}
    if read.gmm is not None:
        inputs["gmm"] = read.gmm.stamp.digest
    else:
        # No round bootstraps for its answer: standard errors change no weight.
        asked = {name: value for name, value in fit.recorded.items() if name != "bootstrap"}
        values |= {f"fit_{name}": value for name, value in asked.items()}
    return Question("avgap.checkpoint", inputs, {"phase": "adapt", **values})


def _given_mixture(
    path: Path, cache: Cache, start: Checkpoint, posteriors: Posteriors | None
) -> GmmFile:
    """Read --gmm. Raises InputError when it was fitted on gaps of another cache, or not on these.

    posteriors: the gaps that it must have been fitted on.
    """
    gmm = read_mixture(path)
    if posteriors is not None:
        posteriors.expect_mixture(gmm, path)
        return gmm
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
