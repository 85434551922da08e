"""Training methods: each owns one step of the loop and nothing else.

A new method: a frozen dataclass of settings with `step`, in a file of its own, one line in
`registry.py`, and a test of its loss on numbers computed by hand. What a method keeps
from batch to batch are tensors in `StepContext.state`, changed in place: they are saved with every
checkpoint, and a captured graph goes on reading them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar, NamedTuple, Protocol

from torch import Generator, Tensor, nn
from torch.optim import Optimizer

from avgap.models.audiovisual import AudioVisual


class Batch(NamedTuple):
    """B samples, augmented: audio (B, F, T), frames (B, K, 3, H, W) in 0…255, label (B,).

    rows: of the samples in what is trained on, (B,) int64 on the device: the training split in the
    cache's order, or the part of it that a training is given.
    """

    audio: Tensor
    frames: Tensor
    label: Tensor
    rows: Tensor


class Loss(NamedTuple):
    """What a step returns: the scalar to differentiate, and its named parts for the log."""

    total: Tensor
    terms: dict[str, Tensor]


class StepContext(NamedTuple):
    """What changes while a method trains. All of it lies on the model's device.

    epoch: 0-based within the phase, a float64 scalar to compute with, never to branch on: a branch
    would wait for the device. state: the method's own tensors. generator: for chance, a function
    of (seed, epoch). update: which of the method's updates of this batch, from 0. over_ranks: the
    sum of a tensor over all processes, without gradient; the tensor itself where there is one.
    """

    epoch: Tensor
    state: dict[str, Tensor]
    generator: Generator
    update: int = 0
    over_ranks: Callable[[Tensor], Tensor] = lambda tensor: tensor


class SplitView(Protocol):
    """One split as a method may look at it between epochs."""

    @property
    def label(self) -> Tensor:
        """Class indices, (N,) on the device."""
        ...

    def batches(
        self, rows: Tensor | None = None, *, augment: Generator | None = None
    ) -> Iterator[Batch]:
        """The given rows in that order (all, in the cache's), whole frames unless augmented."""
        ...


class Epoch(NamedTuple):
    """What a method may use before an epoch. number: 0-based within the phase.

    validation: None where the cache has none. optimizer: a fresh one of the run's settings, for a
    model that the method trains aside.
    """

    number: int
    train: SplitView
    validation: SplitView | None
    optimizer: Callable[[nn.Module], Optimizer]


class Method(Protocol):
    """A training method: `step`, and what few methods need besides, each with a default.

    updates_per_batch: of the weights. graph: whether a step may be captured: no chance but by
    StepContext.generator, no branch on a value. partial: whether an update leaves some parameters
    without gradient. distributed: whether the loss is a mean over samples, so that processes can
    share a batch. passes: forward passes of the network that an update of a batch costs.
    """

    updates_per_batch: ClassVar[int] = 1
    graph: ClassVar[bool] = True
    partial: ClassVar[bool] = False
    distributed: ClassVar[bool] = True
    passes: ClassVar[int] = 1

    @property
    def network(self) -> str:
        """The variant of the model, of `models.NETWORKS`."""
        return "concat"

    def step(self, model: AudioVisual, batch: Batch, context: StepContext) -> Loss:
        """The loss of one batch. Never waits for the device."""
        ...

    def backward(self, model: AudioVisual, loss: Loss, context: StepContext) -> None:
        """Leave in every parameter the gradient that the optimizer shall take."""
        loss.total.backward()

    def initial(self, model: AudioVisual) -> dict[str, Tensor]:
        """The method's tensors before the first epoch, on the model's device."""
        return {}

    def start_epoch(self, model: AudioVisual, epoch: Epoch, context: StepContext) -> None:
        """Look at the data, change the state or the weights before an epoch. May be slow."""
        return
