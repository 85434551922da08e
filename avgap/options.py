"""Every option declared once: its name, help, bounds and environment variable."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

from avgap.settings import AUDIO_RECIPES

_OUT, _RUN, _TRAIN, _FRONT = "Output", "Where and how it runs", "Training", "Front end"

# ---------------------------------------------------------------- arguments

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
        metavar="PATH...", help="An artifact; run folders; gaps and mixture.", show_default=False
    ),
]

# ---------------------------------------------------------------- common to all

Json = Annotated[
    bool, Option("--json", help="Print the result as one JSON object.", rich_help_panel=_OUT)
]
Quiet = Annotated[
    bool, Option("--quiet", "-q", help="No notices, no progress.", rich_help_panel=_OUT)
]
Force = Annotated[
    bool,
    Option("--force", "-f", help="Replace an artifact of another question.", rich_help_panel=_OUT),
]
OutputFile = Annotated[
    Path,
    Option("--output", "-o", help="The file to write.", show_default=False, rich_help_panel=_OUT),
]
OutputOrStdout = Annotated[
    str,
    Option(
        "--output",
        "-o",
        help="The file to write, or - for stdout.",
        show_default=False,
        rich_help_panel=_OUT,
    ),
]
OutputFolder = Annotated[
    Path,
    Option("--output", "-o", help="The training folder.", show_default=False, rich_help_panel=_OUT),
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
    str, Option(envvar="AVGAP_DEVICE", help="auto, cpu, cuda or cuda:i.", rich_help_panel=_RUN)
]
InferenceBatchSize = Annotated[
    int, Option("--batch-size", min=1, help="Samples per forward pass.", rich_help_panel=_RUN)
]
Precision = Annotated[
    Literal["auto", "fp32", "bf16"],
    Option(help="auto: bf16 on a GPU that has it.", rich_help_panel=_RUN),
]

# ---------------------------------------------------------------- prepare

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
Frames = Annotated[int, Option(min=1, help="Frames per clip.", rich_help_panel=_FRONT)]
FrameSize = Annotated[
    int, Option(min=8, help="Side of the stored frames, px.", rich_help_panel=_FRONT)
]
Sampling = Annotated[
    str, Option(help="Which frames: uniform, first, middle or fps:RATE.", rich_help_panel=_FRONT)
]
AudioRecipeName = Annotated[
    str,
    Option(
        "--audio-recipe",
        help=f"{', '.join(AUDIO_RECIPES)}.",
        rich_help_panel=_FRONT,
    ),
]
SampleRate = Annotated[
    int | None, Option(min=1000, help="Hz, instead of the recipe's.", rich_help_panel=_FRONT)
]
Seconds = Annotated[
    float | None, Option(min=0.01, help="Length of the sound, s.", rich_help_panel=_FRONT)
]
NFft = Annotated[
    int | None, Option("--n-fft", min=16, help="STFT window, samples.", rich_help_panel=_FRONT)
]
HopLength = Annotated[int | None, Option(min=1, help="STFT hop, samples.", rich_help_panel=_FRONT)]
Mels = Annotated[
    int | None, Option(min=1, help="Mel bands; none: linear bins.", rich_help_panel=_FRONT)
]
Decoder = Annotated[
    Literal["auto", "decord", "pyav"],
    Option(help="auto: decord where it is exact, else PyAV.", rich_help_panel=_FRONT),
]
Workers = Annotated[
    int | None, Option(min=1, help="Decoding processes; default: cores.", rich_help_panel=_RUN)
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
        rich_help_panel=_RUN,
    ),
]
AllowMissing = Annotated[int, Option(min=0, help="Broken clips to leave out, at most.")]
Limit = Annotated[
    int | None, Option(min=1, help="Only the first N clips of each split.", show_default=False)
]
DryRun = Annotated[bool, Option("--dry-run", help="List and check, decode nothing.")]

# ---------------------------------------------------------------- training

Epochs = Annotated[int, Option(min=1, help="Epochs.", rich_help_panel=_TRAIN)]
WarmupLoss = Annotated[
    Literal["joint", "fused"],
    Option(help="joint: Eq. 7; fused: L_MM alone, the baseline.", rich_help_panel=_TRAIN),
]
Encoder = Annotated[
    str | None,
    Option(
        help="Both encoders: resnet18 or small; mlp or identity of embeddings.",
        rich_help_panel=_TRAIN,
    ),
]
AudioEncoder = Annotated[str, Option(help="As --encoder.", rich_help_panel=_TRAIN)]
VisualEncoder = Annotated[str, Option(help="As --encoder.", rich_help_panel=_TRAIN)]
ImageSize = Annotated[
    int, Option(min=8, help="Input of the visual encoder, px.", rich_help_panel=_TRAIN)
]
BatchSize = Annotated[int, Option(min=1, help="Samples per step.", rich_help_panel=_TRAIN)]
OptimizerName = Annotated[
    Literal["sgd", "adam"], Option("--optimizer", help="Optimizer.", rich_help_panel=_TRAIN)
]
LearningRate = Annotated[
    float | None,
    Option(
        "--lr", min=0.0, help="Learning rate; default: sgd 2e-3, adam 1e-4.", rich_help_panel=_TRAIN
    ),
]
Momentum = Annotated[float, Option(min=0.0, max=1.0, help="Of sgd.", rich_help_panel=_TRAIN)]
WeightDecay = Annotated[float, Option(min=0.0, help="Weight decay.", rich_help_panel=_TRAIN)]
Seed = Annotated[int, Option(min=0, help="Seed.")]
Augment = Annotated[
    Literal["auto", "on", "off"],
    Option(
        help="Random crops and flips; auto: off where mirroring changes the meaning.",
        rich_help_panel=_TRAIN,
    ),
]

MethodName = Annotated[
    str,
    Argument(
        metavar="METHOD",
        help="audio-only, visual-only, concat, joint, g-blending, ogm-ge, greedy, pmr, agm, mla, "
        "dr, opm, opm-ogm or mmpareto.",
        show_default=False,
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

LrSchedule = Annotated[
    Literal["constant", "step", "cosine"],
    Option("--lr-schedule", help="Over the epochs of the phase.", rich_help_panel=_TRAIN),
]
LrStep = Annotated[
    int, Option("--lr-step", min=1, help="step: every so many epochs …", rich_help_panel=_TRAIN)
]
LrDecay = Annotated[
    float,
    Option(
        "--lr-decay", min=0.0, max=1.0, help="… the rate is multiplied by.", rich_help_panel=_TRAIN
    ),
]
Clip = Annotated[
    float | None,
    Option("--clip", min=0.0, help="Largest norm of the gradient; none.", rich_help_panel=_TRAIN),
]
Tf32 = Annotated[
    bool, Option("--tf32", help="Let a GPU round products to TF32.", rich_help_panel=_TRAIN)
]
SyncBatchNorm = Annotated[
    bool,
    Option(
        "--sync-batchnorm",
        help="Batch statistics over all processes of torchrun.",
        rich_help_panel=_TRAIN,
    ),
]
LogTest = Annotated[
    bool,
    Option(
        "--log-test",
        help="Test accuracies in the log: for the peers' convention, not for choosing.",
        rich_help_panel=_TRAIN,
    ),
]
ResidentAt = Annotated[
    Literal["auto", "device", "host", "file"],
    Option(
        "--resident",
        help="Where a split lies; auto: the first that has room.",
        rich_help_panel=_RUN,
    ),
]
Graph = Annotated[
    Literal["auto", "off"],
    Option(help="auto: the step as a CUDA graph where possible.", rich_help_panel=_RUN),
]
Compile = Annotated[
    Literal["auto", "on", "off"],
    Option(help="torch.compile; auto: in GPU runs long enough to pay.", rich_help_panel=_RUN),
]
Deterministic = Annotated[
    bool,
    Option("--deterministic", help="Bit for bit again on a GPU, too.", rich_help_panel=_RUN),
]
TensorBoard = Annotated[
    bool,
    Option(
        "--tensorboard",
        help="Event files, too, in OUTPUT/tensorboard (needs avgap[tensorboard]).",
        rich_help_panel=_RUN,
    ),
]

# As the checkpoint was trained, unless given: the same options without a default.
_AS_TRAINED = {"show_default": "as in warm-up", "rich_help_panel": _TRAIN}
SameBatchSize = Annotated[
    int | None, Option("--batch-size", min=1, help="Samples per step.", **_AS_TRAINED)
]
SameOptimizer = Annotated[
    Literal["sgd", "adam"] | None, Option("--optimizer", help="Optimizer.", **_AS_TRAINED)
]
SameLearningRate = Annotated[
    float | None, Option("--lr", min=0.0, help="Learning rate.", **_AS_TRAINED)
]
SameMomentum = Annotated[
    float | None, Option("--momentum", min=0.0, max=1.0, help="Of sgd.", **_AS_TRAINED)
]
SameWeightDecay = Annotated[
    float | None, Option("--weight-decay", min=0.0, help="Weight decay.", **_AS_TRAINED)
]
SameSeed = Annotated[
    int | None, Option("--seed", min=0, help="Seed of the shuffle.", **_AS_TRAINED)
]
SamePrecision = Annotated[
    Literal["auto", "fp32", "bf16"] | None, Option("--precision", help="Precision.", **_AS_TRAINED)
]
SameAugment = Annotated[
    Literal["auto", "on", "off"] | None,
    Option("--augment", help="Random crops and flips.", **_AS_TRAINED),
]

SameLrSchedule = Annotated[
    Literal["constant", "step", "cosine"] | None,
    Option("--lr-schedule", help="Over the epochs of the phase.", **_AS_TRAINED),
]
SameLrStep = Annotated[
    int | None, Option("--lr-step", min=1, help="step: every so many epochs …", **_AS_TRAINED)
]
SameLrDecay = Annotated[
    float | None,
    Option("--lr-decay", min=0.0, max=1.0, help="… the rate is multiplied by.", **_AS_TRAINED),
]
SameClip = Annotated[
    float | None, Option("--clip", min=0.0, help="Largest norm of the gradient.", **_AS_TRAINED)
]
SameTf32 = Annotated[
    bool | None,
    Option("--tf32/--no-tf32", help="Let a GPU round products to TF32.", **_AS_TRAINED),
]
SameSyncBatchNorm = Annotated[
    bool | None,
    Option(
        "--sync-batchnorm/--no-sync-batchnorm",
        help="Batch statistics over all processes of torchrun.",
        **_AS_TRAINED,
    ),
]
SameLogTest = Annotated[
    bool | None,
    Option(
        "--log-test/--no-log-test",
        help="Test accuracies in the log: not for choosing.",
        **_AS_TRAINED,
    ),
]

# ---------------------------------------------------------------- the mixture and Eq. 10

_MIX, _LOSS = "Mixture", "Adaptive loss (Eq. 10)"
Components = Annotated[
    Literal["1", "2", "3", "auto"],
    Option(help="3: a component of either side; auto: by BIC.", rich_help_panel=_MIX),
]
Bootstrap = Annotated[
    int,
    Option(min=0, help="Resamples, for standard errors and a p-value.", rich_help_panel=_MIX),
]
NInit = Annotated[int, Option("--n-init", min=1, help="Starts of EM.", rich_help_panel=_MIX)]
Tol = Annotated[float, Option(min=0.0, help="EM stops below this gain.", rich_help_panel=_MIX)]
RegCovar = Annotated[float, Option(min=0.0, help="Variance floor.", rich_help_panel=_MIX)]
MaxIter = Annotated[int, Option(min=1, help="EM iterations, at most.", rich_help_panel=_MIX)]
Plot = Annotated[
    Path | None,
    Option(help="Draw Fig. 2 into a .png, .svg or .pdf.", show_default=False, rich_help_panel=_OUT),
]
Logits = Annotated[bool, Option("--logits", help="Store the logits, too.")]
SavePredictions = Annotated[
    Path | None,
    Option(
        help="Write every sample's scores (.h5 or .csv).", show_default=False, rich_help_panel=_OUT
    ),
]
Alpha = Annotated[float, Option(min=0.0, help="Weight of w₀ · L_MM.", rich_help_panel=_LOSS)]
Beta = Annotated[float, Option(min=0.0, help="Weight of g².", rich_help_panel=_LOSS)]
Gamma = Annotated[float, Option(min=0.0, help="Weight of w₁ (g − μ₀)².", rich_help_panel=_LOSS)]
Anneal = Annotated[
    float, Option(min=0.0, max=1.0, help="λ_t = ANNEAL^epoch.", rich_help_panel=_LOSS)
]
Weights = Annotated[
    Literal["posterior", "uniform"], Option(help="uniform: w = 1 (Table 2).", rich_help_panel=_LOSS)
]
Preset = Annotated[
    Literal["paper", "best"],
    Option(
        help="paper: exactly Eq. 10; best: --pull weaker --keep-unimodal. Options given win.",
        rich_help_panel=_LOSS,
    ),
]
AdaptLoss = Annotated[
    Literal["adaptive", "joint", "fused"],
    Option(
        help="Controls for the same rounds: joint (Eq. 7) or fused (L_MM).", rich_help_panel=_LOSS
    ),
]
Pull = Annotated[
    Literal["both", "weaker"],
    Option(
        help="weaker: the gap moves the weaker modality of a sample alone.", rich_help_panel=_LOSS
    ),
]
KeepUnimodal = Annotated[
    bool,
    Option(
        "--keep-unimodal/--no-keep-unimodal",
        help="Add L_a + L_v (Eq. 5).",
        rich_help_panel=_LOSS,
    ),
]
Unsupported = Annotated[
    Literal["keep", "balanced"],
    Option(
        help="Rounds whose gaps show no two groups: keep the weights, or w₀ = 1, w₁ = 0.",
        rich_help_panel=_LOSS,
    ),
]
Steps = Annotated[
    int,
    Option(min=1, help="Rounds of gaps, mixture, training; one with --gmm.", rich_help_panel=_LOSS),
]
StepEpochs = Annotated[
    int, Option("--epochs", min=1, help="Epochs per step.", rich_help_panel=_LOSS)
]
KeepOptimizer = Annotated[
    bool,
    Option(
        "--keep-optimizer",
        help="Keep the warm-up's optimizer state (Table 3).",
        rich_help_panel=_LOSS,
    ),
]
AdaptComponents = Annotated[
    Literal["2", "3", "auto"],
    Option(
        "--components",
        help="Of each round's mixture. 3: one for either side; auto: what the gaps support.",
        rich_help_panel=_LOSS,
    ),
]
Gmm = Annotated[
    Path | None,
    Option(help="One step with this mixture instead.", show_default=False, rich_help_panel=_LOSS),
]

# ---------------------------------------------------------------- report and demo

ReportOutput = Annotated[
    str | None,
    Option(
        "--output",
        "-o",
        help="The file to write (figures: the folder), or - for stdout.",
        show_default=False,
        rich_help_panel=_OUT,
    ),
]
ReportFormat = Annotated[
    Literal["html", "md", "latex", "csv", "json", "figures"] | None,
    Option("--format", help="Instead of what the file's ending says.", rich_help_panel=_OUT),
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
        help="The group that others are compared with, of many runs; default: the first.",
        show_default=False,
    ),
]
TrajectoriesFile = Annotated[
    Path | None,
    Option(
        "--trajectories",
        help="Write each sample's way through the rounds as .csv, with its files.",
        show_default=False,
        rich_help_panel=_OUT,
    ),
]
CacheHint = Annotated[
    Path | None,
    Option("--cache", help="The cache, if it has moved.", show_default=False),
]
Verify = Annotated[bool, Option("--verify", help="Recompute the content's checksum.")]
DemoFolder = Annotated[
    Path, Option("--output", "-o", help="The folder to work in.", rich_help_panel=_OUT)
]
