"""What `report` and `compare` share: a document on the screen, on stdout, or in a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avgap import console
from avgap.cli.common import STDOUT, command_line, one_result
from avgap.errors import UsageError

if TYPE_CHECKING:
    from avgap.report.document import Document

_PLACES = {"html": "report.html", "figures": "FOLDER"}


def line_of(
    command: str, paths: list[Path], output: str | None, given: Mapping[str, object]
) -> str:
    """The command line that makes the same again.

    given: options; a list for a repeated one, true or false for one without a value.
    """
    words: list[object] = (
        [] if output is None else ["-o", output if output == STDOUT else Path(output)]
    )
    for name, value in given.items():
        for one in value if isinstance(value, list) else [value]:
            words += [] if one in (None, False) else [name] if one is True else [name, one]
    return command_line(command, *paths, *words)


def format_to_write(
    output: str | None, format: str | None, inputs: Iterable[str | Path], *, as_json: bool
) -> str | None:
    """The format to write, None for words in the terminal.

    Raises UsageError where the output cannot be what is asked for, OutputError: a foreign file, or
    one of the inputs.
    """
    one_result(output or "", as_json)
    if output in (None, STDOUT) and format in _PLACES:
        raise UsageError(f"--format {format} needs a place", (), f"-o {_PLACES[format]}")
    if output is None and format is not None and as_json:
        raise UsageError("--json and --format both want standard output", (), "-o FILE")
    if output is None or output == STDOUT:
        return format if output is None else format or "md"
    from avgap.artifact import expect_no_input
    from avgap.report.document import expect_writable, format_of

    kind = format or format_of(Path(output))
    expect_writable(Path(output), kind)
    expect_no_input(Path(output), inputs)
    return kind


def give(
    document: Document,
    numbers: Mapping[str, Any],
    output: str | None,
    kind: str | None,
    next_output: str,
    *,
    as_json: bool,
    spreadsheet: bool = False,
) -> None:
    """Show a document, or write it; numbers: for --json. next_output: a file to suggest.

    spreadsheet: the cells of a CSV as `harmless` makes them.
    """
    from avgap.report.document import FORMATS, harmless, terminal, write_document

    if spreadsheet:
        rows = document.rows
        document = replace(document, rows=lambda: harmless(rows()))

    if kind is None:
        console.result(terminal(document), numbers, as_json=as_json)
        if not as_json:
            console.suggest(f"{document.made_by} -o {next_output}")
    elif output is None or output == STDOUT:
        console.artifact(FORMATS[kind](document))
    else:
        write_document(document, Path(output), kind)
        console.result("", {"output": output, **numbers}, as_json=as_json)
        console.wrote(output)
