"""⑦ What an artifact is, where it came from, and what it says; run folders as one page.

`describe` is for the terminal and for --json, `page` for the browser. Neither imports torch unless
a checkpoint is among what it is given.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from avgap import artifact, console, summary
from avgap.artifact import Stamp
from avgap.errors import InputError, OutputError
from avgap.fitgmm import mixture_digest, read_mixture
from avgap.gapfile import Gaps, read_gaps

MODALITIES = ("fused", "audio", "visual")
GENERATOR = '<meta name="generator" content="avgap '


class Summary(NamedTuple):
    """What an artifact says, in words and as plain values."""

    text: str
    data: dict[str, Any]


# ---------------------------------------------------------------- one artifact


def describe(path: Path, verify: bool = False) -> tuple[str, dict[str, Any]]:
    """One artifact: what it is, where it came from, a summary; as text and as a dict for --json.

    verify: compute the digest of the content afresh. Raises InputError: missing, foreign, corrupt,
    or a content that does not have the digest of its stamp.
    """
    path = Path(path)
    stamp = _stamp(path)
    if stamp is None:
        text, data = _gaps(path)
        origin = f"{path}: a table of gaps of unknown origin (no avgap stamp)"
        return f"{origin}\n\n{text}", {"path": str(path), "format": None, "summary": data}
    kind = stamp.format.removeprefix("avgap.")
    if verify:
        _verify(path, stamp, DIGESTS[kind](path))
    text, data = SUMMARIES[kind](path)
    lines = [_origin(path, stamp), *(["the content has this digest"] if verify else [])]
    record = {"path": str(path), "verified": verify, **stamp.as_dict(), "summary": data}
    return "\n".join([*lines, "", text]), record


def _stamp(path: Path) -> Stamp | None:
    """The stamp; None for a table of gaps without one."""
    foreign_tables = (".npy", ".csv")
    try:
        return artifact.read_stamp(path)
    except InputError:
        if path.is_file() and path.suffix in foreign_tables and read_gaps(path).stamp is None:
            return None
        raise


def _verify(path: Path, stamp: Stamp, there: str) -> None:
    if there != stamp.digest:
        raise InputError(
            f"{path} is not what its stamp says: its content was changed or damaged",
            [f"stamp    {stamp.digest}", f"content  {there}"],
            "make it again",
        )


def _origin(path: Path, stamp: Stamp) -> str:
    made = stamp.provenance
    software = [f"{name} {made[name]}" for name in ("avgap", "python", "torch") if made.get(name)]
    seconds = made.get("seconds")
    by = [*software, *([f"on {made['device']}"] if made.get("device") else [])]
    by += [str(made.get("created"))] + ([f"in {seconds:g} s"] if seconds is not None else [])
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


# ---------------------------------------------------------------- summaries, one per kind


def _cache(path: Path) -> Summary:
    from avgap.data.cache import open_cache

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
        *summary.inputs(cache),
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
        summary.histogram(table.gap),
    ]
    return Summary("\n".join(lines), data)


def gap_numbers(table: Gaps) -> dict[str, Any]:
    """Size, mean, mean absolute value, share above zero (audio-dominant) and quantiles of gaps."""
    levels = (0, 5, 25, 50, 75, 95, 100)
    values = np.quantile(table.gap, [level / 100 for level in levels])
    return {
        "n_samples": len(table),
        "mean": float(table.gap.mean()),
        "mean_abs": float(np.abs(table.gap).mean()),
        "audio_dominant": float((table.gap > 0).mean()),
        "quantiles": {f"{n}%": float(v) for n, v in zip(levels, values, strict=True)},
    }


def _gmm(path: Path) -> Summary:
    there = read_mixture(path)
    text = [summary.verdict(there.mixture, there.diagnostics, there.fit["n_samples"])]
    text += [f"warning: {line}" for line in there.diagnostics["warnings"]]
    data = {
        "components": there.mixture.as_dict(),
        "fit": there.fit,
        "diagnostics": there.diagnostics,
    }
    return Summary("\n".join(text), data)


def _checkpoint(path: Path) -> Summary:
    from avgap.checkpoint import read_checkpoint

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
    body = _body(path)
    measures = {"accuracy": "accuracy", "macro_f1": "macro F1"}
    measures |= {"mean_average_precision": "mAP", "calibration_error": "ECE"}
    rows = [
        [name, *(f"{100 * body['metrics'][name][key]:.2f}" for key in measures)]
        for name in MODALITIES
    ]
    of = body["checkpoint"]
    title = (
        f"{body['n_samples']:,} samples of {body['split']}, checkpoint of {of['phase']} "
        f"step {of['step']} epoch {of['epoch']} ({of['selected']}), in percent"
    )
    tail = f"mean gap {body['gap']['mean']:+.3f}, mean |gap| {body['gap']['mean_abs']:.3f}"
    table = console.table(["", *measures.values()], rows, title)
    return Summary(f"{table}\n{tail}", body)


def _body(path: Path) -> dict[str, Any]:
    """A JSON artifact without its stamp."""
    keys = artifact.read_json(path)
    stamp = artifact.parse_stamp(keys, path).as_dict()
    return {name: value for name, value in keys.items() if name not in stamp}


# A new kind of artifact: its summary here, and below how its content's digest is computed afresh.
SUMMARIES: dict[str, Callable[[Path], Summary]] = {
    "cache": _cache,
    "gaps": _gaps,
    "gmm": _gmm,
    "checkpoint": _checkpoint,
    "metrics": _metrics,
}


def _digest_of_cache(path: Path) -> str:
    from avgap.data.cache import digest_of_file

    return digest_of_file(path)


def _digest_of_checkpoint(path: Path) -> str:
    from avgap.checkpoint import read_checkpoint

    return read_checkpoint(path).content_digest()


DIGESTS: dict[str, Callable[[Path], str]] = {
    "cache": _digest_of_cache,
    "gaps": lambda path: read_gaps(path).digest(),
    "gmm": lambda path: mixture_digest(read_mixture(path).mixture),
    "checkpoint": _digest_of_checkpoint,
    "metrics": lambda path: artifact.digest("metrics", _body(path)),
}


# ---------------------------------------------------------------- runs


@dataclass(frozen=True)
class Page:
    """The page that was written, and per run the numbers that stand in it."""

    path: Path
    runs: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        """For --json. planted_auc is the first run's; None where no truth is known."""
        return {
            "output": str(self.path),
            "planted_auc": self.runs[0]["planted_auc"],
            "runs": self.runs,
        }


def page(runs: list[Path], output: Path, cache: Path | None = None) -> Page:
    """Make one self-contained page of run folders; replaces a page that avgap wrote before.

    cache: where the clips lie; by default the place that the gaps remember. Raises InputError (a
    folder without artifacts, a cache of other gaps), OutputError (a file that avgap did not write).
    """
    output = Path(output)
    if output.exists() and not _is_page(output):
        raise OutputError(f"{output} exists and is not a report of avgap", hint="another -o")
    from avgap.page import render
    from avgap.runfolder import read_run
    from avgap.runview import short_names, view

    names = short_names([Path(run) for run in runs])
    place = None if cache is None else Path(cache)
    views = [
        view(read_run(Path(run)), place, f"run-{number}", name)
        for number, (run, name) in enumerate(zip(runs, names, strict=True), start=1)
    ]
    artifact.write_text(output, render(views))
    return Page(output, [run.numbers() for run in views])


def _is_page(path: Path) -> bool:
    return path.is_file() and GENERATOR.encode() in path.read_bytes()[:4096]
