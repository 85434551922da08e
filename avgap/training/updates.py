"""One update of the weights: forward, backward, optimizer; as it is written, or as a CUDA graph."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer

from avgap.data.loading.augment import Crops
from avgap.data.loading.resident import RawBatch
from avgap.errors import UsageError
from avgap.methods import Batch, Loss, Method, StepContext
from avgap.models.audiovisual import AudioVisual
from avgap.settings import Training
from avgap.training import distributed
from avgap.training.batches import augmented
from avgap.training.device import autocast
from avgap.training.timing import Stopwatch

_EAGER_STEPS = 3  # before a capture: libraries choose their kernels, the optimizer its moments


class _Step(nn.Module):
    """A method's step as a module: what torch distributes is the forward of a module."""

    def __init__(self, model: AudioVisual, method: Method) -> None:
        super().__init__()
        self.model, self.method = model, method

    def forward(self, batch: Batch, context: StepContext) -> Loss:
        """The loss of a batch."""
        return self.method.step(self.model, batch, context)


class Updates:
    """Updates a model batch by batch; sums of the loss and its terms stay on the device.

    context, crops: renewed in place before each epoch, since a captured graph reads where they lie.
    capture: whether to capture the step once it has run a few times.
    """

    def __init__(
        self,
        model: AudioVisual,
        optimizer: Optimizer,
        method: Method,
        settings: Training,
        image_size: int,
        context: StepContext,
        crops: Crops | None,
        *,
        capture: bool,
        watch: Stopwatch,
        tell: Callable[[str], None],
    ) -> None:
        self._model, self._optimizer, self._method = model, optimizer, method
        self._settings, self._image_size = settings, image_size
        self.context, self._crops, self._watch, self._tell = context, crops, watch, tell
        self._step: nn.Module = distribute(_Step(model, method), method)
        self._capture = capture and method.graph and distributed.size() == 1
        self._graph: torch.cuda.CUDAGraph | None = None
        self._eager = 0
        self.sums: dict[str, Tensor] = {}

    def __call__(self, raw: RawBatch, weight: float) -> None:
        """One batch. weight: of its loss, 1 where this process has the whole batch.

        With several, each has a share of it: weight is n_r · R / B, so that the mean of R
        processes' gradients is the gradient of the mean over the batch.
        """
        if self._graph is not None and len(raw.label) == self._settings.batch_size:
            self._graph.replay()
            return None
        if self._ripe(raw) and self._try_capture(raw, weight):
            return self(raw, weight)
        self._update(raw, weight)
        self._eager += 1
        return None

    def _ripe(self, raw: RawBatch) -> bool:
        full = len(raw.label) == self._settings.batch_size
        return self._capture and full and self._eager >= _EAGER_STEPS

    def _try_capture(self, raw: RawBatch, weight: float) -> bool:
        """Capture the update of a full batch, running nothing; where that fails, go on eagerly."""
        graph = torch.cuda.CUDAGraph()
        # Else every replay would draw the numbers of the capture again.
        graph.register_generator_state(self.context.generator)
        self._optimizer.zero_grad(set_to_none=True)  # gradients of the graph lie in its own memory
        # An event recorded within a capture has no time to read.
        running, self._watch.running = self._watch.running, False
        try:
            # thread_local: a thread that reads ahead or writes a checkpoint goes on meanwhile.
            here, mode = torch.cuda.current_stream(), "thread_local"
            with torch.cuda.graph(graph, stream=here, capture_error_mode=mode):
                self._update(raw, weight)
        except torch.OutOfMemoryError:
            raise  # a RuntimeError, too; run eagerly, the step would need as much
        except RuntimeError as error:
            # A generator may go on believing that it is being captured.
            fresh = torch.Generator(raw.label.device)
            fresh.manual_seed(self.context.generator.initial_seed())
            self.context = self.context._replace(generator=fresh)
            self._tell(f"no CUDA graph of the step: {str(error).strip().splitlines()[0]}")
            self._capture = False
            return False
        finally:
            self._watch.running = running
        self._graph = graph
        return True

    def _update(self, raw: RawBatch, weight: float) -> None:
        batch = augmented(raw, self._image_size, self._crops)
        self._watch.mark("data")
        for update in range(self._method.updates_per_batch):
            context = self.context._replace(update=update)
            if weight == 0:  # a process without a sample in this batch adds nothing to sums
                context = context._replace(over_ranks=_nothing)
            self._optimizer.zero_grad(set_to_none=True)
            with autocast(raw.label.device, self._settings.precision):
                loss = self._step(batch, context)
            self._watch.mark("forward")
            share = loss if weight == 1 else loss._replace(total=loss.total * weight)
            self._method.backward(self._model, share, context)
            if self._settings.clip is not None:
                clip_grad_norm_(self._model.parameters(), self._settings.clip)
            self._watch.mark("backward")
            self._optimizer.step()
            self._watch.mark("optimizer")
            self._count(loss, len(raw.label) if weight else 0)

    def _count(self, loss: Loss, n: int) -> None:
        # Reading a sum here would make the loop wait for the device.
        for name, value in {"loss": loss.total, **loss.terms}.items():
            if name not in self.sums:
                self.sums[name] = torch.zeros_like(value, dtype=torch.float64)
            self.sums[name] += value.detach().double() * n

    def means(self, samples: int) -> dict[str, float]:
        """The mean over an epoch's samples of the loss and its terms, then afresh. Waits."""
        names = list(self.sums)
        values = distributed.total(torch.stack([self.sums[name] for name in names])) / samples
        for value in self.sums.values():
            value.zero_()
        return dict(zip(names, values.tolist(), strict=True))


def _nothing(tensor: Tensor) -> Tensor:
    """The sum over all processes, to which this one adds zero."""
    return distributed.total(torch.zeros_like(tensor))


def distribute(step: nn.Module, method: Method) -> nn.Module:
    """The step whose gradients are the mean over all processes; itself where there is one.

    Raises UsageError for a method that processes cannot share.
    """
    if distributed.size() == 1:
        return step
    if not method.distributed:
        name = type(method).__name__
        raise UsageError(f"{name} needs the whole batch in one process", hint="without torchrun")
    return DistributedDataParallel(step, find_unused_parameters=method.partial)
