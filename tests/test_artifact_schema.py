"""Plain values within bounds, and records whose fields are of the kinds that a schema names."""

from __future__ import annotations

import json
from typing import Any

import pytest

from avgap.artifact.reading import parse_json
from avgap.artifact.schema import (
    by_name,
    count,
    each,
    expect_plain,
    flag,
    maybe,
    number,
    problems,
    size,
    text,
)


def deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value", [None, True, -1, 2**64 - 1, 0.5, "x", [1, [2]], (1,), {"a": {"b": []}}, deep(31)]
)
def test_plain_values_are_taken(value: object) -> None:
    expect_plain(value)
    assert parse_json(json.dumps(value)) == json.loads(json.dumps(value))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (float("nan"), "nan is no number"),
        ({"a": [float("-inf")]}, "-inf is no number"),
        (2**64, "an integer is too large"),
        ({1: 2}, "a name is no text"),
        ({"a": object()}, "object is no plain value"),
        (deep(32), "more than 32 deep"),
    ],
)
def test_what_is_no_plain_value_is_told(value: object, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        expect_plain(value)


def test_what_is_shared_counts_as_often_as_it_is_met() -> None:
    items: list[Any] = ["x"] * 100
    for _ in range(8):
        items = [items] * 100  # 10 to the power of 18 items in all
    with pytest.raises(ValueError, match="it holds more than 5,000 values"):
        expect_plain(items, 5000)
    expect_plain([["x"] * 70] * 70, 5000)  # 1 + 70 + 4,900


def test_every_field_of_another_kind_is_named() -> None:
    schema = {
        "name": text,
        "of": {"n": count, "mean": number},
        "lines": each({"epoch": size}),
        "val": maybe(by_name(number)),
        "done?": flag,
    }
    good = {"name": "a", "of": {"n": 0, "mean": -1.5}, "lines": [{"epoch": 1}], "val": None}
    assert list(problems(good, schema)) == []
    assert list(problems(good | {"more": object(), "done": True}, schema)) == []
    bad = {"of": {"n": -1, "mean": True}, "lines": [{"epoch": 1}, {"epoch": 0}, 3]}
    bad |= {"val": {"a": "x"}, "done": 1}
    assert list(problems(bad, schema)) == [
        "name is missing",
        "of.n is no whole number from 0",
        "of.mean is no number",
        "lines[1].epoch is no whole number from 1",
        "lines[2] is no record",
        "val.a is no number",
        "done is no true or false",
    ]
    assert list(problems([], schema)) == ["it is no record"]
