"""avgap called as a person calls it, in this process: for the tests of the command line."""

from __future__ import annotations

from typer.testing import CliRunner

from avgap.cli import app

SMALL = ["--encoder", "small", "--batch-size", "32", "--optimizer", "adam", "--lr", "3e-3"]
TINY = ["--frames", "2", "--frame-size", "16", "--sample-rate", "4000", "--seconds", "0.5"]
TINY += ["--n-fft", "64", "--hop-length", "64", "--workers", "1"]
START = ["cache.h5", "-c", "run/warmup/checkpoint.pt"]
INTERRUPTED = "interrupted: nothing is half written; the same command goes on\n"

# A command line with a result for each command, in the folder `work` of conftest.
RESULTS = {
    "warmup": ["warmup", "cache.h5", "-o", "run/warmup", "--epochs", "2", *SMALL],
    "gaps": ["gaps", *START, "-o", "new.h5"],
    "fitgmm": ["fitgmm", "run/gaps.h5", "-o", "new.json", "--plot", "new.svg"],
    "adapt": ["adapt", *START, "-o", "new", "--steps", "1", "--epochs", "1"],
    "evaluate": ["evaluate", *START, "-o", "new.json", "--save-predictions", "new.csv"],
    "report": ["report", "run/gaps.h5"],
    "report of runs": ["report", "run", "-o", "new.html"],
    "prepare": ["prepare", "csv", "clips.csv", "-o", "new.h5", "--dry-run", "--val-fraction", "0"],
}


def call(*words, stdin=None):
    """Run a command line; gives exit_code, stdout and stderr."""
    return CliRunner().invoke(app, [str(word) for word in words], input=stdin)


def fails(status, *words):
    """What a command that must end with this status wrote to stderr; nothing is on stdout."""
    result = call(*words)
    assert (result.exit_code, result.stdout) == (status, ""), result.output
    return result.stderr
