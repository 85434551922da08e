"""How much memory of the host this process may still have."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path("/")


def free_memory(root: Path = _ROOT) -> float:
    """Bytes, within what the machine has and what a container or a batch system allows.

    Shared evenly by the processes of this host (torchrun's LOCAL_WORLD_SIZE). What nobody tells
    counts as plenty. root: of the file system.
    """
    rooms = [_of_machine(root), *_of_groups(root)]
    return min(rooms) / int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def _of_machine(root: Path) -> float:
    try:
        lines = (root / "proc/meminfo").read_text(encoding="ascii").splitlines()
        found = dict(line.split(":") for line in lines)
        return 1024.0 * int(found["MemAvailable"].split()[0])
    except (OSError, KeyError, ValueError):
        return float("inf")


def _of_groups(root: Path) -> Iterator[float]:
    """The room in the control groups of this process and in those around them (Linux).

    What was read from files counts as room: the system gives it back when it is needed.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number == "0":  # version 2
            top, limit, usage, cached = "", "memory.max", "memory.current", "inactive_file"
        elif "memory" in controllers.split(","):
            top, limit, usage = "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
            cached = "total_inactive_file"
        else:
            continue
        hierarchy = root / "sys/fs/cgroup" / top
        group = hierarchy / path.lstrip("/")
        # In a container the path may be the host's, and the group its own root.
        for folder in (group, *group.parents):
            yield _room(folder, limit, usage, cached)
            if folder == hierarchy:
                break


def _room(group: Path, limit: str, usage: str, cached: str) -> float:
    try:
        most = int((group / limit).read_text())
        held = int((group / usage).read_text())
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        return float(most - held + int(stat.get(cached, 0)))
    except (OSError, ValueError):  # no such group, or "max"
        return float("inf")
