"""The standard streams, made so that nobody who reads them, or stops reading, can stop the work."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any, TextIO

from avgap.errors import OutputError


class _Out(io.FileIO):
    """Standard output. A reader that has gone away has read enough; a disk that is full is told."""

    told = False

    def write(self, data: Any) -> int:
        """Write data, or pass over it. Raises OutputError, once, where the disk refuses."""
        try:
            return super().write(data) or 0
        except BlockingIOError:
            raise
        except OSError as error:
            if error.errno != errno.EPIPE and not self.told:
                self.told = True
                raise cannot_write(error) from error
        return memoryview(data).nbytes


class _Words(io.FileIO):
    """Standard error. What nobody can read is not written: the work is worth more than words."""

    def write(self, data: Any) -> int:
        """Write data, or pass over it."""
        try:
            return super().write(data) or 0
        except BlockingIOError:
            raise
        except OSError:
            return memoryview(data).nbytes


def cannot_write(error: OSError) -> OutputError:
    """The error of a result that standard output did not take."""
    return OutputError("cannot write to standard output", [str(error.strerror)])


def never_fail_on_a_reader() -> None:
    """Go on where the reader of our words or results goes away, or where there never was one."""
    _keep_places()
    if sys.stderr is None:  # closed by the caller (2>&-)
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    sys.stdout, sys.stderr = _on(sys.stdout, _Out), _on(sys.stderr, _Words)


def _keep_places() -> None:
    """Fill the places of closed streams, or the next file that is opened would be one of them.

    What a library prints on standard error would then stand in that file.
    """
    for place in range(3):
        try:
            os.fstat(place)
        except OSError:
            # It takes the lowest place that is free, and keeps it: this one.
            os.open(os.devnull, os.O_RDWR)


def _on(stream: TextIO, kind: type[io.FileIO]) -> TextIO:
    """The stream, writing by way of another kind of file; one that is no file stays as it is."""
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    raw = getattr(stream.buffer, "raw", stream.buffer)  # unbuffered (python -u) it is the file
    if not isinstance(raw, io.FileIO):
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(kind(raw.fileno(), "w", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
