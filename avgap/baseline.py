"""A comparison method of the paper's Table 1: cache → checkpoint, in the same loop as all else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from avgap import console
from avgap.methods.registry import METHODS, choose, settings_of, text_of
from avgap.settings import Network, Running, Training, parameters
from avgap.training.run import Trained, from_scratch

_DEFAULT = Running()
# The settings of methods that name the first epoch, from 0, in which they are more than their loss.
_FIRST = ("starts", "warmup", "interval")


def baseline(
    name: str,
    cache: Path,
    output: Path,
    *,
    assignments: Sequence[str] = (),
    network: Network,
    settings: Training,
    running: Running = _DEFAULT,
    force: bool = False,
) -> Trained:
    """Train a method from scratch on the cache's training split into the folder output.

    assignments: the method's own settings as NAME=VALUE. The same call again continues a broken
    run, or confirms a finished one. Raises UsageError, InputError, OutputError.
    """
    method = choose(name, assignments)
    first = max(int(value) for value in (0, *(getattr(method, s, 0) for s in _FIRST)))
    if first >= settings.epochs:
        console.warn(
            f"{name} does what it is for from epoch {first + 1} on, and {settings.epochs:,} are "
            "trained: this is its loss alone (avgap baseline --list names its settings)"
        )
    chosen = {f"set_{key}": value for key, value in parameters(method).items()}
    return from_scratch(
        cache,
        output,
        "baseline",
        method,
        {"method": name, **chosen},
        network,
        settings,
        running,
        force=force,
    )


def listing() -> str:
    """Every method: what it is, and its settings with their defaults and ranges; for a terminal."""
    lines = []
    for name, method in METHODS.items():
        what = (method.__doc__ or "").partition("\n")[0]
        lines.append(f"{name:<14}{what}")
        for setting in settings_of(method):
            assignment = f"{setting.name}={text_of(setting.default)}"
            lines.append(f"  {assignment:<22}{setting.choices}")
    return "\n".join(lines) + "\n"
