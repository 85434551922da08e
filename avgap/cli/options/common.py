"""Arguments, and the options that are no setting: files, what is shown, what is replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

from avgap.cli.names import DATASETS, ENCODERS, METHODS, either
from avgap.settings import AUDIO_RECIPES

OUT = "Output"  # a panel of a command's help


def _beginning(names: Iterable[str]) -> Callable[[str], list[str]]:
    """What a shell proposes for a word that is begun: the names that begin so."""
    return lambda incomplete: [name for name in names if name.startswith(incomplete)]


Dataset = Annotated[
    str,
    Argument(
        metavar="DATASET",
        help=f"{either(DATASETS)}.",
        show_default=False,
        autocompletion=_beginning(DATASETS),
    ),
]
Root = Annotated[
    Path,
    Argument(
        metavar="ROOT",
        help="Where the dataset lies (csv: the table itself; embeddings: the file).",
        show_default=False,
    ),
]
MethodName = Annotated[
    str,
    Argument(
        metavar="METHOD",
        help=f"{either(tuple(METHODS))}.",
        show_default=False,
        autocompletion=_beginning(METHODS),
    ),
]
CacheFile = Annotated[
    Path, Argument(metavar="CACHE", help="cache.h5, from prepare.", show_default=False)
]
GapsFiles = Annotated[
    list[str],
    Argument(
        metavar="GAPS",
        help="gaps.h5, any .csv, .h5 or .npy of gaps, or - for stdin; several are taken together.",
        show_default=False,
    ),
]
Shards = Annotated[
    list[Path],
    Argument(
        metavar="SHARD...", help="All shards, or a folder that holds them.", show_default=False
    ),
]
Paths = Annotated[
    list[Path],
    Argument(
        metavar="PATH...", help="An artifact; a run folder; gaps and mixture.", show_default=False
    ),
]


Json = Annotated[
    bool, Option("--json", help="Print the result as one JSON object.", rich_help_panel=OUT)
]
Quiet = Annotated[
    bool, Option("--quiet", "-q", help="No notices, no progress.", rich_help_panel=OUT)
]
Force = Annotated[
    bool,
    Option("--force", "-f", help="Replace an artifact of another question.", rich_help_panel=OUT),
]
OutputFile = Annotated[
    Path,
    Option("--output", "-o", help="The file to write.", show_default=False, rich_help_panel=OUT),
]
OutputOrStdout = Annotated[
    str,
    Option(
        "--output",
        "-o",
        help="The file to write, or - for stdout.",
        show_default=False,
        rich_help_panel=OUT,
    ),
]
OutputFolder = Annotated[
    Path,
    Option("--output", "-o", help="The training folder.", show_default=False, rich_help_panel=OUT),
]


def _within(path: Path | None) -> Path | None:
    """The checkpoint of a training folder; any other path as it is."""
    there = None if path is None else path / "checkpoint.pt"
    return there if there is not None and there.is_file() else path


_CHECKPOINT = Option(
    "--checkpoint",
    "-c",
    help="checkpoint.pt, best.pt, or a training folder: its checkpoint.pt.",
    show_default=False,
    callback=_within,
)
CheckpointFile = Annotated[Path, _CHECKPOINT]
OptionalCache = Annotated[
    Path | None,
    Argument(metavar="CACHE", help="cache.h5, from prepare.", show_default=False),
]
OptionalCheckpoint = Annotated[Path | None, _CHECKPOINT]
Predictions = Annotated[
    Path | None,
    Option(
        help="Any model's scores (.npz, .h5, .csv, .parquet) instead of cache and checkpoint.",
        show_default=False,
    ),
]
Split = Annotated[Literal["train", "val", "test"], Option(help="Which samples.")]
Logits = Annotated[bool, Option("--logits", help="Store the logits, too; .h5 alone.")]
SavePredictions = Annotated[
    Path | None,
    Option(
        help="Write every sample's scores: .h5 with logits, or .csv.",
        show_default=False,
        rich_help_panel=OUT,
    ),
]
Plot = Annotated[
    Path | None,
    Option(help="Draw Fig. 2 into a .png, .svg or .pdf.", show_default=False, rich_help_panel=OUT),
]
Gmm = Annotated[
    Path | None,
    Option(
        help="One round with this mixture instead; with --posteriors, theirs.", show_default=False
    ),
]
Posteriors = Annotated[
    Path | None,
    Option(
        metavar="GAPS",
        help="Weigh each sample by its own gap in this table, such as crossfit's, throughout.",
        show_default=False,
    ),
]
Encoder = Annotated[
    str | None,
    Option(
        help=f"Both encoders: {either(ENCODERS[:2])}; {either(ENCODERS[2:])} of embeddings.",
        autocompletion=_beginning(ENCODERS),
    ),
]
Assignments = Annotated[
    list[str] | None,
    Option(
        "--set",
        metavar="NAME=VALUE",
        help="A setting of the method; may be given again for others.",
        show_default=False,
    ),
]
Splits = Annotated[
    Path | None,
    Option(
        help="Lists that set the splits: a folder as the peers publish it, or a CSV (id, split).",
        show_default=False,
    ),
]
AudioRecipeName = Annotated[str, Option("--audio-recipe", help=f"{', '.join(AUDIO_RECIPES)}.")]
Shard = Annotated[
    str | None,
    Option(
        "--shard",
        metavar="I/N|auto",
        help="Only share I of N, to merge; auto: of a Slurm array or torchrun.",
        show_default=False,
    ),
]
DryRun = Annotated[bool, Option("--dry-run", help="List and check, decode nothing.")]
