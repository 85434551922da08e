"""The options of `report`, `compare` and `demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

from avgap.cli.options.common import OUT

Runs = Annotated[
    list[Path],
    Argument(metavar="RUN...", help="Run folders, or folders of them.", show_default=False),
]
ReportOutput = Annotated[
    str | None,
    Option(
        "--output",
        "-o",
        help="The file to write (figures: the folder), or - for stdout.",
        show_default=False,
        rich_help_panel=OUT,
    ),
]
ReportFormat = Annotated[
    Literal["html", "md", "latex", "csv", "json", "figures"] | None,
    Option("--format", help="Instead of what the file's ending says.", rich_help_panel=OUT),
]
ByColumns = Annotated[
    list[str] | None,
    Option(
        "--by",
        metavar="TABLE|COLUMN",
        help="Break down by a CSV with a column id, or by class or a column of the cache.",
        show_default=False,
    ),
]
Reference = Annotated[
    str | None,
    Option(
        "--reference",
        metavar="GROUP",
        help="The group, or its folder, that others are compared with; default: the first.",
        show_default=False,
    ),
]
Names = Annotated[
    Literal["settings", "folder"],
    Option("--names", help="How groups are called: by the settings that differ, or their folder."),
]
TrajectoriesFile = Annotated[
    Path | None,
    Option(
        "--trajectories",
        help="Write each sample's way through the rounds as .csv, with its files.",
        show_default=False,
        rich_help_panel=OUT,
    ),
]
Spreadsheet = Annotated[
    bool,
    Option(
        "--spreadsheet",
        help="In a CSV, an apostrophe before text that a spreadsheet would run as a formula.",
        rich_help_panel=OUT,
    ),
]
CacheHint = Annotated[
    Path | None,
    Option("--cache", help="The cache, if it has moved.", show_default=False),
]
Verify = Annotated[bool, Option("--verify", help="Recompute the content's checksum.")]
DemoFolder = Annotated[
    Path, Option("--output", "-o", help="The folder to work in.", rich_help_panel=OUT)
]
