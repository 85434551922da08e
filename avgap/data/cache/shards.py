"""Shards: N machines prepare one share of the clips each, without talking to each other."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from avgap.errors import UsageError

_T = TypeVar("_T")


@dataclass(frozen=True)
class Shard:
    """Share number `index` (from 1) of `count`."""

    index: int
    count: int

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def of(self, clips: Sequence[_T]) -> list[_T]:
        """Every count-th clip from the index-th: an even share of every split and class.

        Raises UsageError where there are more shards than clips.
        """
        if self.count > len(clips):
            raise UsageError(
                f"{self.count:,} shards of {len(clips):,} clips leave some without any",
                hint=f"--shard {min(self.index, len(clips))}/{len(clips)}, or fewer",
            )
        return list(clips[self.index - 1 :: self.count])


def parse(text: str, environment: Mapping[str, str]) -> Shard:
    """Read I/N, or for `auto` the variables of a Slurm array or else of torchrun.

    Raises UsageError: neither, or no share from 1 to N.
    """
    if text == "auto":
        return _of_environment(environment)
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if match is None:
        raise UsageError(f"--shard {text} is neither I/N nor auto", hint="--shard 1/4")
    return _checked(int(match[1]), int(match[2]), f"--shard {text}")


_SLURM = ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT")
_TORCHRUN = ("RANK", "WORLD_SIZE")


def _of_environment(environment: Mapping[str, str]) -> Shard:
    """A Slurm array's tasks may begin anywhere and come in steps (--array=10-40:10)."""
    for names in (_SLURM, _TORCHRUN):
        if not all(name in environment for name in names):
            continue
        variables = ", ".join(f"{name}={environment[name]}" for name in names)
        try:
            number, count = (int(environment[name]) for name in names)
            first = int(environment.get("SLURM_ARRAY_TASK_MIN", 0)) if names is _SLURM else 0
            step = int(environment.get("SLURM_ARRAY_TASK_STEP", 1)) if names is _SLURM else 1
            if step < 1 or (number - first) % step:
                raise ValueError("not a task of this array")
        except ValueError as error:
            raise UsageError(f"--shard auto cannot use {variables}", [str(error)]) from error
        return _checked((number - first) // step + 1, count, f"--shard auto with {variables}")
    raise UsageError(
        "--shard auto finds no variables of an array job",
        [f"neither {' and '.join(_SLURM)}", f"nor {' and '.join(_TORCHRUN)}"],
        "--shard I/N",
    )


def _checked(index: int, count: int, source: str) -> Shard:
    if not 1 <= index <= count:
        raise UsageError(f"{source}: share {index} of {count} does not exist; they count from 1")
    return Shard(index, count)
