"""A table, and words, as Markdown and LaTeX."""

from __future__ import annotations

import re

from avgap import console
from avgap.report.tables import Table


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


def booktabs(table: Table, caption: str) -> list[str]:
    """A table in LaTeX with booktabs, a line each, and an empty one."""
    return [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{_latex(caption)}}}",
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
