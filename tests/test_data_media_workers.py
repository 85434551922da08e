"""Worker processes: a task that dies is tried again, a pool that breaks is replaced."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from avgap.data.media import workers
from avgap.data.media.workers import Died, each
from avgap.errors import OutputError


def double(number: int) -> int:
    return 2 * number


def fail(number: int) -> int:
    raise ValueError(f"no {number}")


def die(marker: Path | None, whom: str = "worker") -> str:
    """Kill this process, or the one that it was forked from; once, where a marker is named."""
    if marker is None or not marker.exists():
        if marker is not None:
            marker.touch()
        os.kill(os.getpid() if whom == "worker" else os.getppid(), signal.SIGKILL)
    return "alive"


def test_every_task_gives_what_it_gives_or_raises():
    assert dict(each(double, [(n,) for n in range(20)], 2, 60)) == {n: 2 * n for n in range(20)}
    ((index, error),) = each(fail, [(3,)], 1, 60)
    assert (index, type(error), str(error)) == (0, ValueError, "no 3")
    assert list(each(double, [], 1, 60)) == []


@pytest.mark.parametrize("whom", ["worker", "server"])
def test_a_task_whose_process_was_killed_is_tried_once_more(tmp_path: Path, whom: str):
    tasks = [(tmp_path / str(n), whom) if n == 1 else (tmp_path, whom) for n in range(4)]
    assert dict(each(die, tasks, 1, 60)) == dict.fromkeys(range(4), "alive")


def test_a_task_that_kills_its_process_every_time_is_told():
    ((index, error),) = each(die, [(None,)], 1, 60)
    assert (index, type(error), error.status) == (0, Died, -signal.SIGKILL)


def test_a_pool_that_breaks_is_replaced_and_nothing_is_done_twice(monkeypatch: pytest.MonkeyPatch):
    schedule = workers._Pool.schedule
    calls = []

    def breaking(pool, *task):
        calls.append(task)
        if len(calls) == 5:
            os.kill(next(iter(pool._pool._pool_manager.worker_manager.workers)), signal.SIGKILL)
            raise workers.BrokenProcessPool("All workers expired")
        return schedule(pool, *task)

    monkeypatch.setattr(workers._Pool, "schedule", breaking)
    found = list(each(double, [(n,) for n in range(12)], 1, 60))
    assert sorted(found) == [(n, 2 * n) for n in range(12)]


def test_pools_that_break_one_after_the_other_are_an_error_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch,
):
    def broken(*_):
        raise workers.BrokenProcessPool("Cannot allocate memory")

    monkeypatch.setattr(workers._Pool, "schedule", broken)
    with pytest.raises(OutputError) as caught:
        list(each(double, [(1,)], 1, 60))
    assert caught.value.details == ("Cannot allocate memory",)


SCRIPT = """
import os, sys
from avgap.data.media import workers
if __name__ == "__main__":
    if sys.argv[1] == "without":  # as Python 3.10, which does not know the variable
        workers._KNOWN = False
        del workers._ENVIRONMENT["PYTHONSAFEPATH"]
    print(list(workers.each(os.getcwd, [()], 1, 60)))
"""


@pytest.mark.parametrize("python", ["with", "without"])
def test_no_process_imports_from_the_current_folder(tmp_path: Path, python: str):
    (tmp_path / "script").mkdir()
    (tmp_path / "script" / "main.py").write_text(SCRIPT)
    here = tmp_path / "here"
    here.mkdir()
    for name in (
        "socket",
        "signal",
        "selectors",
        "struct",
        "pickle",
        "threading",
        "multiprocessing",
    ):
        (here / f"{name}.py").write_text("open(__file__ + '.was-run', 'w').close()\n")
    # A relative path in PYTHONPATH is meant from the current folder all the same.
    root = os.path.relpath(Path(workers.__file__).parents[3], here)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, *sys.path[1:]])}
    environment.pop("PYTHONSAFEPATH", None)
    command = [sys.executable, str(tmp_path / "script" / "main.py"), python]
    done = subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == str([(0, str(here))]), done.stderr
    assert not list(here.glob("*.was-run"))
