"""The forward pass over a split, shared by validation, gaps and evaluate."""

from __future__ import annotations

import torch

from avgap.data.loading.augment import whole_frames
from avgap.data.loading.resident import Resident, contiguous_batches
from avgap.models.audiovisual import AudioVisual, Logits
from avgap.training import distributed
from avgap.training.device import autocast


@torch.inference_mode()
def predict(
    model: AudioVisual,
    data: Resident,
    image_size: int,
    batch_size: int,
    precision: str,
    rows: range | None = None,
) -> Logits:
    """Logits of the given adjacent rows (all) in cache order, (N, M) fp32 on the data's device.

    Evaluation mode and whole frames; the model's mode is restored.
    """
    rows = range(len(data)) if rows is None else rows
    training = model.training
    model.eval()
    with autocast(data.device, precision):
        parts = [
            model(batch.audio, whole_frames(batch.visual, image_size))
            for batch in contiguous_batches(data, rows, batch_size)
        ]
        if not parts:  # this process's share is empty: logits of no samples
            audio, visual = (like.new_zeros((1, *like.shape[1:])) for like in data.source.like)
            frames = whole_frames(visual.to(data.device), image_size)
            parts = [_first(model(audio.to(data.device), frames), 0)]
    model.train(training)
    return Logits(*(_joined([part[i] for part in parts]) for i in range(3)))  # type: ignore[arg-type]


def predict_together(
    model: AudioVisual, data: Resident, image_size: int, batch_size: int, precision: str
) -> Logits:
    """As `predict` for all samples, each process computing its share: all have all, in order."""
    share = distributed.my_rows(len(data), batch_size)
    mine = predict(model, data, image_size, batch_size, precision, share)
    return Logits(*(None if z is None else distributed.gathered(z) for z in mine))  # type: ignore[arg-type]


def _first(logits: Logits, n: int) -> Logits:
    return Logits(*(None if z is None else z[:n] for z in logits))  # type: ignore[arg-type]


def _joined(parts: list[torch.Tensor | None]) -> torch.Tensor | None:
    tensors = [part for part in parts if part is not None]
    return torch.cat(tensors) if tensors else None
