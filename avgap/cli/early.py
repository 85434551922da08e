"""What a command line alone can tell is told before torch, h5py or scikit-learn is imported.

The stages check the same for whoever calls them from Python; a test compares the words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from avgap.cli import names
from avgap.cli.common import STDOUT
from avgap.errors import InputError, OutputError, UsageError, unknown
from avgap.settings import Network, Running
from avgap.text import nearest

# ---------------------------------------------------------------- names: exit 2


def expect_known(kind: str, name: str, known: Iterable[str]) -> None:
    """Raise UsageError, with the nearest known name, for another."""
    known = list(known)
    if name not in known:
        raise unknown(kind, name, known)


def expect_device(name: str) -> None:
    """Raise UsageError for what is no spelling of a device; whether it is there, torch knows."""
    if re.fullmatch(r"auto|cpu|cuda(:\d+)?", name) is None:
        raise UsageError(f"unknown device {name!r}", ["known: auto, cpu, cuda, cuda:0, cuda:1 …"])


def expect_method(name: str, assignments: Sequence[str]) -> None:
    """Raise UsageError for another method, or for a setting that it does not have."""
    expect_known("method", name, names.METHODS)
    settings = names.METHODS[name]
    known = re.findall(r"(\w+)=", settings)
    problems = []
    for word in assignments:
        key, equals, _ = word.partition("=")
        if not equals:
            problems.append(f"{word!r} is no NAME=VALUE")
        elif key not in known:
            near = nearest(key, known)
            problems.append(f"unknown setting {key!r}" + (f": {near}?" if near else ""))
    # Beside a setting that there is, whose value may be wrong, too, the method tells all at once.
    if problems and len(problems) == len(assignments):
        listed = f"its settings: {settings or 'none'}"
        raise UsageError(f"{name} cannot be set so", [*problems, listed])


def expect_fold(fold: int, folds: int) -> None:
    """Raise UsageError for a fold that there is not."""
    if fold > folds:
        raise UsageError(f"there is no fold {fold}", [f"folds: 1 to {folds}"])


def expect_training(
    inputs: Sequence[Path | None],
    output: Path,
    running: Running,
    network: Network | None = None,
) -> None:
    """Raise what keeps a training from its beginning. network: the one to build, if one is."""
    expect_device(running.device)
    for name in () if network is None else (network.audio_encoder, network.visual_encoder):
        expect_known("encoder", name, names.ENCODERS)
    expect_files(*inputs)
    if output.exists() and not output.is_dir():
        raise OutputError(f"{output} is a file, not a training folder", hint="another -o")


# ---------------------------------------------------------------- inputs: exit 3


def expect_there(*paths: Path) -> None:
    """Raise InputError where nothing has such a name."""
    for path in paths:
        if not path.exists():
            raise InputError(f"{path} does not exist")


def expect_files(*paths: Path | None) -> None:
    """Raise InputError where a path names nothing, or a folder."""
    for path in paths:
        if path is not None:
            expect_there(path)
            if path.is_dir():
                raise InputError(f"{path} is a folder, not an artifact")


def expect_gaps(paths: Sequence[str]) -> None:
    """Raise InputError where one of the paths, but for standard input, is no table of gaps."""
    for path in (Path(path) for path in paths if path != STDOUT):
        _expect_ending(path, "a table of gaps", names.GAPS)


def expect_scores(path: Path) -> None:
    """Raise InputError where there is no file of scores."""
    _expect_ending(path, "a file of scores", names.SCORES)


def _expect_ending(path: Path, what: str, endings: Sequence[str]) -> None:
    expect_there(path)
    if path.suffix not in endings:
        raise InputError(f"{path} is not {what}", [f"known endings: {', '.join(endings)}"])
    expect_files(path)


def expect_root(dataset: str, root: Path) -> None:
    """Raise InputError where the dataset cannot lie."""
    if dataset != "demo":  # which is made where it is not there
        expect_there(root)
    if root.is_file() and dataset not in names.FILES:
        raise InputError(f"{root} is a file, not the folder of {dataset}")


# ---------------------------------------------------------------- outputs: exit 4


def expect_name(output: str | Path | None, kind: str) -> None:
    """Raise OutputError where an artifact of a kind, such as gaps, cannot be called so."""
    if output is None or str(output) == STDOUT:
        return
    from avgap.artifact.stamp import FORMATS, format_name

    endings = FORMATS[f"avgap.{kind}"]
    if Path(output).suffix not in endings:
        what = format_name(f"avgap.{kind}")
        raise OutputError(f"{output} is no name for {what}", hint=f"-o {output}{endings[0]}")


def expect_figure(output: Path | None) -> None:
    """Raise OutputError where a figure cannot be called so."""
    if output is not None and output.suffix not in names.FIGURES:
        raise OutputError(f"cannot draw {output}", [f"known endings: {', '.join(names.FIGURES)}"])
