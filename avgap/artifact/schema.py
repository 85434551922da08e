"""What a file may hold: plain values within bounds, and records whose fields have the right types.

A schema is a dict of fields: `number`, `text` and the like, a dict for a record within,
`each(kind)` for a list and `by_name(kind)` for a record of one kind, `maybe(kind)` where null may
stand. A field whose name ends in "?" may be absent; one that is not named may be there. Every
reader of ours states the schema of its file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

Check = Callable[[Any, str], Iterator[str]]
Kind = Check | Mapping[str, Any]

_DEEPEST = 32  # levels of records within records
_LARGEST = 2**64  # integers: seeds go up to here


def expect_plain(value: Any, most: float = math.inf) -> None:
    """Raise ValueError unless a value consists of finite numbers, text, null, lists and records.

    most: values that there may be. What is shared counts as often as it is met: a small file may
    unpack to any size.
    """
    left, below = most, [(value, 0)]
    while below:
        value, depth = below.pop()
        left -= 1
        if isinstance(value, Mapping | list | tuple):
            if depth == _DEEPEST:
                raise ValueError(f"records lie more than {_DEEPEST} deep in each other")
            if len(below) + len(value) > left:
                raise ValueError(f"it holds more than {most:,} values")
            below += [(inner, depth + 1) for inner in _within(value)]
        elif isinstance(value, float):
            if not math.isfinite(value):
                raise ValueError(f"{value} is no number")
        elif isinstance(value, int):
            if not -_LARGEST < value < _LARGEST:
                raise ValueError("an integer is too large")
        elif value is not None and not isinstance(value, str):
            raise ValueError(f"{type(value).__name__} is no plain value")


def _within(value: Mapping[Any, Any] | list[Any] | tuple[Any, ...]) -> Iterable[Any]:
    if not isinstance(value, Mapping):
        return iter(value)
    if not all(isinstance(name, str) for name in value):
        raise ValueError("a name is no text")
    return value.values()


def problems(value: Any, kind: Kind, name: str = "") -> Iterator[str]:
    """Where a value is not of a kind, a line each; name: what it is called."""
    if callable(kind):
        yield from kind(value, name or "it")
    elif not isinstance(value, Mapping):
        yield f"{name or 'it'} is no record"
    else:
        for field, inner in kind.items():
            there = field.removesuffix("?")
            called = f"{name}.{there}" if name else there
            if there in value:
                yield from problems(value[there], inner, called)
            elif there == field:
                yield f"{called} is missing"


# ---------------------------------------------------------------- kinds


def _is(what: str, test: Callable[[Any], bool]) -> Check:
    def check(value: Any, name: str) -> Iterator[str]:
        if not test(value):
            yield f"{name} is no {what}"

    return check


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


text = _is("text", lambda value: isinstance(value, str))
flag = _is("true or false", lambda value: isinstance(value, bool))
number = _is("number", lambda value: _whole(value) or isinstance(value, float))
count = _is("whole number from 0", lambda value: _whole(value) and value >= 0)
size = _is("whole number from 1", lambda value: _whole(value) and value >= 1)


def maybe(kind: Kind) -> Check:
    """Null, or of a kind."""

    def check(value: Any, name: str) -> Iterator[str]:
        if value is not None:
            yield from problems(value, kind, name)

    return check


def each(kind: Kind) -> Check:
    """A list whose items are of a kind."""

    def check(value: Any, name: str) -> Iterator[str]:
        if not isinstance(value, list | tuple):
            yield f"{name} is no list"
            return
        for place, inner in enumerate(value):
            yield from problems(inner, kind, f"{name}[{place}]")

    return check


def by_name(kind: Kind) -> Check:
    """A record of any names, each of a kind."""

    def check(value: Any, name: str) -> Iterator[str]:
        if not isinstance(value, Mapping):
            yield f"{name} is no record"
            return
        for field, inner in value.items():
            yield from problems(inner, kind, f"{name}.{field}")

    return check


# ---------------------------------------------------------------- what several files hold

# A line of log.jsonl, which is an epoch, and of a checkpoint's history.
_ACCURACIES = dict.fromkeys(("fused", "audio", "visual"), number)
LINE = {
    "phase": text,
    "step": count,
    "epoch": count,
    "val": maybe(_ACCURACIES),
    "test?": maybe(_ACCURACIES),
    "terms?": by_name(number),
    **dict.fromkeys(("lr?", "loss?", "seconds?", "samples_per_second?"), number),
    "step_ms?": maybe(by_name(number)),
    "memory?": maybe(number),
    "weights?": text,
}
