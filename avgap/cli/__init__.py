"""The commands, one file each: options in, one call, result out.

Work modules are imported inside each command, so that help and completion stay light.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from avgap import console
from avgap.cli.adapt import adapt
from avgap.cli.baseline import baseline
from avgap.cli.compare import compare
from avgap.cli.crossfit import crossfit
from avgap.cli.demo import demo
from avgap.cli.evaluate import evaluate
from avgap.cli.fitgmm import fitgmm
from avgap.cli.gaps import gaps
from avgap.cli.merge import merge
from avgap.cli.prepare import prepare
from avgap.cli.report import report
from avgap.cli.warmup import warmup
from avgap.errors import INTERRUPTED, INTERRUPTION, AvgapError, InputError, OutputError

_OF_OUTPUTS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)
# In the order in which they are used, which is that of the help.
COMMANDS = (
    *(prepare, merge, warmup, gaps, crossfit, fitgmm, adapt, baseline, evaluate),
    *(report, compare, demo),
)


class _Commands(TyperGroup):
    """Turns our errors into their text and exit status, whichever command raised them."""

    def make_context(self, *given: Any, **extra: Any) -> Any:
        """Read the command line, and print help; raises SystemExit as `invoke`."""
        with _told():
            return super().make_context(*given, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; raises SystemExit with the status of what went wrong."""
        with _told():
            return super().invoke(ctx)


@contextmanager
def _told() -> Iterator[None]:
    """Tell what went wrong within, and raise SystemExit with its status."""
    try:
        yield
    except AvgapError as error:
        _tell(error)
    except OSError as error:
        _tell(_of_system(error))
    except KeyboardInterrupt as error:
        console.notice(INTERRUPTION)
        raise SystemExit(INTERRUPTED) from error


def _tell(error: AvgapError) -> NoReturn:
    console.error(error)
    raise SystemExit(error.exit_code) from error


def _of_system(error: OSError) -> AvgapError:
    """What the system refused: of a place to write to an OutputError, else an InputError.

    A pipe that broke is not that of our results, which nobody needs to read.
    """
    if isinstance(error, BrokenPipeError):
        return InputError(
            "another process of this command ended",
            ["what was saved stays"],
            "look at its message above; the same command goes on",
        )
    kind = OutputError if error.errno in _OF_OUTPUTS else InputError
    name = [] if error.filename is None else [str(error.filename)]
    return kind((error.strerror or str(error)).lower(), name)


app = typer.Typer(
    name="avgap",
    cls=_Commands,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _command in COMMANDS:
    app.command()(_command)


def main() -> None:
    """Run a command line: what `avgap.__main__` calls."""
    console.never_fail_on_a_letter()
    console.never_fail_on_a_reader()
    console.silence_another()
    app(prog_name="avgap")


def _version(asked: bool) -> None:
    if asked:
        from avgap import __version__

        console.artifact(f"avgap {__version__}\n")
        raise typer.Exit


@app.callback()
def avgap(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Measure, model and mend the modality gap of audio-visual classifiers.

    Each stage reads the artifact of the one before:

    \b
    prepare → cache.h5 → warmup → checkpoint.pt → gaps → gaps.h5
    → fitgmm → gmm.json → adapt → checkpoint.pt → evaluate → report

    Try: avgap demo
    """
