"""One update by a method, without the loop: a small network, a batch of noise, a split of it."""

from __future__ import annotations

import torch

from avgap.methods import Batch, Epoch, StepContext
from avgap.models import Description, build

CLASSES = ("a", "b", "c")


def network(name="concat", encoder="small", seed=0):
    """A network of three classes in training mode, for sound 12×16 and two frames of 16×16."""
    shapes = ((12, 16), (2, 16, 16)) if encoder in ("small", "resnet18") else ((8,), (8,))
    return build(Description(encoder, encoder, *shapes, CLASSES, name), seed).train()


def batch(n=6, seed=0, encoder="small"):
    """n samples, whose class both modalities show."""
    draw = torch.Generator().manual_seed(seed)
    label = torch.arange(n) % 3
    if encoder not in ("small", "resnet18"):
        vectors = torch.randn(2, n, 8, generator=draw)
        vectors[:, torch.arange(n), label] += 3
        return Batch(vectors[0], vectors[1][:, None], label, torch.arange(n))
    audio = torch.randn(n, 12, 16, generator=draw)
    frames = 255 * torch.rand(n, 2, 3, 16, 16, generator=draw)
    for row, name in enumerate(label.tolist()):
        audio[row, 4 * name : 4 * name + 4] += 2
        frames[row, ..., 5 * name : 5 * name + 5] /= 4
    return Batch(audio, frames, label, torch.arange(n))


def context(state=None, epoch=0, update=0, seed=0):
    """StepContext, of one process on the CPU."""
    when = torch.tensor(float(epoch), dtype=torch.float64)
    return StepContext(when, state or {}, torch.Generator().manual_seed(seed), update)


class Split:
    """A batch as a split: `SplitView`."""

    def __init__(self, whole, size=4):
        self.whole, self.size, self.label = whole, size, whole.label

    def batches(self, rows=None, *, augment=None):
        rows = torch.arange(len(self.label)) if rows is None else rows
        for part in rows.split(self.size):
            yield Batch(*(tensor[part] for tensor in self.whole))


def epoch(number, train, validation=None, lr=0.01):
    """An epoch that begins, on these batches."""
    return Epoch(
        number,
        Split(train),
        None if validation is None else Split(validation),
        lambda model: torch.optim.Adam(model.parameters(), lr=lr),
    )


def gradients(method, model, data, context):
    """Every parameter's gradient after one backward pass, by name (None: it has none)."""
    model.zero_grad(set_to_none=True)
    loss = method.step(model, data, context)
    method.backward(model, loss, context)
    return {n: None if p.grad is None else p.grad.clone() for n, p in model.named_parameters()}


def update(method, model, data, context, optimizer):
    """All updates of one batch, as the loop makes them; gives the sum of the losses."""
    total = 0.0
    for number in range(method.updates_per_batch):
        optimizer.zero_grad(set_to_none=True)
        each = context._replace(update=number)
        loss = method.step(model, data, each)
        method.backward(model, loss, each)
        optimizer.step()
        total += loss.total.item()
    return total


def forbid_waiting(patch):
    """Make everything that reads a tensor's value, and so waits for a device, an error."""

    def waits(*_, **__):
        raise AssertionError("a step waits for the device")

    for name in ("item", "tolist", "cpu", "numpy", "__bool__", "__int__", "__float__", "__index__"):
        patch.setattr(torch.Tensor, name, waits)
    patch.setattr(torch.Tensor, "nonzero", waits)
