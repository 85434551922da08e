"""Lists of names as people read them: shortened, in their natural order, the nearest known one."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Sequence

SHOWN = 20  # lines of a list of problems


def natural_order(names: Iterable[str]) -> tuple[str, ...]:
    """Names without repetition, numbers within them by value: 2 before 10."""

    def key(name: str) -> tuple[float, list[tuple[bool, int, str]], str]:
        parts = re.findall(r"\d+|\D+", name)
        whole = float(name) if re.fullmatch(r"-?\d+", name) else float("inf")
        return whole, [(not p.isdecimal(), int(p) if p.isdecimal() else 0, p) for p in parts], name

    return tuple(sorted(set(names), key=key))


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is meant, whatever the case: one that begins so, else the most alike."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    begun = [word for word in by_lower if word.startswith(name.lower()) and name]
    near = begun or difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.4)
    return by_lower[near[0]] if near else None


def shorten(lines: Sequence[str], shown: int = SHOWN) -> list[str]:
    """The first lines, and how many more there are."""
    more = len(lines) - shown
    return [*lines[:shown], *([f"and {more:,} more"] if more > 0 else [])]


def one_form(names: Iterable[str]) -> dict[str, str]:
    """What each name is called, so that the same text is called the same.

    An é may be written as one letter or, as macOS has it, as an e and an accent: where names differ
    in that alone, all are called by the first form. Every other name stays what it is.
    """
    forms: dict[str, set[str]] = {}
    for name in names:
        forms.setdefault(unicodedata.normalize("NFC", name), set()).add(name)
    return {
        name: composed if len(same) > 1 else name
        for composed, same in forms.items()
        for name in same
    }


def look_alike(names: Iterable[str]) -> list[list[str]]:
    """Groups of different names that a reader may take for one.

    They differ in capitals, in spaces, in letters without a sign of their own, or in forms of one
    letter (ﬁ and fi, full width).
    """
    groups: dict[str, set[str]] = {}
    for name in names:
        plain = unicodedata.normalize("NFKC", name).casefold()
        seen = "".join(letter for letter in plain if unicodedata.category(letter) != "Cf")
        groups.setdefault(" ".join(seen.split()), set()).add(name)
    return [sorted(group) for group in groups.values() if len(group) > 1]
