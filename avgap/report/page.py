"""What the stage does with its paths: runs read and joined, written in any format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avgap import artifact
from avgap.artifact.gaps import read_gaps
from avgap.errors import InputError, OutputError
from avgap.report import exports, samples
from avgap.report.grouping import NO_QUESTION, By, read_by
from avgap.report.runfolder import RunFolder, mixture_beside, read_files, read_run
from avgap.report.runview import RunView, short_names, view


@dataclass(frozen=True)
class Page:
    """What was written, and per run the numbers that stand in it."""

    path: Path
    runs: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        """For --json. planted_auc is the first run's; None where no truth is known."""
        return {"output": str(self.path), **numbers(self.runs)}


def numbers(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The numbers of every run, and the planted AUC of the first."""
    return {"planted_auc": runs[0]["planted_auc"], "runs": runs}


def page(
    paths: Sequence[Path],
    output: Path,
    cache: Path | None = None,
    *,
    format: str = "html",
    by: Sequence[str] = (),
    made_by: str = "",
) -> Page:
    """Report on run folders, or on tables of gaps with their mixtures, into one file.

    cache: where the clips lie; by default the place that the gaps remember. by: as `read_by`.
    made_by: the command line, for the reader. Raises InputError (a folder without artifacts, a
    cache of other gaps), OutputError (a file that avgap did not write).
    """
    exports.expect_writable(Path(output), format)
    return write(read_views(paths, cache, read_by(by)), Path(output), format, made_by)


def read_views(
    paths: Sequence[Path], cache: Path | None = None, by: By = NO_QUESTION
) -> list[RunView]:
    """Every run that the paths name, joined with its cache. Files are one table of gaps or more.

    A table of gaps that is alone gets the mixture that lies beside it and was fitted to it.
    """
    runs: list[tuple[Path, RunFolder]] = []
    files = [Path(path) for path in paths if Path(path).is_file()]
    for path in map(Path, paths):
        if path not in files:
            runs.append((path, read_run(path)))
        elif path == files[0]:
            for run in read_files(_with_mixtures(files)):
                runs.append((run.moments[0].path, run))
    names = short_names([path for path, _ in runs])
    return [
        view(run, cache, f"run-{number}", name, by)
        for number, ((_, run), name) in enumerate(zip(runs, names, strict=True), start=1)
    ]


def _with_mixtures(files: list[Path]) -> list[Path]:
    if any(path.suffix == ".json" for path in files):
        return files
    beside = [mixture_beside(path, read_gaps(path)) for path in files]
    return [*files, *dict.fromkeys(path for path in beside if path is not None)]


def write(views: list[RunView], output: Path, format: str, made_by: str = "") -> Page:
    """Write runs in a format; `figures` fills a folder. Raises OutputError: a foreign file."""
    exports.expect_writable(output, format)
    if format == "figures":
        exports.write_figures(views, output)
    else:
        artifact.write_text(output, exports.FORMATS[format](views, made_by))
    return Page(output, [run.numbers() for run in views])


def write_trajectories(views: list[RunView], output: Path) -> int:
    """Write every sample's way through the rounds as CSV; how many never moved.

    Raises InputError: no run has two rounds with mixtures. OutputError: a foreign file.
    """
    if output.suffix.lower() != ".csv":
        raise OutputError(f"cannot write trajectories to {output}", hint="a name ending in .csv")
    exports.expect_writable(output, "csv")
    lacking = [run.name for run in views if run.trajectories is None]
    if lacking:
        raise InputError(
            f"no trajectories in {', '.join(lacking)}",
            ["they need the gaps of two rounds or more, each with its mixture"],
            "the folder of a whole run, with adapt/step-01 and so on",
        )
    artifact.write_text(output, exports.csv_text(samples.trajectory_rows(views)))
    return sum(int(run.trajectories.never_moved.sum()) for run in views if run.trajectories)
