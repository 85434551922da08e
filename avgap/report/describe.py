"""One artifact: what it is, where it came from, what it says; whether it is what its stamp says."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from avgap import artifact, console
from avgap.artifact import Stamp
from avgap.artifact.gaps import Gaps, read_gaps
from avgap.artifact.gmm import read_mixture
from avgap.artifact.metrics import TITLES, read_metrics
from avgap.errors import InputError
from avgap.mixture.plain import measured, plain, rightness, told
from avgap.mixture.verdict import histogram, not_balanced, verdict
from avgap.report.runfolder import TABLES
from avgap.settings import MODALITIES

if TYPE_CHECKING:
    from avgap.data.cache.reader import Cache


def describe(path: Path, verify: bool = False) -> tuple[str, dict[str, Any]]:
    """One artifact: what it is, where it came from, a summary; as text and as a dict for --json.

    verify: compute the digest of a cache's content afresh; that of all others is compared whenever
    they are read. Raises InputError: missing, foreign, corrupt, or a content that does not have the
    digest of its stamp.
    """
    path = Path(path)
    stamp = _stamp(path)
    if stamp is None:
        if verify:
            raise InputError(f"{path} has no stamp to verify", ["its origin is unknown"])
        text, data = SUMMARIES["gaps"](path)
        origin = f"{path}: a table of gaps of unknown origin (no avgap stamp)"
        return f"{origin}\n\n{text}", {"path": str(path), "format": None, "summary": data}
    kind = stamp.format.removeprefix("avgap.")
    if verify and kind == "cache":
        _verify_cache(path)
    text, data = SUMMARIES[kind](path)
    lines = [_origin(path, stamp), *(["the content has this digest"] if verify else [])]
    record = {"path": str(path), "verified": verify, **stamp.as_dict(), "summary": data}
    return "\n".join([*lines, "", text]), record


def _stamp(path: Path) -> Stamp | None:
    """The stamp; None for a table of gaps without one."""
    try:
        return artifact.read_stamp(path)
    except InputError:
        if path.is_file() and path.suffix in TABLES and read_gaps(path).stamp is None:
            return None
        raise


def _origin(path: Path, stamp: Stamp) -> str:
    made = stamp.provenance
    software = [f"{name} {made[name]}" for name in ("avgap", "python", "torch") if made.get(name)]
    seconds = made.get("seconds")
    by = [*software, *([f"on {made['device']}"] if made.get("device") else [])]
    by += [str(made.get("created"))] + ([f"in {seconds} s"] if seconds is not None else [])
    rows = [("digest", stamp.digest)]
    for name, digest in stamp.inputs.items():
        hint = stamp.hints.get(name)
        rows.append((f"from {name}", f"{digest[:12]}…" + (f"  {hint}" if hint else "")))
    rows += [("made by", ", ".join(by))]
    rows += [
        (name, json.dumps(value, ensure_ascii=False)) for name, value in stamp.parameters.items()
    ]
    width = max(len(name) for name, _ in rows)
    head = f"{path}: {stamp.format}, format version {stamp.format_version}"
    return "\n".join([head, *(f"  {name.ljust(width)}  {value}" for name, value in rows)])


# ---------------------------------------------------------------- what each kind says


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
    right = rightness(table.label, table.fused_pred, table.audio_pred, table.visual_pred)
    lines = [
        f"gaps {measured(table.held_out, table.fold)}",
        f"{len(table):,} samples, mean gap {data['mean']:+.3f}, mean |gap| {data['mean_abs']:.3f}, "
        f"{100 * data['audio_dominant']:.0f} % audio-dominant",
        *told(plain(table.gap, right)),
        f"quantiles  {quantiles}",
        "",
        histogram(table.gap),
    ]
    return Summary("\n".join(lines), data)


def gap_numbers(table: Gaps) -> dict[str, Any]:
    """Size, mean, mean |gap|, share above zero (audio-dominant), quantiles; whether held out."""
    levels = (0, 5, 25, 50, 75, 95, 100)
    values = np.quantile(table.gap, [level / 100 for level in levels])
    return {
        **table.numbers(),
        "held_out": table.held_out,
        "quantiles": {f"{n}%": float(v) for n, v in zip(levels, values, strict=True)},
    }


def _gmm(path: Path) -> Summary:
    there = read_mixture(path)
    text = [verdict(there.mixture, there.diagnostics, there.fit["n_samples"])]
    warnings = [not_balanced(there.mixture), *there.diagnostics["warnings"]]
    text += [f"warning: {line}" for line in warnings if line]
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
    round = f", round {progress['step']}" if progress["step"] else ""
    place = f"{progress['phase']}{round}, epoch {progress['phase_epoch']}"
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
    round = f" round {of['step']}" if of["step"] else ""
    title = (
        f"{body['n_samples']:,} samples of {body['split']}, checkpoint of {of['phase']}{round} "
        f"epoch {of['epoch']} ({of['selected']}), in percent"
    )
    tail = f"mean gap {body['gap']['mean']:+.3f}, mean |gap| {body['gap']['mean_abs']:.3f}"
    table = console.table(["", *TITLES.values()], rows, title)
    return Summary(f"{table}\n{tail}", body)


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


def _verify_cache(path: Path) -> None:
    from avgap.data.cache.reader import verify_cache

    verify_cache(path)


# A new kind of artifact: what it says.
SUMMARIES: dict[str, Callable[[Path], Summary]] = {
    "cache": _cache,
    "gaps": _gaps,
    "gmm": _gmm,
    "checkpoint": _checkpoint,
    "metrics": _metrics,
}
