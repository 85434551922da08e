"""Gradient blending (Wang et al., CVPR 2020, "What makes training multi-modal networks hard?").

L = Σ_k w_k CE(z_k) over k = fused, audio, visual, with w_k ∝ G_k / O_k²: what training k alone
gains on held-out data, over the square of how much it overfits. To measure them, copies of the
network are trained aside, k alone each, on most of the training split. The authors published fixed
weights and no estimator; others' ports take end values in place of differences, or the test set in
place of held-out samples. Like them, |G_k| stands for G_k: a weight is never negative.
`mode=offline` measures once, before the first epoch, when the held-out samples are new to the
network. The paper's copies then train for as many epochs as the network will; here for
`super_epoch`, whose default is BalanceBenchmark's for measuring again and again. `mode=online`
measures again every `super_epoch` epochs from the weights of then, which have been trained on the
held-out samples, too: the loop trains on the whole split.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy

from avgap.methods import Batch, Epoch, Loss, Method, SplitView, StepContext
from avgap.methods.bounds import Count, Within
from avgap.methods.joint import cross_entropies
from avgap.models.audiovisual import AudioVisual

_LEAST_OVERFITTING = 1e-4  # nats: below, O is noise, and its square would decide alone


def blend(gain: Tensor, overfitting: Tensor) -> Tensor:
    """w_k = |G_k| / O_k², normalised to sum 1. gain, overfitting: (3,), nats.

    gain: the fall of the held-out loss. overfitting: the growth of held-out minus training loss.
    """
    weight = gain.abs() / overfitting.abs().clamp_min(_LEAST_OVERFITTING).square()
    total = weight.sum()
    even = torch.full_like(weight, 1 / len(weight))
    return torch.where(total > 0, weight / total.clamp_min(torch.finfo(total.dtype).tiny), even)


def hold_out(label: Tensor, share: float, generator: Generator) -> tuple[Tensor, Tensor]:
    """Rows to train on and rows held out, about `share` of each class; label: (N,)."""
    order = torch.randperm(len(label), generator=generator, device=label.device)
    by_class = order[label[order].argsort(stable=True)]
    held = torch.zeros(len(label), dtype=torch.bool, device=label.device)
    # Every 1/share-th of the shuffled samples, class after class.
    mark = (torch.arange(len(label), device=label.device) * share).floor()
    held[by_class[torch.diff(mark, prepend=mark.new_tensor([-1.0])) > 0]] = True
    return (~held).nonzero()[:, 0], held.nonzero()[:, 0]


@torch.no_grad()
def mean_losses(model: AudioVisual, view: SplitView, rows: Tensor) -> Tensor:
    """The mean cross-entropies (3,) of fused, audio and visual, float64, in evaluation mode."""
    training = model.training
    model.eval()
    sums = torch.zeros(3, dtype=torch.float64, device=rows.device)
    for batch in view.batches(rows):
        losses = cross_entropies(model(batch.audio, batch.frames), batch.label)
        sums += torch.stack(list(losses)).double() * len(batch.label)
    model.train(training)
    return sums / len(rows)


@dataclass(frozen=True)
class GBlending(Method):
    """Σ_k w_k CE(z_k) with measured w."""

    mode: Literal["offline", "online"] = "offline"  # the paper has both
    super_epoch: Count = 10  # epochs that each copy trains for, and online the period
    held_out: Annotated[float, Within(0.01, 0.5)] = 0.1  # share of the training split
    distributed: ClassVar[bool] = False  # the copies train in one process

    def initial(self, model: AudioVisual) -> dict[str, Tensor]:
        """w of fused, audio and visual, float32; measured before the first epoch."""
        return {"weights": torch.full((3,), 1 / 3, device=model.head.weight.device)}

    def start_epoch(self, model: AudioVisual, epoch: Epoch, context: StepContext) -> None:
        """Measure the weights where they are due."""
        again = self.mode == "online" and epoch.number % self.super_epoch == 0
        if epoch.number == 0 or again:
            context.state["weights"].copy_(self._measure(model, epoch, context.generator))

    def step(self, model: AudioVisual, batch: Batch, context: StepContext) -> Loss:
        """The blended loss of one batch."""
        terms = cross_entropies(model(batch.audio, batch.frames), batch.label)
        total = (context.state["weights"] * torch.stack(list(terms))).sum()
        weights = dict(
            zip(("w_fused", "w_audio", "w_visual"), context.state["weights"], strict=True)
        )
        return Loss(total, {**terms._asdict(), **weights})

    def _measure(self, model: AudioVisual, epoch: Epoch, generator: Generator) -> Tensor:
        """w of copies that are trained aside."""
        rows, held = hold_out(epoch.train.label, self.held_out, generator)
        before = [mean_losses(model, epoch.train, part) for part in (rows, held)]
        after = [torch.zeros_like(before[0]) for _ in before]
        for k in range(3):
            copy = deepcopy(model)
            self._train(copy, k, epoch, rows, generator)
            for losses, part in zip(after, (rows, held), strict=True):
                losses[k] = mean_losses(copy, epoch.train, part)[k]
        gain = before[1] - after[1]
        return blend(gain, (after[1] - after[0]) - (before[1] - before[0]))

    def _train(
        self, model: AudioVisual, k: int, epoch: Epoch, rows: Tensor, generator: Generator
    ) -> None:
        """Train a copy on CE(z_k) alone for the epochs of a measurement."""
        optimizer = epoch.optimizer(model)
        model.train()
        for _ in range(self.super_epoch):
            order = torch.randperm(len(rows), generator=generator, device=rows.device)
            for batch in epoch.train.batches(rows[order], augment=_on_cpu(generator)):
                optimizer.zero_grad(set_to_none=True)
                logits = model(batch.audio, batch.frames)
                output = (logits.fused, logits.audio, logits.visual)[k]
                cross_entropy(output, batch.label).backward()
                optimizer.step()


def _on_cpu(generator: Generator) -> Generator:
    """A generator on the CPU, whose seed is drawn from this one."""
    seed = torch.randint(2**62, (), generator=generator, device=generator.device)
    return Generator().manual_seed(int(seed))
