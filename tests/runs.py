"""Whole run folders as `demo` leaves them, of files written by hand, for tests of the report."""

from __future__ import annotations

import json

import numpy as np
import torch

from avgap import artifact
from avgap.artifact import Stamp
from avgap.artifact.gaps import Gaps, write_gaps
from avgap.data.cache.reader import open_cache
from avgap.fitgmm import fitgmm
from avgap.models import Description

WARMUP, ADAPT = "a" * 64, "b" * 64
N = 60


def write_table(path, cache, checkpoint, gap, split="train"):
    """A gaps.h5 of the cache's training clips with these gaps."""
    opened = open_cache(cache)
    label = np.arange(len(gap)) % 3
    prob = 0.5 + gap / 2
    table = Gaps(
        gap=2 * prob - 1,
        id=[f"{split}-{i}" for i in range(len(gap))],
        label=label,
        audio_prob=prob,
        visual_prob=1 - prob,
        fused_pred=label,
        audio_pred=label,
        visual_pred=(label + 1) % 3,
    )
    hints = {"cache": artifact.hint(path, cache)}
    inputs = {"cache": opened.stamp.digest, "checkpoint": checkpoint}
    stamp = Stamp("avgap.gaps", table.digest(), inputs, {"split": split}, {}, hints)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_gaps(path, Gaps(**{**vars(table), "stamp": stamp}))


def write_metrics(path, checkpoint, phase, step, fused, audio, visual):
    def of(accuracy):
        names = ("accuracy", "macro_f1", "mean_average_precision")
        return {**dict.fromkeys(names, accuracy), "calibration_error": 0.1}

    body = {
        "split": "test",
        "n_samples": 400,
        "checkpoint": {"phase": phase, "step": step, "epoch": 3, "selected": "last"},
        "metrics": {"fused": of(fused), "audio": of(audio), "visual": of(visual)},
        "gap": {"mean": 0.2, "mean_abs": 0.3},
    }
    digest = artifact.digest("metrics", body)
    stamp = Stamp("avgap.metrics", digest, {"checkpoint": checkpoint}, {"split": "test"}, {})
    artifact.write_text(path, artifact.to_json(stamp, body))


def write_training(folder, digest, inputs, phase, steps, hint=None):
    """What the page reads of a training folder: a checkpoint's stamp and progress, and the log."""
    folder.mkdir(parents=True, exist_ok=True)
    hints = {} if hint is None else {"checkpoint": hint}
    stamp = Stamp("avgap.checkpoint", digest, inputs, {"lr": 0.1}, {}, hints)
    counts = {"step": steps[-1], "epoch": len(steps), "phase_epoch": len(steps), "step_epoch": 1}
    val = {"fused": 0.6, "audio": 0.5, "visual": 0.4}
    lines = [{"phase": phase, "step": s, "epoch": i, "val": val} for i, s in enumerate(steps, 1)]
    content = {
        "description": Description("small", "small", (12, 16), (2, 16, 16), ("a", "b")).as_dict(),
        "model": {},
        "optimizer": {},
        "progress": {"phase": phase, **counts},
        "complete": True,
        "selected": "last",
        "history": lines,
        "state": {},
    }
    torch.save({**stamp.as_dict(), **content}, folder / "checkpoint.pt")
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def make_crossfit(folder, cache, folds=3, gap=None, stronger=0.9, fused=0.8):
    """A folder as crossfit leaves it: fold trainings, held-out gaps with logits, their mixture.

    stronger, fused: scores of the true class, out of 3, where a gap is above 0.4.
    """
    gap = gaps_of(0.7) if gap is None else gap
    n, inputs, hints = len(gap), {"cache": open_cache(cache).stamp.digest}, {}
    for number in range(1, folds + 1):
        digest = str(number) * 64
        write_training(folder / f"fold-{number}", digest, {"cache": "c"}, "warmup", [0, 0])
        inputs[f"checkpoint_{number}"] = digest
        hints[f"checkpoint_{number}"] = f"fold-{number}/checkpoint.pt"
    label, led = np.arange(n) % 3, gap > 0.4
    audio = np.where(led, stronger, 0.5 + gap / 2)
    score = np.where(led, fused, 0.9)
    prob = np.full((n, 3), ((1 - score) / 2)[:, None])
    prob[np.arange(n), label] = score
    right = dict.fromkeys(("fused_pred", "audio_pred", "visual_pred"), label)
    table = Gaps(
        gap=gap,
        id=[f"train-{i}" for i in range(n)],
        label=label,
        audio_prob=audio,
        visual_prob=audio - gap,
        **right,
        fused_logits=np.log(prob).astype(np.float32),
        fold=np.arange(n) % folds + 1,
    )
    hints["cache"] = artifact.hint(folder / "gaps.h5", cache)
    asked = {"split": "train", "folds": folds, "by": None}
    stamp = Stamp("avgap.gaps", table.digest(), inputs, asked, {}, hints)
    write_gaps(folder / "gaps.h5", Gaps(**{**vars(table), "stamp": stamp}))
    fitgmm(folder / "gaps.h5", folder / "gmm.json")
    return folder


def gaps_of(high, n=N, corrupted=N // 4):
    """Gaps that are high for the corrupted clips, which make_cache puts first."""
    rng = np.random.default_rng(0)
    gap = rng.normal(0, 0.05, n)
    gap[:corrupted] += high
    gap[n - 1] = -0.3  # one sample of the other side
    return gap.clip(-1, 1)


def make_run(folder, cache, after=0.7):
    """A whole run, as demo leaves it, of files written by hand."""
    write_training(folder / "warmup", WARMUP, {"cache": "c"}, "warmup", [0, 0, 0])
    write_training(folder / "adapt", ADAPT, {"checkpoint": WARMUP}, "adapt", [1, 1, 2, 2])
    write_table(folder / "gaps.h5", cache, WARMUP, gaps_of(0.7))
    fitgmm(folder / "gaps.h5", folder / "gmm.json")
    for step, checkpoint, high in ((1, WARMUP, 0.7), (2, "e" * 64, 0.3)):
        place = folder / "adapt" / f"step-{step:02d}"
        write_table(place / "gaps.h5", cache, checkpoint, gaps_of(high))
        fitgmm(place / "gaps.h5", place / "gmm.json")
    write_metrics(folder / "warmup/metrics.json", WARMUP, "warmup", 0, 0.6, 0.55, 0.4)
    write_metrics(folder / "adapt/metrics.json", ADAPT, "adapt", 2, after, 0.56, 0.5)
    return folder
