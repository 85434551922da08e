"""The forward pass over a whole split, shared by validation, gaps and evaluate."""

from __future__ import annotations

import torch

from avgap.data.augment import whole_frames
from avgap.data.resident import Resident, batches
from avgap.device import autocast
from avgap.models.audiovisual import AudioVisual, Logits


@torch.inference_mode()
def predict(
    model: AudioVisual, data: Resident, image_size: int, batch_size: int, precision: str
) -> Logits:
    """Unimodal logits of every sample in cache order, (N, M) fp32 on the device of the data.

    Evaluation mode and whole frames; the model's mode is restored.
    """
    training = model.training
    model.eval()
    order = torch.arange(len(data), device=data.device)
    parts = []
    with autocast(data.device, precision):
        for batch in batches(data, order, batch_size):
            parts.append(model(batch.audio, whole_frames(batch.visual, image_size)))
    model.train(training)
    audio, visual = (torch.cat([part[i] for part in parts]) for i in range(2))
    joint = None if parts[0].joint is None else torch.cat([part.fused for part in parts])
    return Logits(audio, visual, joint)
