"""Letters that the usual font lacks: another that has them, where one is installed."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from avgap import console

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MISSING = re.compile(r"Glyph (\d+) .*missing from")
_BOXES = "Last Resort"  # a font that draws every letter, as a box
_told: set[str] = set()


def drawn(figure: Figure, draw: Callable[[], None]) -> None:
    """Draw the figure; where its font lacks letters, again with fonts that have them.

    Those that no font has are told once.
    """
    with missing_letters() as missing:
        draw()
    if not missing:
        return
    fonts, missing = _fonts_for(missing)
    if fonts:
        _use(figure, fonts)
        with missing_letters():
            draw()
    if untold := missing - _told:
        _told.update(untold)
        console.warn(
            f"no font here has {' '.join(sorted(untold))}: figures show boxes in their place "
            "(a font that has them: the package fonts-noto-cjk, or Noto for other scripts)"
        )


@contextmanager
def missing_letters() -> Iterator[set[str]]:
    """The letters that matplotlib warns of while it draws, in place of its warnings."""
    missing: set[str] = set()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield missing
    for warning in caught:
        found = _MISSING.search(str(warning.message))
        if found:
            missing.add(chr(int(found[1])))
        else:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )


def _fonts_for(letters: set[str]) -> tuple[list[str], set[str]]:
    """The names of installed fonts that have these letters, and the letters that none has."""
    from matplotlib import font_manager

    left, names = set(letters), []
    for font in sorted(font_manager.fontManager.ttflist, key=_plainest_first):
        if not left:
            break
        if _BOXES in font.name:
            continue
        try:
            there = font_manager.get_font(font.fname).get_charmap()
        except (OSError, RuntimeError):  # listed, but gone or damaged
            continue
        has = {letter for letter in left if ord(letter) in there}
        if has:
            names.append(font.name)
            left -= has
    return names, left


def _plainest_first(font: object) -> tuple[bool, bool, bool, str]:
    name, style, weight = (str(getattr(font, part)) for part in ("name", "style", "weight"))
    return "Sans" not in name, style != "normal", weight not in ("400", "normal"), name


def _use(figure: Figure, names: list[str]) -> None:
    """Let the figure's texts take what their own font lacks from these."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_fontfamily([*text.get_fontfamily(), *names])
