"""⑥ Metrics of a checkpoint on a split: checkpoint and cache → metrics.json."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scipy.special import softmax

from avgap import artifact, console
from avgap.artifact import Output, Question, Stamp
from avgap.artifact.checkpoint import Checkpoint, check_fits, read_checkpoint, rebuild
from avgap.artifact.gaps import Gaps, holds_logits
from avgap.artifact.metrics import METRICS, TITLES
from avgap.data.cache.reader import Cache, open_cache
from avgap.data.loading.resident import resident
from avgap.metrics import summarise
from avgap.settings import INFERENCE_BATCH_SIZE, MODALITIES
from avgap.training.device import choose_device, choose_precision, to_device
from avgap.training.distributed import from_first
from avgap.training.measure import GapPass, measure
from avgap.training.origin import tell_origin


@dataclass(frozen=True)
class Evaluated:
    """The outcome of the stage: the metrics with their stamp, and where they lie."""

    stamp: Stamp
    body: dict[str, Any]
    path: str
    up_to_date: bool

    @property
    def text(self) -> str:
        """The artifact as text."""
        return artifact.to_json(self.stamp, self.body)

    def as_dict(self) -> dict[str, Any]:
        """For --json: the artifact's own keys, where it lies, and whether it was there."""
        return {
            **self.stamp.as_dict(),
            **self.body,
            "path": self.path,
            "up_to_date": self.up_to_date,
        }

    def table(self) -> str:
        """The metrics for a terminal, in percent."""
        columns = ["% on " + self.body["split"], *TITLES.values()]
        metrics = self.body["metrics"]
        rows = [[m, *(f"{100 * metrics[m][n]:.2f}" for n in TITLES)] for m in MODALITIES]
        gap = self.body["gap"]
        tail = f"mean gap {gap['mean']:+.3f}, mean |gap| {gap['mean_abs']:.3f}"
        tail = f"{self.body['n_samples']} samples, {tail}"
        return f"{console.table(columns, rows)}\n{tail}"


def evaluate(
    cache_path: Path,
    checkpoint_path: Path,
    output: str | Path,
    *,
    split: str = "test",
    predictions: Path | None = None,
    batch_size: int = INFERENCE_BATCH_SIZE,
    precision: str = "fp32",
    device_name: str = "auto",
    force: bool = False,
) -> Evaluated:
    """Measure a checkpoint on a split; with predictions, write each sample's scores and logits too.

    Raises InputError, OutputError.
    """
    started = time.monotonic()
    device = choose_device(device_name)
    cache, checkpoint = open_cache(cache_path), read_checkpoint(checkpoint_path)
    check_fits(cache, checkpoint.description, checkpoint_path)
    tell_origin(checkpoint, checkpoint_path, cache, split)
    inputs = {"cache": cache.stamp.digest, "checkpoint": checkpoint.stamp.digest}
    sources = {"cache": cache_path, "checkpoint": checkpoint_path}
    pass_ = GapPass(
        inputs,
        sources,
        split,
        logits=predictions is not None and holds_logits(predictions),
        precision=choose_precision(precision, device),
        batch_size=batch_size,
    )
    question = Question("avgap.metrics", inputs, {"split": split, "precision": pass_.precision})
    target = Output(output, question, sources, METRICS, from_first)
    answer = target.reuse(force=force)
    done = predictions is None or pass_.output(predictions).reuse(force=force) is not None
    if answer is not None and done:
        return Evaluated(answer.stamp, answer.content, str(output), up_to_date=True)

    model = to_device(rebuild(checkpoint, checkpoint_path), device)
    data = resident(cache, split, device)
    size = checkpoint.description.image_size
    table = measure(model, data, size, replace(pass_, logits=True))
    if predictions is not None and not done:
        kept = table if pass_.logits else table.without_logits()
        pass_.output(predictions).write(kept, started, device, force=force)
    answer = target.write(_body(cache, checkpoint, split, table), started, device, force=force)
    return Evaluated(answer.stamp, answer.content, str(output), up_to_date=False)


def _body(cache: Cache, checkpoint: Checkpoint, split: str, table: Gaps) -> dict[str, Any]:
    progress = checkpoint.progress
    logits = {name: getattr(table, f"{name}_logits").astype("float64") for name in MODALITIES}
    label = table.label
    if label is None:
        raise ValueError("a measured table has labels")
    return {
        "split": split,
        "n_samples": len(table),
        "checkpoint": {
            "phase": progress.phase,
            "step": progress.step,
            "epoch": progress.phase_epoch,
            "selected": checkpoint.selected,
        },
        "metrics": {
            name: summarise(softmax(z, axis=1), label, cache.classes) for name, z in logits.items()
        },
        "gap": {"mean": float(table.gap.mean()), "mean_abs": float(abs(table.gap).mean())},
    }
