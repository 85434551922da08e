"""Options made of settings: an example by hand, and that nothing is declared twice."""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal, get_type_hints

import pytest
import typer
from calling import call
from typer.testing import CliRunner

from avgap.cli import app, options
from avgap.cli.options.made import Given
from avgap.evaluate import evaluate
from avgap.gaps import gaps
from avgap.prepare import prepare
from avgap.settings import (
    Adaptive,
    Fit,
    Help,
    Inference,
    Preparation,
    Running,
    Training,
    Within,
    parameters,
)


@dataclass(frozen=True)
class Oven:
    heat: Annotated[int, Within(50, 250), Help("In °C.")] = 180
    rack: Annotated[Literal[1, 2, "any"], Help("Counted from below.", name="level")] = 2
    fan: Annotated[bool, Help("Hot air.")] = False
    light: Annotated[bool, Help("Light.", off=True)] = True
    minutes: Annotated[float | None, Within(0), Help("Time.", none="until it is done")] = None
    maker: str = "unknown"


def shown(command, *words):
    made = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    made.command()(options.from_settings(command))
    result = CliRunner().invoke(made, words)
    return " ".join(result.output.split())


def bake(oven: Oven) -> None:
    typer.echo(repr(oven))


def change(changes: Annotated[dict[str, Any], Given(Oven, "as before", but=("fan",))]) -> None:
    typer.echo(json.dumps(changes))


def test_a_class_becomes_options_and_comes_back_as_an_instance():
    assert shown(bake) == repr(Oven())
    line = ("--heat", "200", "--level", "any", "--fan", "--no-light", "--minutes", "12.5")
    assert shown(bake, *line) == repr(Oven(200, "any", True, False, 12.5))
    assert shown(bake, "--level", "1") == repr(Oven(rack=1))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--heat", "20"), "Input should be greater than or equal to 50"),
        (("--heat", "300"), "Input should be less than or equal to 250"),
        (("--minutes", "nan"), "Input should be greater than or equal to 0"),
        (("--level", "3"), "'3' is not one of '1', '2', 'any'."),
        (("--maker", "x"), "No such option"),
        (("--no-fan",), "No such option"),
    ],
)
def test_what_is_no_setting_is_refused(words, text):
    assert text in shown(bake, *words)


def test_the_help_tells_type_bounds_default_and_what_nothing_stands_for():
    text = shown(bake, "--help")
    assert "--heat <int range> In °C. [default: 180; 50<=x<=250]" in text
    assert "--level <1|2|any> Counted from below. [default: 2]" in text
    assert "--light / --no-light Light. [default: light]" in text
    assert "--minutes <float range> Time. [default: (until it is done); x>=0]" in text


def test_of_changes_only_what_is_given_has_a_value():
    nothing = {"heat": None, "rack": None, "light": None, "minutes": None}
    assert json.loads(shown(change)) == nothing
    assert json.loads(shown(change, "--level", "2")) == {**nothing, "rack": 2}
    assert json.loads(shown(change, "--no-light")) == {**nothing, "light": False}
    assert "[default: (as before); 50<=x<=250]" in shown(change, "--help")


def test_defaults_of_an_instance_win():
    def roast(oven: Oven = Oven(heat=220)) -> None:
        typer.echo(oven.heat)

    assert shown(roast) == "220"


@pytest.mark.parametrize(
    ("command", "settings", "but"),
    [
        ("warmup", Training, ()),
        ("baseline", Training, ()),
        ("adapt", Training, ("epochs",)),
        ("adapt", Adaptive, ()),
        ("adapt", Running, ()),
        ("fitgmm", Fit, ()),
        ("gaps", Inference, ()),
        ("evaluate", Inference, ()),
    ],
)
def test_every_setting_of_a_command_is_its_option(command, settings, but):
    text = call(command, "--help").stdout
    for field in fields(settings):
        if field.name not in but:
            assert f"--{field.name.replace('_', '-')} " in text


def test_no_option_of_a_command_has_two_owners():
    for command in app.registered_commands:
        hints = get_type_hints(command.callback, include_extras=True)
        names = [
            name
            for hint in hints.values()
            for option in getattr(hint, "__metadata__", ())
            for name in getattr(option, "param_decls", None) or ()
        ]
        assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("stage", "settings"), [(prepare, Preparation()), (gaps, Inference()), (evaluate, Inference())]
)
def test_python_users_have_the_same_defaults(stage, settings):
    theirs = {n.removesuffix("_name"): p for n, p in inspect.signature(stage).parameters.items()}
    wanted = parameters(settings)
    assert {name: theirs[name].default for name in wanted} == wanted
