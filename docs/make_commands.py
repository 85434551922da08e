"""Write docs/commands.md from the program's own help: python docs/make_commands.py.

A test compares the file with what this prints, so that the document cannot lie.
"""

from __future__ import annotations

import os
from pathlib import Path

from typer.testing import CliRunner

from avgap.cli import app

COMMANDS = (
    *("prepare", "merge", "warmup", "gaps", "crossfit", "fitgmm", "adapt", "baseline", "evaluate"),
    *("report", "compare", "demo"),
)
_INTRODUCTION = """# Commands

Made from the program's help by `python docs/make_commands.py`. Every command takes `--json` (one
JSON object on stdout) and `--quiet`. Results go to stdout; progress, warnings and the suggested
next command go to stderr.

Exit status: 0 done or already up to date, 1 a defect in avgap, 2 usage, 3 an input is missing,
corrupt or does not belong, 4 the output answers another question, 130 interrupted.
"""


def document() -> str:
    """The whole document."""
    parts = [_INTRODUCTION, _section("avgap", [])]
    parts += [_section(f"avgap {name}", [name]) for name in COMMANDS]
    return "\n".join(parts)


def _section(title: str, words: list[str]) -> str:
    os.environ["COLUMNS"] = "100"  # the help is wrapped to the terminal
    help_text = CliRunner().invoke(app, [*words, "--help"], prog_name="avgap").stdout
    return f"## {title}\n\n```text\n{help_text.strip()}\n```\n"


if __name__ == "__main__":
    Path(__file__).with_name("commands.md").write_text(document(), encoding="utf-8")
