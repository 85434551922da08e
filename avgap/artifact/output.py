"""Where a result goes: what answers the question there is taken, what is made is stamped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from avgap.artifact.question import expect_no_input, reuse, unharmed
from avgap.artifact.stamp import STANDARD_STREAM, Question, Stamp, checksum, hint, provenance

Content = TypeVar("Content")


@dataclass(frozen=True)
class Kind(Generic[Content]):
    """How the content of one kind of artifact is read from a file, digested, and written.

    write: atomically, with a last look (`atomic`, check) when nobody else can write there.
    besides: what a content holds that its digest does not cover; None: nothing.
    """

    read: Callable[[Path], Content]
    digest: Callable[[Content], str]
    write: Callable[[Path, Content, Stamp, Callable[[], object]], None]
    besides: Callable[[Content], Any] | None = None


@dataclass(frozen=True)
class Answer(Generic[Content]):
    """What answers a question, and whether it was there already."""

    content: Content
    stamp: Stamp
    up_to_date: bool


@dataclass(frozen=True)
class Output(Generic[Content]):
    """A place for the answer to a question; at "-", the standard stream, nothing is kept.

    sources: where the inputs lie, told as hints. once: of several processes, has the first alone do
    what it is given, and hands the result to all; one process needs none.
    """

    path: str | Path
    question: Question
    sources: Mapping[str, str | Path]
    kind: Kind[Content]
    once: Callable[[Callable[[], Any]], Any] = lambda do: do()

    def reuse(self, *, force: bool) -> Answer[Content] | None:
        """The answer that is there; None where it is to be made.

        Raises OutputError as `reuse` of a path, and where it is one of the sources; InputError
        where it is damaged, without force.
        """
        if str(self.path) == STANDARD_STREAM:
            return None
        there: Answer[Content] | None = self.once(lambda: self._reuse(Path(self.path), force))
        return there

    def _reuse(self, path: Path, force: bool) -> Answer[Content] | None:
        expect_no_input(path, self.sources.values())
        stamp = reuse(path, self.question, force=force)
        if stamp is None:
            return None
        content = unharmed(path, stamp, self.kind.read, self.kind.digest, force=force)
        return None if content is None else Answer(content, stamp, up_to_date=True)

    def write(
        self, content: Content, started: float, device: Any = None, *, force: bool = False
    ) -> Answer[Content]:
        """Stamp what was made since `started` (s, monotonic), and keep it.

        Raises OutputError, as `reuse` does, too: another may have written there in the meantime.
        """
        hints = {name: hint(self.path, source) for name, source in self.sources.items()}
        stamp = Stamp(
            self.question.format,
            self.kind.digest(content),
            dict(self.question.inputs),
            dict(self.question.parameters),
            provenance(started, None if device is None else str(device)),
            {name: place for name, place in hints.items() if place},
            checksum=None if self.kind.besides is None else checksum(self.kind.besides(content)),
        )
        if str(self.path) != STANDARD_STREAM:
            path = Path(self.path)
            look = partial(reuse, path, self.question, force=force)
            self.once(lambda: self.kind.write(path, content, stamp, look))
        return Answer(content, stamp, up_to_date=False)
