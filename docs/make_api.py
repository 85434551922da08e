"""Write docs/api.md from signatures and docstrings of the public names: python docs/make_api.py.

A test compares the file with what this prints, so that the document cannot lie.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import re
from pathlib import Path
from typing import Any, is_typeddict

import avgap
from avgap.data.cache.reader import CachedClip, Split
from avgap.mixture.model import Component
from avgap.mixture.result import Bootstrap, Diagnostics, FitRecord, StandardErrors
from avgap.models.audiovisual import Logits

# The public names in the order of the pipeline, each with what it takes or gives that has parts.
NAMES: dict[str, tuple[type, ...]] = {
    "open_cache": (),
    "Cache": (Split, CachedClip),
    "load_checkpoint": (Logits,),
    "modality_gap": (),
    "read_gaps": (),
    "Gaps": (),
    "fit_mixture": (),
    "FitResult": (FitRecord, Diagnostics, Bootstrap, StandardErrors),
    "Mixture": (Component,),
    "AdaptiveLoss": (),
}
_INTRODUCTION = """# From Python

Made from the docstrings by `python docs/make_api.py`. The names under a second heading are public,
`avgap.NAME`, and loaded on first use: `import avgap` alone takes milliseconds. Their types are
shipped (`py.typed`). N are samples, M classes, d features, F×T a spectrogram, K frames, H×W pixels;
a gap is a number in [−1, 1], above zero where the audio leads. What is wrong with an input is an
`avgap.errors.InputError`, whose text says what, where and what to do.

```python
import avgap

gaps = avgap.read_gaps("run/gaps.h5")
result = avgap.fit_mixture(gaps.gap)
if result.diagnostics["supported"]:
    imbalanced = result.mixture.posterior(gaps.gap) > 0.5
```
"""


def document() -> str:
    """The whole document."""
    sections = [_INTRODUCTION]
    for name, records in NAMES.items():
        sections.append(_section(f"## {name}", getattr(avgap, name)))
        sections += [_section(f"### {record.__name__}", record) for record in records]
    return "\n".join(sections)


def _section(heading: str, found: Any) -> str:
    if is_typeddict(found):
        return f"{heading}\n\n{_text(found)}\n\n{table_of_keys(found)}\n"
    lines = [heading, "", f"```python\n{_call(found.__name__, found)}\n```", "", _text(found), ""]
    if isinstance(found, type):
        members = [_member(found, name) for name in _members(found)]
        lines += [*members, ""] if members else []
    return "\n".join(lines)


def _call(name: str, found: Any) -> str:
    """The call of a function or class, one parameter a line where it is longer than 90 letters."""
    signature = inspect.signature(found)
    words: list[str] = []
    star = False
    for parameter in signature.parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not star:
            words.append("*")
        star |= parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_POSITIONAL)
        prefix = "*" if parameter.kind is parameter.VAR_POSITIONAL else ""
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        kind = getattr(parameter.annotation, "__forward_arg__", parameter.annotation)
        words.append(f"{prefix}{parameter.name}: {kind}{default}")
    gives = "" if isinstance(found, type) else f" -> {signature.return_annotation}"
    line = f"{name}({', '.join(words)}){gives}"
    if len(line) <= 90:
        return line
    return "\n".join([f"{name}(", *(f"    {word}," for word in words), f"){gives}"])


def _members(found: type) -> list[str]:
    """The public methods and properties that a class defines itself, in their order.

    What it overrides is not among them (a module's extra_repr), but for forward.
    """
    inherited = {name for base in found.__mro__[1:] for name in vars(base)} - {"forward"}
    return [
        name
        for name, value in vars(found).items()
        if not name.startswith("_")
        and name not in inherited
        and (isinstance(value, (property, classmethod)) or inspect.isfunction(value))
    ]


def _member(found: type, name: str) -> str:
    """One entry of the list of a class's members."""
    value = vars(found)[name]
    text = _text(value).replace("\n", "\n  ").replace("\n  \n", "\n\n")
    if isinstance(value, property):
        assert value.fget is not None
        return f"- `.{name}: {inspect.signature(value.fget).return_annotation}`: {text}"
    call = re.sub(r"\s+", " ", _call(name, getattr(found, name)))
    return f"- `.{call.replace('( ', '(').replace(', )', ')')}`: {text}"


def _text(found: Any) -> str:
    """A docstring as it stands."""
    return (inspect.getdoc(found) or "").strip()


def table_of_keys(record: type) -> str:
    """A table of a TypedDict's keys: the text beneath each in the source is its meaning."""
    tree = ast.parse(inspect.getsource(record))
    (body,) = (node.body for node in tree.body if isinstance(node, ast.ClassDef))
    rows = ["| key | type | meaning |", "|---|---|---|"]
    for node, after in itertools.pairwise(body):
        if isinstance(node, ast.AnnAssign):
            name, kind = ast.unparse(node.target), ast.unparse(node.annotation)
            told = ast.literal_eval(after.value) if isinstance(after, ast.Expr) else ""
            cells = (f"`{name}`", f"`{kind}`", told)
            rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(rows)


if __name__ == "__main__":
    Path(__file__).with_name("api.md").write_text(document(), encoding="utf-8")
