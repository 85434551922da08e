"""One process at a time: locks of the operating system, which lets go when their process ends.

A lock is held on a file of its own, which is opened without following links, and must be a plain
file of one name: what somebody put in its place is never written to.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from avgap import console
from avgap.errors import OutputError

_WITHOUT = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)  # some network disks
_TOLD: set[str] = set()  # places without locks of which was told


class Lock:
    """A file that is open, and locked unless the place knows no locks (`locked`)."""

    def __init__(self, descriptor: int, *, locked: bool) -> None:
        self.descriptor, self.locked = descriptor, locked

    def close(self) -> None:
        """Let go."""
        os.close(self.descriptor)


def take(path: Path) -> Lock:
    """Open a file, made where it is not there, and lock it.

    Raises BlockingIOError where another process holds it; OutputError: no plain file of ours;
    OSError.
    """
    while True:
        descriptor = _open(path)
        try:
            locked = _flock(descriptor)
            there = path.lstat()
        except FileNotFoundError:
            os.close(descriptor)  # moved or removed by its holder between our opening and locking
            continue
        except BaseException:
            os.close(descriptor)
            raise
        if os.path.samestat(there, os.fstat(descriptor)):
            return Lock(descriptor, locked=locked)
        os.close(descriptor)


def _open(path: Path) -> int:
    # Of a pipe or a device, opening might wait, or do something.
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags, 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO) or path.is_symlink():
            raise _strange(path) from error
        raise
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        os.close(descriptor)
        raise _strange(path)
    return descriptor


def _strange(path: Path) -> OutputError:
    return OutputError(
        f"{path} is no plain file of one name: a link, or a device",
        ["avgap writes to a file of this name before it is moved into place"],
        f"remove {path}, or another -o",
    )


def _flock(descriptor: int) -> bool:
    """Whether the place knows locks. Raises BlockingIOError where another process holds it."""
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno in _WITHOUT:
            return False
        raise
    return True


# ---------------------------------------------------------------- folders

LOCK = "training.lock"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Let no other process into a folder while this lasts; readers need no leave.

    Raises OutputError where one is there already, with what it said of itself. Where the disk
    knows no locks, that is told once, and everybody is let in.
    """
    path = folder / LOCK
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = take(path)
    except BlockingIOError as error:
        raise OutputError(
            f"another avgap is training in {folder}",
            [f"held by {_holder(path)}"],
            "wait for it to end, or another -o",
        ) from error
    except OSError as error:
        raise OutputError(
            f"cannot write {folder}", [error.strerror or str(error)], "another place"
        ) from error
    try:
        if not lock.locked and os.name == "posix" and str(folder) not in _TOLD:
            _TOLD.add(str(folder))
            console.warn(
                f"{folder} lies on a disk without locks: nothing keeps another training out of it"
            )
        _sign(lock)
        yield
    finally:
        path.unlink(missing_ok=True)
        lock.close()
        if made:
            with contextlib.suppress(OSError):
                folder.rmdir()  # where it is empty


def _sign(lock: Lock) -> None:
    """Say in a lock's file who holds it, where the disk has room for that."""
    now = time.strftime("%Y-%m-%d %H:%M:%S")
    text = f"process {os.getpid()} on {socket.gethostname()}, since {now}\n"
    with contextlib.suppress(OSError):
        os.ftruncate(lock.descriptor, 0)
        os.lseek(lock.descriptor, 0, os.SEEK_SET)
        os.write(lock.descriptor, text.encode())


def _holder(path: Path) -> str:
    """What the holder of a lock said of itself."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")[:200].strip() or "a process"
    except OSError:
        return "a process"
