"""Worker processes that can be killed, hang or die without taking the rest along."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from avgap.errors import OutputError

RECYCLE = 1000  # tasks per worker; what a library leaks goes with it
_QUEUED = 8  # tasks handed out per worker, so that what waits to be used stays bounded
_BROKEN = 3  # pools that may break in a row, with nothing done between
_PRELOAD = "avgap.data.media.preload"
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
# Processes start as `python -c`, which finds a socket.py or a signal.py of the current folder where
# Python's own is meant, but for this.
SAFE_PATH = {"PYTHONSAFEPATH": "1"}
_ENVIRONMENT = {**dict.fromkeys(_THREADS, "1"), **SAFE_PATH}
_KNOWN = sys.version_info >= (3, 11)  # which heeds PYTHONSAFEPATH

Outcome = tuple[int, Any]


class Died(Exception):
    """A task that ended its process, twice. status: its exit status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"exit status {status}")
        self.status = status


def each(
    function: Callable[..., Any],
    arguments: Sequence[tuple[Any, ...]],
    workers: int,
    time_limit: float,
) -> Generator[Outcome, None, None]:
    """Call a function with each of the arguments, in processes of their own.

    Yields (index, what it gave, or the exception that it raised) as they come. A task whose process
    died has its second try when all others are done, alone in a new one: it may have been the
    machine's memory, or somebody's kill. Raises OutputError: no worker can be started.
    """
    died: list[int] = []
    for index, outcome in _try(function, arguments, range(len(arguments)), workers, time_limit):
        if isinstance(outcome, Died):
            died.append(index)
        else:
            yield index, outcome
    yield from _try(function, arguments, sorted(died), 1, time_limit)


def _try(
    function: Callable[..., Any],
    arguments: Sequence[tuple[Any, ...]],
    indices: Sequence[int],
    workers: int,
    time_limit: float,
) -> Generator[Outcome, None, None]:
    """Each of these tasks once; a pool that breaks is replaced by another."""
    left = dict.fromkeys(indices)
    broken = 0
    while left:
        before = len(left)
        try:
            with _pool(min(workers, len(left))) as pool:
                for index, outcome in _outcomes(pool, function, arguments, list(left), time_limit):
                    del left[index]
                    yield index, outcome
        except BrokenProcessPool as error:
            broken = broken + 1 if len(left) == before else 0
            if broken == _BROKEN:
                why = str(error.__cause__ or error) or type(error).__name__
                raise OutputError(
                    "the processes that decode cannot be started, or end at once",
                    [why],
                    "fewer --workers, or look whether memory or processes are limited (ulimit -a)",
                ) from error


def _outcomes(
    pool: Any,
    function: Callable[..., Any],
    arguments: Sequence[tuple[Any, ...]],
    indices: Sequence[int],
    time_limit: float,
) -> Iterator[Outcome]:
    """Raises BrokenProcessPool; what was not yielded until then was not done."""
    from pebble import ProcessExpired

    waiting = iter(indices)
    running: dict[Any, int] = {}
    room = pool.workers * _QUEUED
    while True:
        while len(running) < room and (index := next(waiting, None)) is not None:
            running[pool.schedule(function, arguments[index], time_limit)] = index
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            error = future.exception()
            if isinstance(error, BrokenProcessPool):
                raise error
            if isinstance(error, ProcessExpired):
                error = Died(error.exitcode)
            yield running.pop(future), future.result() if error is None else error


class _Pool:
    """Pebble's pool; whatever it says when it is broken is BrokenProcessPool."""

    def __init__(self, pool: Any, workers: int) -> None:
        self.workers = workers
        self._pool = pool

    def schedule(
        self, function: Callable[..., Any], arguments: tuple[Any, ...], limit: float
    ) -> Any:
        """The future of function(*arguments), ended after limit, s. Raises BrokenProcessPool."""
        try:
            return self._pool.schedule(function, arguments, timeout=limit)
        except RuntimeError as error:
            raise BrokenProcessPool(str(error)) from error


@contextmanager
def _pool(workers: int) -> Iterator[_Pool]:
    from pebble import ProcessPool

    with environment(_ENVIRONMENT):
        pool: Any = ProcessPool(
            max_workers=workers,
            max_tasks=RECYCLE,
            initializer=_prepare_worker,
            context=_context(),
        )
        try:
            with _interruptions_blocked():
                try:
                    pool.active  # noqa: B018 - asking starts the pool
                except (OSError, EOFError) as error:
                    raise BrokenProcessPool(str(error)) from error
            yield _Pool(pool, workers)
            pool.close()
        finally:
            # Also where the caller stops early or is interrupted: nothing is left running.
            pool.stop()
            pool.join()


def _prepare_worker() -> None:
    """Prepare a worker: what decoders write to the streams never reaches the terminal."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    # Before the first task's time runs, where the processes are not forked from one that has it.
    importlib.import_module(_PRELOAD)


def _context() -> Any:
    """Processes forked from a server that has imported all they need, or else started anew.

    Never forked from this one: a reader of decord opened here would hang there.
    """
    import multiprocessing

    if "forkserver" not in multiprocessing.get_all_start_methods():  # Windows
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([_PRELOAD])
    if not _KNOWN:
        _start_server_elsewhere()
    return context


def _start_server_elsewhere() -> None:
    """Start what Python starts as `python -c`, with Python's own library as the current folder.

    The workers go back to ours; a relative PYTHONPATH is meant from here.
    """
    from multiprocessing import forkserver, resource_tracker

    paths = os.environ.get("PYTHONPATH")
    absolute = {} if not paths else {"PYTHONPATH": os.pathsep.join(_absolute(paths))}
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(Path(os.__file__).parent)
        with environment(absolute), _interruptions_blocked():
            resource_tracker.ensure_running()
            forkserver.ensure_running()
    finally:
        os.fchdir(here)
        os.close(here)


def _absolute(paths: str) -> list[str]:
    return [str(Path(path).absolute()) for path in paths.split(os.pathsep)]


@contextmanager
def _interruptions_blocked() -> Iterator[None]:
    """Threads and processes started within, and by those, leave Ctrl-C to this one to handle."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    from multiprocessing import resource_tracker

    # Its own start, inside the first process's, would unblock the signal.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Let processes started within see these variables; this one's own come back."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
