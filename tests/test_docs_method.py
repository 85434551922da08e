"""docs/method.md against the code: the functions it names, the options and their defaults."""

from __future__ import annotations

import re
from functools import reduce
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer

from avgap.cli import app
from avgap.settings import AUDIO_RECIPES, LEARNING_RATES

PAGE = Path(__file__).parents[1] / "docs" / "method.md"
TEXT = PAGE.read_text(encoding="utf-8")
COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
FUNCTIONS = sorted(set(re.findall(r"`([\w/]+)\.py:([\w.]+)`", TEXT)))


@pytest.mark.parametrize(("file", "name"), FUNCTIONS)
def test_every_function_is_where_the_document_says(file: str, name: str) -> None:
    module = import_module(f"avgap.{file.replace('/', '.')}")
    found = reduce(getattr, name.split("."), module)
    home = found.fget if isinstance(found, property) else found
    assert home.__module__ == module.__name__


@pytest.mark.parametrize("number", range(1, 11))
def test_every_equation_has_a_row(number: int) -> None:
    rows = re.findall(r"^\| (Eq\. .*?) \| `", TEXT, flags=re.M)
    assert any(str(number) in re.findall(r"\d+", row) for row in rows)


def test_equations_stand_in_the_docstrings_of_their_functions() -> None:
    for number, cell in re.findall(r"^\| Eq\. (\d+)[^|]*\| ([^|]*)\|", TEXT, flags=re.M):
        file, name = re.findall(r"`([\w/]+)\.py:([\w.]+)`", cell)[0]
        module = import_module(f"avgap.{file.replace('/', '.')}")
        words = reduce(getattr, name.split("."), module).__doc__
        assert words is not None
        spans = re.findall(r"Eq\. (\d+)(?:–(\d+))?", words)
        assert any(int(a) <= int(number) <= int(b or a) for a, b in spans), (number, name)


def choices() -> list[tuple[str, str, str]]:
    """Command, option and default of everything in parentheses after a bold name."""
    found, command = [], ""
    for parenthesis in re.findall(r"\*\*[^*]+\*\* \((`[^)]*)\)", TEXT):
        for code in re.findall(r"`([^`]+)`", parenthesis):
            words = code.split()
            if not words[0].startswith("--"):
                command = words.pop(0)
            found.append((command, words[0], " ".join(words[1:])))
    return found


@pytest.mark.parametrize(("command", "option", "value"), choices())
def test_every_choice_names_its_option_and_its_default(
    command: str, option: str, value: str
) -> None:
    known = {name: param for param in COMMANDS[command].params for name in param.opts}
    default = known[option].default
    if value:
        assert type(default)(value) == default
    else:
        assert not default


def test_choices_are_found_at_all() -> None:
    assert ("adapt", "--anneal", "0.96") in choices()
    assert len(choices()) > 25


def test_every_option_that_is_named_exists() -> None:
    known = {
        name for command in COMMANDS.values() for param in command.params for name in param.opts
    }
    options = {word for code in re.findall(r"`([^`\n]+)`", TEXT) for word in code.split()}
    assert {word for word in options if word.startswith("--")} - known == set()


def test_learning_rates_and_shapes_are_those_of_the_code() -> None:
    assert LEARNING_RATES == {"sgd": 2e-3, "adam": 1e-4}
    flat = " ".join(TEXT.split())
    assert "learning rate of 2e-3" in flat
    assert "no rate: 1e-4" in flat
    for name, recipe in AUDIO_RECIPES.items():
        frequencies, times = recipe.shape
        assert f"`{name}`" in TEXT
        assert f"{frequencies}×{times}" in TEXT
