"""Several trainings at once on one host: lanes, each a process with its share of the machine."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from typing import NamedTuple, TextIO, TypeVar

import torch

from avgap import console
from avgap.console.say import quiet
from avgap.data.media.workers import SAFE_PATH, environment
from avgap.errors import AvgapError, InputError

Task = TypeVar("Task")
Worker = Callable[[Task], object]


class _Lane(NamedTuple):
    """One of `of` lanes, counted from 0; quiet: as the first process is."""

    number: int
    of: int
    device: str
    quiet: bool


def in_lanes(
    make: Callable[[str], Worker[Task]], tasks: Mapping[str, Task], lanes: int, device: str
) -> None:
    """Do tasks, by their names, in so many processes; every line of theirs begins with the name.

    make: in each process, of the name of its device, what does one task after another there. Tasks
    of equal length are dealt out in turn. Raises what a task raised (AvgapError), and InputError
    where a process ended; then, or interrupted, all end.
    """
    context, names = get_context("spawn"), list(tasks)
    lanes = min(lanes, len(names))
    processes = {}
    try:
        for number in range(lanes):
            ours, theirs = context.Pipe(duplex=False)
            lane = _Lane(number, lanes, device, quiet())
            mine = {name: tasks[name] for name in names[number::lanes]}
            process = context.Process(target=_work, args=(make, mine, lane, theirs), daemon=True)
            with _interruptions_blocked(), environment(SAFE_PATH):
                process.start()
            theirs.close()
            processes[ours] = process
        waiting = list(processes)
        while waiting:
            for pipe in wait(waiting):
                assert isinstance(pipe, Connection)
                waiting.remove(pipe)
                _hear(pipe)
    finally:
        for process in processes.values():
            process.terminate()
        for process in processes.values():
            process.join()


def _hear(pipe: Connection) -> None:
    """Wait for the end of a lane. Raises its error, or InputError where it ended without a word."""
    try:
        error = pipe.recv()
    except EOFError as ended:
        raise InputError(
            "a process of this run ended",
            ["what was saved stays"],
            "look at its message above; the same command goes on from the last checkpoints",
        ) from ended
    if error is not None:
        raise error


@contextmanager
def _interruptions_blocked() -> Iterator[None]:
    """What is started within never meets Ctrl-C: it ends with the process that started it."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# ---------------------------------------------------------------- within a lane


def _work(
    make: Callable[[str], Worker[Task]], tasks: Mapping[str, Task], lane: _Lane, pipe: Connection
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where it cannot be blocked from outside, too
    threading.Thread(target=_end_with_parent, daemon=True).start()
    console.never_fail_on_a_letter()
    console.never_fail_on_a_reader()
    console.setup(quiet=lane.quiet)
    lines = _NamedLines(sys.stderr)
    sys.stderr = lines
    # As torchrun says it; what holds the data divides the free memory by it.
    os.environ["LOCAL_WORLD_SIZE"] = str(lane.of)
    try:
        worker = make(_device(lane))
        for name, task in tasks.items():
            lines.name = name
            worker(task)
    except AvgapError as error:
        pipe.send(error)
    else:
        pipe.send(None)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _device(lane: _Lane) -> str:
    """The GPU of a lane; on a CPU its share of the threads."""
    if lane.device in ("auto", "cuda") and torch.cuda.is_available():
        return f"cuda:{lane.number % torch.cuda.device_count()}"
    torch.set_num_threads(max(1, torch.get_num_threads() // lane.of))
    return lane.device


class _NamedLines(io.TextIOBase):
    """A stream that puts a name before every line, and writes lines as a whole."""

    def __init__(self, stream: TextIO) -> None:
        self.name, self._stream, self._begun = "", stream, ""

    def write(self, text: str) -> int:
        """Write the lines that are complete, keep the rest."""
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._stream.write(f"{self.name}: {line}\n" if self.name else f"{line}\n")
        self._stream.flush()
        return len(text)
