"""The options of `prepare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from typer import Option

from avgap.cli.options.common import FRONT, RUN
from avgap.settings import AUDIO_RECIPES

Splits = Annotated[
    Path | None,
    Option(
        help="Lists that set the splits: a folder as the peers publish it, or a CSV (id, split).",
        show_default=False,
    ),
]
SplitBy = Annotated[
    Literal["random", "speaker"] | None,
    Option(
        help="Divide anew, 9:1 for test: random is stratified; speaker keeps each in one split.",
        show_default="random where nothing names splits",
    ),
]
Window = Annotated[
    Literal["event", "clip"],
    Option(help="event: from start to end where a clip has them; clip: all of its media."),
]
Leaks = Annotated[
    Literal["keep", "drop"],
    Option(help="drop: no recording in two splits; it stays in test, else in val."),
]
ValFraction = Annotated[
    float, Option(min=0.0, max=0.9, help="Validation's share of training, if no split names one.")
]
Corrupt = Annotated[
    str | None,
    Option(
        metavar="MODALITY:SHARE[:KIND]",
        help="Spoil a share of clips: visual (noise, blank, pca25) or audio (noise, silence).",
        show_default=False,
    ),
]
Frames = Annotated[int, Option(min=1, help="Frames per clip.", rich_help_panel=FRONT)]
FrameSize = Annotated[
    int, Option(min=8, help="Side of the stored frames, px.", rich_help_panel=FRONT)
]
Sampling = Annotated[
    str, Option(help="Which frames: uniform, first, middle or fps:RATE.", rich_help_panel=FRONT)
]
AudioRecipeName = Annotated[
    str,
    Option(
        "--audio-recipe",
        help=f"{', '.join(AUDIO_RECIPES)}.",
        rich_help_panel=FRONT,
    ),
]
SampleRate = Annotated[
    int | None, Option(min=1000, help="Hz, instead of the recipe's.", rich_help_panel=FRONT)
]
Seconds = Annotated[
    float | None, Option(min=0.01, help="Length of the sound, s.", rich_help_panel=FRONT)
]
NFft = Annotated[
    int | None, Option("--n-fft", min=16, help="STFT window, samples.", rich_help_panel=FRONT)
]
HopLength = Annotated[int | None, Option(min=1, help="STFT hop, samples.", rich_help_panel=FRONT)]
Mels = Annotated[
    int | None, Option(min=1, help="Mel bands; none: linear bins.", rich_help_panel=FRONT)
]
Decoder = Annotated[
    Literal["auto", "decord", "pyav"],
    Option(help="auto: decord where it is exact, else PyAV.", rich_help_panel=FRONT),
]
Workers = Annotated[
    int | None, Option(min=1, help="Decoding processes; default: cores.", rich_help_panel=RUN)
]
KeepSound = Annotated[
    bool, Option("--keep-sound", help="Also keep the sound itself, for the report to play.")
]
Shard = Annotated[
    str | None,
    Option(
        "--shard",
        metavar="I/N|auto",
        help="Only share I of N, to merge; auto: of a Slurm array or torchrun.",
        show_default=False,
        rich_help_panel=RUN,
    ),
]
AllowMissing = Annotated[int, Option(min=0, help="Broken clips to leave out, at most.")]
Limit = Annotated[
    int | None, Option(min=1, help="Only the first N clips of each split.", show_default=False)
]
DryRun = Annotated[bool, Option("--dry-run", help="List and check, decode nothing.")]
