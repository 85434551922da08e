"""Options made from settings: a parameter of a settings class becomes an option for every field.

A field is an option where it has a Help; its type, bounds and default are the field's.
"""

from __future__ import annotations

import functools
import inspect
import math
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from typer import Option

from avgap.settings import (
    Adaptive,
    AudioRecipe,
    Crossfit,
    Fit,
    FrameRecipe,
    Help,
    Inference,
    Network,
    Preparation,
    Rounds,
    Running,
    Training,
    Warmup,
    Within,
)

# The panels of a command's help.
_PANELS = {
    **dict.fromkeys((AudioRecipe, FrameRecipe, Preparation), "Front end"),
    **dict.fromkeys((Network, Warmup, Training), "Training"),
    Crossfit: "Folds",
    **dict.fromkeys((Running, Inference), "Where and how it runs"),
    **dict.fromkeys((Adaptive, Rounds), "Adaptive loss (Eq. 10)"),
    Fit: "Mixture",
}


@dataclass(frozen=True)
class Given:
    """Annotates a dict: the settings of a class that are given, by name; None where one is not.

    otherwise: what then holds, in words. but: fields that are no option here.
    """

    settings: type
    otherwise: str
    but: tuple[str, ...] = ()


# As a checkpoint was trained, but for these; the epochs of `adapt` are a round's.
Changes = Annotated[dict[str, Any], Given(Training, "as in warm-up", but=("epochs",))]
AudioChanges = Annotated[dict[str, Any], Given(AudioRecipe, "as in the recipe")]


def from_settings(command: Callable[..., None]) -> Callable[..., None]:
    """The command as Typer is to see it: options in place of settings, which it is then handed."""
    signature, made = [], {}
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        source = _source(parameter)
        if source is None:
            signature.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
        else:
            made[parameter.name] = source
            signature += [option.parameter for option in source.options]

    @functools.wraps(command)
    def run(**values: Any) -> None:
        settings = {name: source.take(values) for name, source in made.items()}
        command(**settings, **values)

    # Typer reads both of a command.
    run.__signature__ = inspect.Signature(signature)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in signature} | {"return": None}
    return run


class _MadeOption(NamedTuple):
    """An option for a field; words: what may be typed, and the value that it stands for."""

    field: str
    parameter: inspect.Parameter
    words: Mapping[str, Any]


class _Source(NamedTuple):
    """What a command wants in place of options: an instance of settings, or a dict of them."""

    build: Callable[..., Any]
    options: list[_MadeOption]

    def take(self, values: dict[str, Any]) -> Any:
        """What the options' values amount to; they are taken out."""
        typed = {o.field: (values.pop(o.parameter.name), o.words) for o in self.options}
        return self.build(**{name: words.get(v, v) for name, (v, words) in typed.items()})


def _source(parameter: inspect.Parameter) -> _Source | None:
    """Of a parameter that stands for settings: defaults are its own, else the class's."""
    given = next((m for m in _metadata(parameter.annotation) if isinstance(m, Given)), None)
    settings = parameter.annotation if given is None else given.settings
    if not is_dataclass(settings):
        return None
    defaults: Any = parameter.default if is_dataclass(parameter.default) else settings
    return _made(settings, defaults, given)


@functools.cache  # several commands take the same, and a help should not wait
def _made(settings: Any, defaults: Any, given: Given | None) -> _Source:
    hints = get_type_hints(settings, include_extras=True)
    made = []
    for field in fields(settings):
        says = [m for m in _metadata(hints[field.name]) if isinstance(m, Help)]
        if says and not (given and field.name in given.but):
            default = None if given else getattr(defaults, field.name)
            otherwise = given.otherwise if given else says[-1].none
            panel = _PANELS.get(settings)
            made.append(_option(field.name, hints[field.name], default, says[-1], otherwise, panel))
    return _Source(dict if given else settings, made)


def _option(
    field: str, hint: Any, default: Any, says: Help, otherwise: str | None, panel: str | None
) -> _MadeOption:
    """otherwise: what None stands for as a default, in words."""
    kind = _without_none(get_args(hint)[0])
    words = {}
    if get_origin(kind) is Literal:  # Typer's are texts
        words = {str(choice): choice for choice in get_args(kind)}
        kind = Literal[tuple(words)]
        default = None if default is None else str(default)
    name = says.name or field.replace("_", "-")
    taken_back = kind is bool and (says.off or default is None)
    bounds = next((m for m in _metadata(hint) if isinstance(m, Within)), None)
    option = Option(
        f"--{name}/--no-{name}" if taken_back else f"--{name}",
        min=None if bounds is None else bounds.least,
        max=None if bounds is None or bounds.most == math.inf else bounds.most,
        help=says.text,
        show_default=(otherwise or False) if default is None else True,
        metavar=says.metavar,
        envvar=says.envvar,
        rich_help_panel=panel,
    )
    kind = kind | None if default is None else kind
    annotation = Annotated[kind, option]  # type: ignore[valid-type] # made here, of values
    parameter = inspect.Parameter(
        name.replace("-", "_"),
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=annotation,
    )
    return _MadeOption(field, parameter, words)


def _metadata(hint: Any) -> tuple[Any, ...]:
    return get_args(hint)[1:] if get_origin(hint) is Annotated else ()


def _without_none(kind: Any) -> Any:
    """X of X | None, and whatever else as it is."""
    if get_origin(kind) not in (Union, types.UnionType):
        return kind
    (one,) = (part for part in get_args(kind) if part is not type(None))
    return one
