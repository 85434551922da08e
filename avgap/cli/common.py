"""What the commands share: a line to copy, "written or up to date", one result on stdout."""

from __future__ import annotations

import shlex
from pathlib import Path

import typer

from avgap import console
from avgap.errors import UsageError

STDOUT = "-"


def command_line(*words: object) -> str:
    """A command line to copy; a path that begins with a dash is not taken for an option."""
    marked = ["./" + str(w) if isinstance(w, Path) and str(w).startswith("-") else w for w in words]
    return shlex.join(["avgap", *map(str, marked)])


def given(ctx: typer.Context, name: str) -> bool:
    """Whether an option stands on the command line, be it with its default."""
    source = ctx.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def finished(path: object, up_to_date: bool) -> None:
    """Tell that an output was written, or was there already."""
    (console.up_to_date if up_to_date else console.wrote)(path)


def suggest_evaluate(cache: Path, checkpoint: Path) -> None:
    """Suggest to measure what a comparison asks for: the epoch that is best on validation."""
    best = checkpoint.with_name("best.pt")
    if not best.exists():
        metrics = checkpoint.with_name("metrics.json")
        console.suggest(command_line("evaluate", cache, "--checkpoint", checkpoint, "-o", metrics))
        return
    scores, metrics = best.with_name("predictions-best.h5"), best.with_name("metrics-best.json")
    words = ("--checkpoint", best, "-o", metrics, "--save-predictions", scores)
    console.suggest(command_line("evaluate", cache, *words))


def one_result(output: str, as_json: bool) -> None:
    """Raise UsageError where both the artifact and the result are asked for on stdout."""
    if output == STDOUT and as_json:
        raise UsageError("-o - prints the artifact, --json the result: choose one")
