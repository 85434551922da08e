"""The lines of log.jsonl as TensorBoard event files, for those who watch runs with it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from avgap.errors import InputError


def event_writer(folder: Path, epochs_done: int) -> Callable[[Mapping[str, Any]], None]:
    """A function that adds an epoch's record to the event files in a folder.

    epochs_done: what a run that is continued has told already; later events of it are struck out.
    Raises InputError where the package is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise InputError(
            "TensorBoard is not installed", (), "pip install 'avgap[tensorboard]'"
        ) from error
    writer = SummaryWriter(str(folder), purge_step=epochs_done + 1)
    numbers = itertools.count(epochs_done + 1)

    def add(record: Mapping[str, Any]) -> None:
        epoch = next(numbers)
        for name, value in scalars(record).items():
            writer.add_scalar(name, value, epoch)
        writer.flush()

    return add


def scalars(record: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a record by name: loss, its terms, accuracies, rate, speed, memory."""
    named = {name: record[name] for name in ("loss", "lr", "samples_per_second", "memory")}
    named = {name: value for name, value in named.items() if value is not None}
    for group in ("terms", "val", "test"):
        named |= {f"{group}/{name}": v for name, v in (record.get(group) or {}).items()}
    return named
