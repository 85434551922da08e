"""The same question? Then confirm; another? Then refuse."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from avgap.artifact.reading import read_stamp
from avgap.artifact.stamp import FORMATS, Question, Stamp, format_name
from avgap.artifact.writing import expect_an_end
from avgap.errors import AvgapError, InputError, OutputError

Content = TypeVar("Content")


def reuse(path: Path, question: Question, *, force: bool) -> Stamp | None:
    """The stamp of path when it answers this question already; None when it is to be (re)made.

    Raises OutputError when path answers another question (without force), or is no file of ours
    (always: force replaces only what avgap wrote), or has an ending that no reader knows.
    """
    endings = FORMATS[question.format]
    if path.suffix not in endings:
        raise OutputError(
            f"{path} is no name for {format_name(question.format)}", hint=f"-o {path}{endings[0]}"
        )
    expect_an_end(path)
    if not path.exists():
        return None
    try:
        stamp = read_stamp(path)
    except AvgapError as error:
        raise OutputError(
            f"{path} exists and is not an avgap artifact", [error.what], "another -o"
        ) from error
    differences = compare(stamp.question, question)
    if not differences:
        return stamp
    if force:
        return None
    raise OutputError(
        f"{path} answers another question", differences, "another -o, or --force to replace it"
    )


def expect_no_input(path: Path, inputs: Iterable[str | Path]) -> None:
    """Raise OutputError where what is to be written is one of the inputs, by whatever name."""
    for source in inputs:
        with contextlib.suppress(OSError):  # one of them is not there
            if path.samefile(source):
                raise OutputError(f"{path} is an input of this command", hint="another -o")


def is_longer(asked: Question, there: Question, name: str) -> bool:
    """Whether a question asks for what is there and more: it differs in a larger number `name`."""
    now, before = asked.parameters.get(name), there.parameters.get(name)
    if not (isinstance(now, int) and isinstance(before, int) and now > before):
        return False
    return not compare(there._replace(parameters={**there.parameters, name: now}), asked)


def unharmed(
    path: Path, stamp: Stamp, read: Callable[[Path], Content], digest: Callable[[Content], str],
    *, force: bool,
) -> Content | None:  # fmt: skip
    """The content of path, which has this stamp; None where it is damaged and force remakes it.

    Raises InputError where it is damaged, without force.
    """
    try:
        content = read(path)
        if digest(content) != stamp.digest:
            raise InputError(
                f"{path} is not what its stamp says: its content was changed or damaged"
            )
    except InputError as error:
        if force:
            return None
        raise InputError(error.what, error.details, "--force to make it again") from error
    return content


def compare(there: Question, asked: Question) -> list[str]:
    """What differs between two questions, one line each; empty when they are the same."""
    if there.format != asked.format:
        return [f"it is {format_name(there.format)}, asked for is {format_name(asked.format)}"]
    lines = []
    for name in sorted({*there.inputs, *asked.inputs}):
        old, new = there.inputs.get(name), asked.inputs.get(name)
        if old != new:
            lines.append(f"{name}: {_short(old)} there, {_short(new)} asked for")
    stored = json.loads(json.dumps(dict(asked.parameters)))  # tuples and such as a file holds them
    before, now = _flat(there.parameters), _flat(stored)
    for name in sorted({*before, *now}):
        old, new = before.get(name, "absent"), now.get(name, "absent")
        if old != new:
            lines.append(f"{name}: {old} there, {new} asked for")
    return lines


def _flat(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters by name, those within a record as record.name."""
    found: dict[str, Any] = {}
    for name, value in parameters.items():
        if isinstance(value, Mapping) and value:
            found |= {f"{name}.{inner}": each for inner, each in _flat(value).items()}
        else:
            found[name] = value
    return found


def _short(digest: str | None) -> str:
    return "none" if digest is None else f"{digest[:12]}…"
