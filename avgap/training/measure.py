"""One pass that measures gaps: every sample of a split by a model. Eq. 4 and 6."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from avgap import console
from avgap.artifact import Output, Question
from avgap.artifact.gaps import GAPS, Collected, Gaps
from avgap.data.loading.resident import Resident
from avgap.errors import InputError
from avgap.models.audiovisual import AudioVisual
from avgap.models.scores import modality_gap, true_class_prob
from avgap.settings import INFERENCE_BATCH_SIZE
from avgap.training.device import explain_out_of_memory
from avgap.training.distributed import explain_lost_process, from_first
from avgap.training.inference import predict, predict_together

_COMPARED = 1024  # samples measured in fp32, too, where bf16 is asked for


@dataclass(frozen=True)
class GapPass:
    """What a pass asks, apart from the model: `gaps`, `adapt`, `crossfit` and `evaluate` make one.

    besides: what else the table's question says.
    """

    inputs: dict[str, str]
    sources: dict[str, Path]
    split: str = "train"
    logits: bool = False
    precision: str = "fp32"
    batch_size: int = INFERENCE_BATCH_SIZE
    besides: Mapping[str, Any] = field(default_factory=dict)

    def output(self, path: str | Path) -> Output[Gaps]:
        """A place for the table, of all processes."""
        asked = {"split": self.split, "logits": self.logits, "precision": self.precision}
        question = Question("avgap.gaps", self.inputs, {**asked, **self.besides})
        return Output(path, question, self.sources, GAPS, from_first)

    def run(
        self,
        model: AudioVisual,
        data: Resident,
        image_size: int,
        output: str | Path,
        *,
        force: bool = False,
    ) -> Collected:
        """Measure the samples of data with model and write the table (unless output is "-")."""
        started = time.monotonic()
        table = measure(model, data, image_size, self)
        if self.precision == "bf16":
            console.notice(_rounding(table, model, data, image_size))
        answer = self.output(output).write(table, started, data.device, force=force)
        return Collected.of(answer, output)


def _rounding(table: Gaps, model: AudioVisual, data: Resident, image_size: int) -> str:
    """How far the bf16 gaps of a table are from those in fp32, over its first samples."""
    rows = range(min(len(data), _COMPARED))
    exact = predict(model, data, image_size, INFERENCE_BATCH_SIZE, "fp32", rows)
    label = data.label[: len(rows)]
    gap = modality_gap(exact.audio.double(), exact.visual.double(), label).cpu().numpy()
    distance = np.abs(table.gap[: len(rows)] - gap)
    return (
        f"bf16 moves the gap by {distance.mean():.2g} on average, 99 of 100 by less than "
        f"{np.quantile(distance, 0.99):.2g} (of {len(rows):,} samples, against fp32)"
    )


def measure(model: AudioVisual, data: Resident, image_size: int, options: GapPass) -> Gaps:
    """The gaps of the samples of data, float64 from fp32 logits, in cache order.

    Raises InputError with the ids of samples whose logits are not finite.
    """
    with explain_lost_process(), explain_out_of_memory(data.location, options.batch_size):
        out = predict_together(model, data, image_size, options.batch_size, options.precision)
    bad = (~out.fused.isfinite()).any(dim=1).nonzero()[:, 0].tolist()
    if bad:
        raise InputError(
            f"the model gives logits that are not finite for {len(bad)} of {len(data)} samples",
            [data.id[i] for i in bad[:10]],
            "a checkpoint from before training diverged",
        )
    audio, visual = (true_class_prob(z.double(), data.label).cpu().numpy() for z in out[:2])
    kept = {"fused": out.fused, "audio": out.audio, "visual": out.visual}
    arrays: dict[str, Any] = {f"{n}_pred": z.argmax(dim=1).cpu().numpy() for n, z in kept.items()}
    if options.logits:
        arrays |= {f"{n}_logits": z.cpu().numpy() for n, z in kept.items()}
    label = data.label.cpu().numpy()
    return Gaps(audio - visual, list(data.id), label, audio, visual, **arrays)
