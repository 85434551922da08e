"""The methods by name, and their settings from words such as alpha=0.5."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from avgap.errors import UsageError, unknown
from avgap.methods import Method
from avgap.methods.agm import Agm
from avgap.methods.bounds import Within
from avgap.methods.concat import Concat
from avgap.methods.dr import Dr
from avgap.methods.g_blending import GBlending
from avgap.methods.greedy import Greedy
from avgap.methods.joint import Joint
from avgap.methods.late import Late
from avgap.methods.mla import Mla
from avgap.methods.mmpareto import MMPareto
from avgap.methods.ogm_ge import OgmGe
from avgap.methods.opm import Opm
from avgap.methods.opm_ogm import OpmOgm
from avgap.methods.pmr import Pmr
from avgap.methods.unimodal import AudioOnly, VisualOnly
from avgap.text import nearest

METHODS: dict[str, type[Method]] = {
    "audio-only": AudioOnly,
    "visual-only": VisualOnly,
    "concat": Concat,
    "joint": Joint,
    "late": Late,
    "g-blending": GBlending,
    "ogm-ge": OgmGe,
    "greedy": Greedy,
    "pmr": Pmr,
    "agm": Agm,
    "mla": Mla,
    "dr": Dr,
    "opm": Opm,
    "opm-ogm": OpmOgm,
    "mmpareto": MMPareto,
}
_BOOLEANS = {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False}


class Setting(NamedTuple):
    """A setting of a method: its type (float, int, bool or Literal), default and range."""

    name: str
    kind: Any
    default: Any
    range: Within | None = None

    @property
    def choices(self) -> str:
        """What may be given, in words."""
        if get_origin(self.kind) is Literal:
            return "|".join(get_args(self.kind))
        if self.kind is bool:
            return "true|false"
        number = "whole number" if self.kind is int else "number"
        return number if self.range is None else f"{number} {self.range}"

    def parse(self, text: str) -> Any:
        """The value of a text. Raises ValueError."""
        if get_origin(self.kind) is Literal:
            if text not in get_args(self.kind):
                raise ValueError(text)
            return text
        if self.kind is bool:
            if text.lower() not in _BOOLEANS:
                raise ValueError(text)
            return _BOOLEANS[text.lower()]
        value = self.kind(text)
        least, most = self.range or Within(-math.inf)
        if not math.isfinite(value) or not least <= value <= most:
            raise ValueError(text)
        return value


def settings_of(method: type[Method]) -> list[Setting]:
    """The settings of a method, in their order; every one has a default."""
    hints = get_type_hints(method, include_extras=True)
    found = []
    for field in fields(method):  # type: ignore[arg-type]
        hint = hints[field.name]
        parts = get_args(hint) if get_origin(hint) is Annotated else (hint,)
        found.append(Setting(field.name, parts[0], field.default, *parts[1:]))
    return found


def choose(name: str, assignments: Sequence[str] = ()) -> Method:
    """The method of a name with the settings of words NAME=VALUE, later ones winning.

    Raises UsageError with every problem at once: unknown names with the nearest known one, values
    that are none, words that are no assignment.
    """
    if name not in METHODS:
        raise unknown("method", name, METHODS)
    known = {setting.name: setting for setting in settings_of(METHODS[name])}
    values: dict[str, Any] = {}
    problems = []
    for word in assignments:
        key, equals, text = word.partition("=")
        if not equals:
            problems.append(f"{word!r} is no NAME=VALUE")
        elif key not in known:
            near = nearest(key, known)
            problems.append(f"unknown setting {key!r}" + (f": {near}?" if near else ""))
        else:
            try:
                values[key] = known[key].parse(text)
            except ValueError:
                problems.append(f"{key}={text}: {known[key].choices} is wanted")
    if problems:
        listed = ", ".join(f"{s.name}={text_of(s.default)}" for s in known.values()) or "none"
        raise UsageError(f"{name} cannot be set so", [*problems, f"its settings: {listed}"])
    return METHODS[name](**values)


def text_of(value: Any) -> str:
    """A value as it may be given."""
    return str(value).lower() if isinstance(value, bool) else f"{value}"
