"""The command lines that make a run again, from the stamps of its artifacts."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from avgap.report.index import Found
from avgap.report.runfolder import RunFolder
from avgap.settings import AUDIO_RECIPES, Fit, parameters, unused

# Parameters that no option gives: what the command is, or what it derives.
_DERIVED = ("phase", "method", "classes", "dataset", "name", "transform", "normalise", "shard")
_FIT = "fit_"  # the mixture's parameters as `adapt` records them
_SET = "set_"  # a method's own settings as `baseline` records them


def commands(run: RunFolder, cache: Path | None = None) -> list[str]:
    """Every command of a run in the order of its stages, each with all of its settings.

    cache: the cache, which lies outside of the folder. What `adapt` makes on its way is left out,
    and so is a stage whose stamp does not say where its inputs lay.
    """
    measured = {d for f in run.found for d in f.fold_checkpoints.values()}
    folds = {f.stamp.digest: f for f in run.found if f.stamp.digest in measured}
    found = [f for f in run.found if f.stamp.digest not in folds]
    if cache is not None and not any(f.kind == "cache" for f in found):
        from avgap.artifact import read_stamp

        found.append(Found(Path(os.path.normpath(cache)), read_stamp(cache)))
    lines: dict[str, None] = {}
    for file in sorted(found, key=_stage):
        if re.fullmatch(r"step-\d+", file.path.parent.name):
            continue
        words = _crossfit(file, folds) if file.fold_checkpoints else _words(file)
        if words is not None:
            lines[shlex.join(["avgap", *words])] = None
    return list(lines)


def _stage(found: Found) -> tuple[int, int]:
    """The order of stages: each checkpoint before what was measured on it."""
    if found.kind == "cache":
        return 0, 0
    adapted = found.stamp.parameters.get("phase") == "adapt"
    kinds = ("checkpoint", "gaps", "gmm", "metrics")
    later = adapted or "adapt" in found.path.parent.name
    return 1 + later, kinds.index(found.kind) if found.kind in kinds else len(kinds)


def _words(found: Found) -> list[str] | None:
    """The words after `avgap`, or None where the stamp does not tell enough."""
    stamp, folder = found.stamp, found.path.parent
    inputs = {name: os.path.normpath(folder / hint) for name, hint in stamp.hints.items() if hint}
    values, output = stamp.parameters, str(found.path)
    try:
        if found.kind == "cache":
            head = ["prepare", values["dataset"], inputs["root"]]
            tail = [*_splits(inputs), *_front_end(values), *_missing(found.path)]
        elif found.kind == "gmm":
            tables = [place for name, place in inputs.items() if name.startswith("gaps")]
            head, tail = ["fitgmm", *tables], _options(values)
        elif found.kind == "metrics":
            head = ["evaluate", inputs["cache"], "--checkpoint", inputs["checkpoint"]]
            tail = _options(values)
        elif found.kind == "gaps" and "predictions" in inputs:
            head, tail = ["gaps", "--predictions", inputs["predictions"]], _options(values)
        elif found.kind == "gaps":
            head = ["gaps", inputs["cache"], "--checkpoint", inputs["checkpoint"]]
            tail = _options(values)
        else:
            head, output = _training(values, inputs), str(folder)
            tail = [*_options(_meant(values)), *_refused(values)]
    except KeyError:
        return None
    return [*head, "-o", output, *tail]


def _crossfit(found: Found, folds: Mapping[str, Found]) -> list[str] | None:
    """The words that make held-out gaps, with the training options of their first network."""
    cache, asked = found.stamp.hints.get("cache"), found.stamp.parameters
    first = folds.get(found.fold_checkpoints[min(found.fold_checkpoints)])
    if not cache or first is None:
        return None
    place = os.path.normpath(found.path.parent / cache)
    own = {name: value for name, value in asked.items() if name in ("folds", "by", "logits")}
    derived = (*own, "fold", "held_out")
    training = {n: v for n, v in first.stamp.parameters.items() if n not in derived}
    return ["crossfit", place, "-o", str(found.path.parent), *_options(own | training)]


def _training(values: Mapping[str, Any], inputs: Mapping[str, str]) -> list[str]:
    if values["phase"] == "warmup":
        return ["warmup", inputs["cache"]]
    if values["phase"] == "baseline":
        return ["baseline", values["method"], inputs["cache"]]
    given = [w for n in ("posteriors", "gmm") if n in inputs for w in (f"--{n}", inputs[n])]
    return ["adapt", inputs["cache"], "--checkpoint", inputs["checkpoint"], *given]


def _splits(inputs: Mapping[str, str]) -> list[str]:
    return ["--splits", inputs["splits"]] if "splits" in inputs else []


def _missing(cache: Path) -> list[str]:
    """The clips that may be unreadable: as many as are not in the cache."""
    from avgap.data.cache.reader import open_cache

    count = len(open_cache(cache).missing)
    return ["--allow-missing", str(count)] if count else []


def _meant(values: Mapping[str, Any]) -> dict[str, Any]:
    """What a training takes as options: of `adapt` none that its loss does not look at."""
    refused = unused(values["loss"]) if values["phase"] == "adapt" else ()
    return {name: value for name, value in values.items() if name not in refused}


def _refused(values: Mapping[str, Any]) -> list[str]:
    """What `adapt` was told not to do: without a word it does as the warm-up did."""
    names = ("tf32", "sync_batchnorm", "log_test") if values["phase"] == "adapt" else ()
    return [f"--no-{name.replace('_', '-')}" for name in names if values.get(name) is False]


def _options(values: Mapping[str, Any]) -> list[str]:
    """Parameters as options: --name value; flags where true; nothing where null or false."""
    words: list[str] = []
    for name, value in values.items():
        if name.startswith(_SET):
            plain = str(value).lower() if isinstance(value, bool) else value
            words += ["--set", f"{name.removeprefix(_SET)}={plain}"]
            continue
        if name.startswith(_FIT):
            name = name.removeprefix(_FIT)
            if parameters(Fit()).get(name) == value:
                continue
        if name in _DERIVED or value is None or value is False or (name, value) == _TWO:
            continue
        option = f"--{name.replace('_', '-')}"
        words += [option] if value is True else [option, str(value)]
    return words


_TWO = ("components", 2)  # the paper's, and the default


def _front_end(values: Mapping[str, Any]) -> list[str]:
    """The options of prepare: its records of sound and frames taken apart."""
    audio, frames = values["audio"], values["frames"]
    plain = {name: value for name, value in values.items() if name not in ("audio", "frames")}
    if "name" not in audio:  # embeddings
        return _options(plain)
    recipe = parameters(AUDIO_RECIPES[audio["name"]])
    changed = {n: v for n, v in audio.items() if recipe.get(n) != v}
    size = {"frames": frames["count"], "frame_size": frames["size"], "sampling": frames["sampling"]}
    return _options({"audio_recipe": audio["name"], **changed, **size, **plain})
