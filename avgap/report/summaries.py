"""What each kind of artifact says, in words and as plain values: one function per kind."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from avgap import console
from avgap.artifact.gaps import Gaps, read_gaps
from avgap.artifact.gmm import read_mixture
from avgap.artifact.metrics import TITLES, read_metrics
from avgap.mixture.verdict import histogram, verdict
from avgap.settings import MODALITIES

if TYPE_CHECKING:
    from avgap.data.cache.reader import Cache


class Summary(NamedTuple):
    """What an artifact says, in words and as plain values."""

    text: str
    data: dict[str, Any]


def _cache(path: Path) -> Summary:
    from avgap.data.cache.reader import open_cache

    cache = open_cache(path)
    audit = cache.audit()
    corrupt = {
        name: dict(Counter(kind for kind in cache.meta(name).get("corrupt", []) if kind))
        for name, size in cache.sizes.items()
        if size
    }
    data = {
        "dataset": cache.dataset,
        "kind": cache.kind,
        "sizes": cache.sizes,
        "classes": list(cache.classes),
        "audio_shape": list(cache.audio_shape),
        "visual_shape": list(cache.visual_shape),
        "missing": cache.missing,
        "corrupt": corrupt,
        "audit": None if audit is None else audit.as_dict(),
    }
    splits = ", ".join(f"{name} {size:,}" for name, size in cache.sizes.items())
    lines = [
        f"{cache.dataset}: {splits} clips of {len(cache.classes)} classes",
        f"classes  {', '.join(cache.classes)}",
        *_inputs(cache),
    ]
    for name, kinds in corrupt.items():
        lines += [f"corrupt  {name}: {count:,} clips {kind}" for kind, count in kinds.items()]
    lines += [f"missing  {clip}: {reason}" for clip, reason in list(cache.missing.items())[:10]]
    if len(cache.missing) > 10:
        lines.append(f"missing  and {len(cache.missing) - 10:,} more")
    lines += [f"audit    {line}" for line in (audit.lines() if audit is not None else ())]
    return Summary("\n".join(lines), data)


def _gaps(path: Path) -> Summary:
    table = read_gaps(path)
    data = gap_numbers(table)
    quantiles = "  ".join(f"{level:>4} {value:+.3f}" for level, value in data["quantiles"].items())
    lines = [
        f"{len(table):,} samples, mean gap {data['mean']:+.3f}, mean |gap| {data['mean_abs']:.3f}, "
        f"{100 * data['audio_dominant']:.0f} % audio-dominant",
        f"quantiles  {quantiles}",
        "",
        histogram(table.gap),
    ]
    return Summary("\n".join(lines), data)


def gap_numbers(table: Gaps) -> dict[str, Any]:
    """Size, mean, mean absolute value, share above zero (audio-dominant) and quantiles of gaps."""
    levels = (0, 5, 25, 50, 75, 95, 100)
    values = np.quantile(table.gap, [level / 100 for level in levels])
    return {
        **table.numbers(),
        "quantiles": {f"{n}%": float(v) for n, v in zip(levels, values, strict=True)},
    }


def _gmm(path: Path) -> Summary:
    there = read_mixture(path)
    text = [verdict(there.mixture, there.diagnostics, there.fit["n_samples"])]
    text += [f"warning: {line}" for line in there.diagnostics["warnings"]]
    data = {
        "components": there.mixture.as_dict(),
        "fit": there.fit,
        "diagnostics": there.diagnostics,
    }
    return Summary("\n".join(text), data)


def _checkpoint(path: Path) -> Summary:
    from avgap.artifact.checkpoint import read_checkpoint

    there = read_checkpoint(path)
    network, progress = there.description.as_dict(), vars(there.progress)
    data = {
        "progress": progress,
        "selected": there.selected,
        "complete": there.complete,
        "network": network,
        "validation": there.validation,
    }
    place = f"{progress['phase']}, step {progress['step']}, epoch {progress['phase_epoch']}"
    unfinished = there.selected == "last" and not there.complete
    state = ", not complete: the same command continues it" if unfinished else ""
    lines = [f"{place} ({there.selected}){state}"]
    lines += [f"{name}  {json.dumps(v, ensure_ascii=False)}" for name, v in network.items()]
    accuracies = [f"{name} {100 * v:.2f}" for name, v in there.validation.items()]
    lines += [f"validation accuracy, %  {', '.join(accuracies) or 'not measured'}"]
    return Summary("\n".join(lines), data)


def _metrics(path: Path) -> Summary:
    body = read_metrics(path)
    rows = [
        [name, *(f"{100 * body['metrics'][name][key]:.2f}" for key in TITLES)]
        for name in MODALITIES
    ]
    of = body["checkpoint"]
    title = (
        f"{body['n_samples']:,} samples of {body['split']}, checkpoint of {of['phase']} "
        f"step {of['step']} epoch {of['epoch']} ({of['selected']}), in percent"
    )
    tail = f"mean gap {body['gap']['mean']:+.3f}, mean |gap| {body['gap']['mean_abs']:.3f}"
    table = console.table(["", *TITLES.values()], rows, title)
    return Summary(f"{table}\n{tail}", body)


# A new kind of artifact: its summary here, and in describe.py how its digest is computed afresh.
SUMMARIES: dict[str, Callable[[Path], Summary]] = {
    "cache": _cache,
    "gaps": _gaps,
    "gmm": _gmm,
    "checkpoint": _checkpoint,
    "metrics": _metrics,
}


def _inputs(cache: Cache) -> list[str]:
    """What a cache's clips look like: audio and visual, a line each."""
    if cache.kind == "embedding":
        shapes = {"audio": cache.audio_shape, "visual": cache.visual_shape}
        return [f"{name:<8} embeddings of {size:,} numbers" for name, (size,) in shapes.items()]
    return [
        f"audio    (F, T) = {cache.audio_shape}, "
        f"mean {cache.audio_mean:.3f}, std {cache.audio_std:.3f}",
        f"visual   (K, H, W, 3) = {cache.visual_shape}",
    ]
