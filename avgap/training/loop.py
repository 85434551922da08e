"""The one loop: epochs of updates, validation, a record of each; for every method and phase."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from avgap.artifact.checkpoint import Progress
from avgap.console import Epochs, notice
from avgap.data.loading.augment import Crops
from avgap.data.loading.resident import Resident, batches, generator, make_buffer
from avgap.errors import InputError
from avgap.methods import Epoch, Method, StepContext
from avgap.models.audiovisual import AudioVisual
from avgap.settings import INFERENCE_BATCH_SIZE, Running, Training
from avgap.training import distributed
from avgap.training.batches import ResidentView
from avgap.training.device import explain_out_of_memory
from avgap.training.inference import predict
from avgap.training.optimizer import learning_rate, make_optimizer, set_rate
from avgap.training.timing import Stopwatch, peak_memory
from avgap.training.updates import Updates

# What a generator's randomness is for, so that no two purposes share a stream.
_SHUFFLE, _AUGMENT, _METHOD = 1, 2, 3
_SAMPLED = 50  # one step in so many is timed

Accuracies = Mapping[str, Mapping[str, float] | None]  # split → modality → share, None: no split


@dataclass
class TrainState:
    """What an epoch changes: the weights, the optimizer's state, the progress and its history.

    method_state: the method's own tensors.
    """

    model: AudioVisual
    optimizer: torch.optim.Optimizer
    progress: Progress
    history: list[dict[str, Any]] = field(default_factory=list)
    method_state: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainSetup:
    """What an epoch only reads. validation, test: None where there is none, or it is not asked for.

    settings: resolved, precision fp32 | bf16, augment on | off. phase_epochs: of the whole phase,
    for the schedule.
    """

    train: Resident
    validation: Resident | None
    test: Resident | None
    image_size: int
    settings: Training
    running: Running
    phase_epochs: int

    @property
    def device(self) -> torch.device:
        """Where the run computes."""
        return self.train.device

    @property
    def batches_per_epoch(self) -> int:
        """Steps of one epoch; the last, partial batch counts."""
        return math.ceil(len(self.train) / self.settings.batch_size)

    @property
    def graph(self) -> bool:
        """Whether steps may be captured as a CUDA graph."""
        return self.device.type == "cuda" and self.running.graph == "auto"

    def view(self, data: Resident) -> ResidentView:
        """A split as a method may look at it between epochs."""
        s = self.settings
        return ResidentView(data, self.image_size, s.batch_size, s.augment == "on")


def train(
    state: TrainState,
    method: Method,
    setup: TrainSetup,
    epochs: int,
    save: Callable[[TrainState], None],
    bar: Epochs,
) -> None:
    """Train until the progress counts `epochs` epochs of this round; save after every epoch.

    Raises InputError when the loss, an output or a weight is no longer finite, the device has too
    little memory, or another process of the run has ended; what was saved stays.
    """
    explained = explain_out_of_memory(
        setup.train.location, setup.settings.batch_size, resident=True
    )
    with distributed.explain_lost_process(), explained, _stream(setup):
        loop = _Loop(state, method, setup)
        while state.progress.step_epoch < epochs:
            started = time.monotonic()
            losses = loop.epoch(bar)
            accuracies = {
                name: None if data is None else accuracy(state.model, data, setup)
                for name, data in (("val", setup.validation), ("test", setup.test))
            }
            _expect_finite(losses["loss"], accuracies, state, setup.settings.learning_rate)
            p = state.progress
            state.progress = replace(
                p, epoch=p.epoch + 1, phase_epoch=p.phase_epoch + 1, step_epoch=p.step_epoch + 1
            )
            record = _record(state.progress, setup, losses, accuracies, loop.rate)
            seconds = time.monotonic() - started
            record |= {
                "seconds": round(seconds, 3),
                "samples_per_second": round(len(setup.train) / seconds, 1),
                "step_ms": loop.watch.read(),
                "memory": peak_memory(setup.device),
            }
            state.history.append(record)
            save(state)
            bar.row(record)


def _expect_alike(there: Mapping[str, Tensor], initial: Mapping[str, Tensor]) -> None:
    """Raise InputError unless a method's tensors, from a checkpoint, are those that it keeps."""
    shapes = [{name: tuple(value.shape) for name, value in of.items()} for of in (there, initial)]
    if shapes[0] != shapes[1]:
        raise InputError(
            "the checkpoint does not hold what this method keeps",
            [f"it holds {shapes[0] or 'nothing'}", f"expected {shapes[1] or 'nothing'}"],
            "--force to begin again",
        )


@contextmanager
def _stream(setup: TrainSetup) -> Iterator[None]:
    """A stream of its own for a run that captures: a graph cannot be captured on the default."""
    if not setup.graph:
        yield
        return
    usual, stream = torch.cuda.current_stream(setup.device), torch.cuda.Stream(setup.device)
    stream.wait_stream(usual)
    with torch.cuda.stream(stream):
        yield
    usual.wait_stream(stream)


class _Loop:
    """The epochs of one call of `train`: what they share lies in the same memory throughout."""

    def __init__(self, state: TrainState, method: Method, setup: TrainSetup) -> None:
        self.state, self.method, self.setup = state, method, setup
        device = setup.device
        initial = method.initial(state.model)
        _expect_alike(state.method_state or initial, initial)
        state.method_state = state.method_state or initial
        context = StepContext(
            torch.zeros((), dtype=torch.float64, device=device),
            state.method_state,
            torch.Generator(device),
            over_ranks=distributed.total,
        )
        self.view = setup.view(setup.train)
        self.buffer = make_buffer(setup.train, min(setup.settings.batch_size, len(setup.train)))
        self.crops: Crops | None = None
        if setup.settings.augment == "on":
            self.crops = self.view.draw(generator("cpu", 0))
        self.watch = Stopwatch(device)
        self.rate = setup.settings.learning_rate
        self.updates = Updates(
            state.model,
            state.optimizer,
            method,
            setup.settings,
            setup.image_size,
            context,
            self.crops,
            capture=setup.graph,
            watch=self.watch,
            tell=notice,
        )

    def epoch(self, bar: Epochs) -> dict[str, float]:
        """One pass over the training split; the mean loss and its terms over samples."""
        self._begin()
        raw_batches = self._raw_batches()
        for number in range(self.setup.batches_per_epoch):
            if number % _SAMPLED == 0:
                self.watch.start()
            raw, weight = next(raw_batches)
            self.updates(raw, weight)
            self.watch.stop()
            bar.advance()
        distributed.share_buffers(self.state.model)
        return self.updates.means(len(self.setup.train))

    def _begin(self) -> None:
        """Renew in place what changes from epoch to epoch, and let the method look at the data."""
        setup, state, settings = self.setup, self.state, self.setup.settings
        number, epoch = state.progress.phase_epoch, state.progress.epoch
        self.updates.context.epoch.fill_(number)
        self.updates.context.generator.manual_seed(
            generator("cpu", settings.seed, epoch, _METHOD).initial_seed()
        )
        if self.crops is not None:
            drawn = self.view.draw(generator("cpu", settings.seed, epoch, _AUGMENT))
            self.crops.boxes.copy_(drawn.boxes)
            self.crops.flip.copy_(drawn.flip)
        self.rate = learning_rate(settings, number, setup.phase_epochs)
        set_rate(state.optimizer, self.rate)
        validation = None if setup.validation is None else setup.view(setup.validation)
        self.method.start_epoch(
            state.model,
            Epoch(number, self.view, validation, lambda model: make_optimizer(model, settings)),
            self.updates.context,
        )
        state.model.train()

    def _raw_batches(self) -> Iterator[tuple[Any, float]]:
        """This process's share of each batch, with the weight of its loss."""
        settings, epoch = self.setup.settings, self.state.progress.epoch
        # Drawn on the CPU, so that every device sees the same order.
        shuffle = generator("cpu", settings.seed, epoch, _SHUFFLE)
        order = torch.randperm(len(self.setup.train), generator=shuffle)
        rank, size = distributed.rank(), distributed.size()
        chunks, weights = [], []
        for batch in order.split(settings.batch_size):
            mine = batch[rank::size]
            weights.append(len(mine) * size / len(batch) if size > 1 else 1.0)
            chunks.append(mine if len(mine) else batch[:1])  # none left: one, of no weight
        return zip(batches(self.setup.train, chunks, self.buffer), weights, strict=True)


def accuracy(model: AudioVisual, data: Resident, setup: TrainSetup) -> dict[str, float]:
    """Accuracy of fused, audio and visual on a split, its samples shared among the processes.

    NaN where a sample's logits are not finite.
    """
    rows = distributed.my_rows(len(data), INFERENCE_BATCH_SIZE)
    logits = predict(
        model, data, setup.image_size, INFERENCE_BATCH_SIZE, setup.settings.precision, rows
    )
    label = data.label[rows.start : rows.stop]
    outputs = {"fused": logits.fused, "audio": logits.audio, "visual": logits.visual}
    right = torch.stack([_right(z, label).sum() for z in outputs.values()])
    shares = (distributed.total(right) / len(data)).tolist()
    return dict(zip(outputs, shares, strict=True))


def _right(logits: Tensor, label: Tensor) -> Tensor:
    """1 where the highest logit is the label's, else 0, NaN where one is not finite; (N,)."""
    finite = logits.isfinite().all(dim=1)
    return torch.where(finite, (logits.argmax(dim=1) == label).double(), torch.nan)


def _expect_finite(loss: float, accuracies: Accuracies, state: TrainState, rate: float) -> None:
    """Raise InputError where training has diverged: in its loss, or only by its last updates."""
    held = [v for v in state.model.state_dict().values() if v.is_floating_point()]
    weights = torch.stack([value.isfinite().all() for value in held]).all()
    outputs = [share for split in accuracies.values() if split for share in split.values()]
    if not math.isfinite(loss):
        what = f"the loss is {loss}"
    elif not bool(weights):
        what = "a weight is not finite"
    elif not all(map(math.isfinite, outputs)):
        what = "an output is not finite"
    else:
        return
    p = state.progress
    raise InputError(
        f"{what} in epoch {p.phase_epoch + 1} of {p.phase}",
        ["the last good checkpoint, if any, is kept"],
        f"a smaller --lr than {rate:g}",
    )


def _record(
    progress: Progress,
    setup: TrainSetup,
    losses: dict[str, float],
    accuracies: Accuracies,
    rate: float,
) -> dict[str, Any]:
    """One line of log.jsonl, but for its times. test: the peers' convention, never for choosing."""
    record = {
        "phase": progress.phase,
        "step": progress.step,
        "epoch": progress.phase_epoch,
        "lr": rate,
        "loss": losses["loss"],
        "terms": {name: value for name, value in losses.items() if name != "loss"},
        "val": accuracies["val"],
    }
    return record if setup.test is None else {**record, "test": accuracies["test"]}
