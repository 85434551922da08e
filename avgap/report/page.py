"""Run folders as one page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avgap import artifact
from avgap.errors import OutputError

GENERATOR = '<meta name="generator" content="avgap '


@dataclass(frozen=True)
class Page:
    """The page that was written, and per run the numbers that stand in it."""

    path: Path
    runs: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        """For --json. planted_auc is the first run's; None where no truth is known."""
        return {
            "output": str(self.path),
            "planted_auc": self.runs[0]["planted_auc"],
            "runs": self.runs,
        }


def page(runs: list[Path], output: Path, cache: Path | None = None) -> Page:
    """Make one self-contained page of run folders; replaces a page that avgap wrote before.

    cache: where the clips lie; by default the place that the gaps remember. Raises InputError (a
    folder without artifacts, a cache of other gaps), OutputError (a file that avgap did not write).
    """
    output = Path(output)
    if output.exists() and not _is_page(output):
        raise OutputError(f"{output} exists and is not a report of avgap", hint="another -o")
    from avgap.report.html import render
    from avgap.report.runfolder import read_run
    from avgap.report.runview import short_names, view

    names = short_names([Path(run) for run in runs])
    place = None if cache is None else Path(cache)
    views = [
        view(read_run(Path(run)), place, f"run-{number}", name)
        for number, (run, name) in enumerate(zip(runs, names, strict=True), start=1)
    ]
    artifact.write_text(output, render(views))
    return Page(output, [run.numbers() for run in views])


def _is_page(path: Path) -> bool:
    return path.is_file() and GENERATOR.encode() in path.read_bytes()[:4096]
