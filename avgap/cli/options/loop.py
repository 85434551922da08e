"""The options of training: how a method is trained, where and how it runs."""

from __future__ import annotations

from typing import Annotated, Literal

from typer import Argument, Option

from avgap.cli.options.common import RUN, TRAIN

Epochs = Annotated[int, Option(min=1, help="Epochs.", rich_help_panel=TRAIN)]
WarmupLoss = Annotated[
    Literal["joint", "fused"],
    Option(help="joint: Eq. 7; fused: L_MM alone, the baseline.", rich_help_panel=TRAIN),
]
Encoder = Annotated[
    str | None,
    Option(
        help="Both encoders: resnet18 or small; mlp or identity of embeddings.",
        rich_help_panel=TRAIN,
    ),
]
AudioEncoder = Annotated[str, Option(help="As --encoder.", rich_help_panel=TRAIN)]
VisualEncoder = Annotated[str, Option(help="As --encoder.", rich_help_panel=TRAIN)]
ImageSize = Annotated[
    int, Option(min=8, help="Input of the visual encoder, px.", rich_help_panel=TRAIN)
]
BatchSize = Annotated[int, Option(min=1, help="Samples per step.", rich_help_panel=TRAIN)]
OptimizerName = Annotated[
    Literal["sgd", "adam"], Option("--optimizer", help="Optimizer.", rich_help_panel=TRAIN)
]
LearningRate = Annotated[
    float | None,
    Option(
        "--lr", min=0.0, help="Learning rate; default: sgd 2e-3, adam 1e-4.", rich_help_panel=TRAIN
    ),
]
Momentum = Annotated[float, Option(min=0.0, max=1.0, help="Of sgd.", rich_help_panel=TRAIN)]
WeightDecay = Annotated[float, Option(min=0.0, help="Weight decay.", rich_help_panel=TRAIN)]
_SEEDS = 2**32 - 1  # the largest that every library takes
Seed = Annotated[int, Option(min=0, max=_SEEDS, help="Seed.")]
Augment = Annotated[
    Literal["auto", "on", "off"],
    Option(
        help="Random crops and flips; auto: off where mirroring changes the meaning.",
        rich_help_panel=TRAIN,
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
    Option("--lr-schedule", help="Over the epochs of the phase.", rich_help_panel=TRAIN),
]
LrStep = Annotated[
    int, Option("--lr-step", min=1, help="step: every so many epochs …", rich_help_panel=TRAIN)
]
LrDecay = Annotated[
    float,
    Option(
        "--lr-decay", min=0.0, max=1.0, help="… the rate is multiplied by.", rich_help_panel=TRAIN
    ),
]
Clip = Annotated[
    float | None,
    Option("--clip", min=0.0, help="Largest norm of the gradient; none.", rich_help_panel=TRAIN),
]
Tf32 = Annotated[
    bool, Option("--tf32", help="Let a GPU round products to TF32.", rich_help_panel=TRAIN)
]
SyncBatchNorm = Annotated[
    bool,
    Option(
        "--sync-batchnorm",
        help="Batch statistics over all processes of torchrun.",
        rich_help_panel=TRAIN,
    ),
]
LogTest = Annotated[
    bool,
    Option(
        "--log-test",
        help="Test accuracies in the log: for the peers' convention, not for choosing.",
        rich_help_panel=TRAIN,
    ),
]
ResidentAt = Annotated[
    Literal["auto", "device", "host", "file"],
    Option(
        "--resident",
        help="Where a split lies; auto: the first that has room.",
        rich_help_panel=RUN,
    ),
]
Graph = Annotated[
    Literal["auto", "off"],
    Option(help="auto: the step as a CUDA graph where possible.", rich_help_panel=RUN),
]
Compile = Annotated[
    Literal["auto", "on", "off"],
    Option(help="torch.compile; auto: in GPU runs long enough to pay.", rich_help_panel=RUN),
]
Deterministic = Annotated[
    bool,
    Option("--deterministic", help="Bit for bit again on a GPU, too.", rich_help_panel=RUN),
]
TensorBoard = Annotated[
    bool,
    Option(
        "--tensorboard",
        help="Event files, too, in OUTPUT/tensorboard (needs avgap[tensorboard]).",
        rich_help_panel=RUN,
    ),
]

# As the checkpoint was trained, unless given: the same options without a default.
_AS_TRAINED = {"show_default": "as in warm-up", "rich_help_panel": TRAIN}
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
    int | None, Option("--seed", min=0, max=_SEEDS, help="Seed of the shuffle.", **_AS_TRAINED)
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
