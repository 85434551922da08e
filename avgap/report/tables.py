"""Tables of text: numbers as people read them, and the table as Markdown and LaTeX.

One shape for the terminal, Markdown, LaTeX and the page: units in the head, and the first column
names the row.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from avgap import console
from avgap.report.statistics import Share

NOTHING = "–"


class Table(NamedTuple):
    """A table of text. name: short, for files and addresses."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: list[list[str]]


def minus(text: str) -> str:
    """The text with a true minus sign."""
    return text.replace("-", "−")


def percent(fraction: float | None, digits: int = 1) -> str:
    """A fraction in percent, without the sign: that stands in the column's head."""
    return NOTHING if fraction is None else f"{100 * fraction:.{digits}f}"


def points(fraction: float | None) -> str:
    """A difference of fractions in percentage points, with its sign."""
    if fraction is None:
        return NOTHING
    text = minus(f"{100 * fraction:+.1f}")
    return text if text.strip("+−0.") else "±0.0"


def number(value: float | None, digits: int = 3) -> str:
    """A number in significant digits, thousands set apart."""
    if value is None:
        return NOTHING
    return minus(f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}g}")


def signed(value: float, digits: int = 3) -> str:
    """A gap: always with its sign."""
    return minus(f"{value:+.{digits}f}")


def interval(share: Share | None) -> str:
    """A share in percent with its interval."""
    if share is None or share.value is None:
        return NOTHING
    return f"{100 * share.value:.0f} [{100 * share.low:.0f}–{100 * share.high:.0f}]"


# ---------------------------------------------------------------- markup


def pipes(table: Table) -> list[str]:
    """A table in Markdown (GitHub's), a line each."""
    ruler = ["---", *("--:" for _ in table.columns[1:])]
    rows = [list(table.columns), ruler, *table.rows]
    return [
        "| " + " | ".join(cell if row is ruler else marked_down(cell) for cell in row) + " |"
        for row in rows
    ]


def marked_down(text: str) -> str:
    """Text without meaning to Markdown or HTML, on one line."""
    one_line = " ".join(console.safe(text).split())
    return re.sub(r"([\\`*_\[\]<>|&#])", r"\\\1", one_line)


_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "−": "$-$", "–": "--", "±": r"$\pm$", "π": r"$\pi$", "μ": r"$\mu$", "σ": r"$\sigma$",
    "Δ": r"$\Delta$", "₀": r"$_0$", "₁": r"$_1$", "²": r"$^2$", "…": r"\ldots{}", "|": r"$|$",
    "<": r"$<$", ">": r"$>$",
}  # fmt: skip


def booktabs(table: Table) -> list[str]:
    """A table in LaTeX with booktabs, its title as caption, a line each, and an empty one."""
    return [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{_latex(table.title)}}}",
        rf"\begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}",
        r"\toprule",
        " & ".join(map(_latex, table.columns)) + r" \\",
        r"\midrule",
        *(" & ".join(map(_latex, row)) + r" \\" for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
        "",
    ]


def _latex(text: str) -> str:
    return "".join(_LATEX.get(sign, sign) for sign in " ".join(console.safe(text).split()))
