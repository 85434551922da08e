"""Arguments, and the options that many commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

# The panels of a command's help.
OUT, RUN, TRAIN, FRONT = "Output", "Where and how it runs", "Training", "Front end"

Dataset = Annotated[
    str,
    Argument(
        metavar="DATASET",
        help="csv, cremad, ave, kinetics-sounds, vggsound, avdigits, demo or embeddings.",
        show_default=False,
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
CheckpointFile = Annotated[
    Path, Option("--checkpoint", "-c", help="checkpoint.pt or best.pt.", show_default=False)
]
OptionalCache = Annotated[
    Path | None,
    Argument(metavar="CACHE", help="cache.h5, from prepare.", show_default=False),
]
OptionalCheckpoint = Annotated[
    Path | None,
    Option("--checkpoint", "-c", help="checkpoint.pt or best.pt.", show_default=False),
]
Predictions = Annotated[
    Path | None,
    Option(
        help="Any model's scores (.npz, .h5, .csv, .parquet) instead of cache and checkpoint.",
        show_default=False,
    ),
]
Split = Annotated[Literal["train", "val", "test"], Option(help="Which samples.")]
Device = Annotated[
    str, Option(envvar="AVGAP_DEVICE", help="auto, cpu, cuda or cuda:i.", rich_help_panel=RUN)
]
InferenceBatchSize = Annotated[
    int, Option("--batch-size", min=1, help="Samples per forward pass.", rich_help_panel=RUN)
]
Precision = Annotated[
    Literal["auto", "fp32", "bf16"],
    Option(help="auto: bf16 on a GPU that has it.", rich_help_panel=RUN),
]
