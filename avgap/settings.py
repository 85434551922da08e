"""Every setting, declared once: its type, bounds, help, default and where that default comes from.

Plain frozen dataclasses that import nothing, so that the command line can be made of them without
loading torch. A field with a Help is an option. docs/method.md gives the reasons at length.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

Settings = TypeVar("Settings")

SPLITS = ("train", "val", "test")
MODALITIES = ("fused", "audio", "visual")


class Within(NamedTuple):
    """The range of a number, from the least to the most, both included."""

    least: float
    most: float = math.inf

    def __str__(self) -> str:
        return f"from {self.least:g}" + (f" to {self.most:g}" if self.most < math.inf else "")


class Help(NamedTuple):
    """What the command line says of a setting.

    name: of the option, where it is not the field's. none: what no value stands for. envvar: the
    variable that gives it, too. off: whether a flag can be taken back by --no-NAME.
    """

    text: str
    name: str | None = None
    none: str | None = None
    metavar: str | None = None
    envvar: str | None = None
    off: bool = False


Seed = Annotated[int, Within(0, 2**32 - 1)]  # the largest that every library takes
Device = Annotated[str, Help("auto, cpu, cuda or cuda:i.", envvar="AVGAP_DEVICE")]
Precision = Annotated[Literal["auto", "fp32", "bf16"], Help("auto: bf16 on a GPU that has it.")]


@dataclass(frozen=True)
class AudioRecipe:
    """How a waveform becomes a spectrogram (F, T). OGM-GE's code for CREMA-D by default.

    transform: one of `data.audio.TRANSFORMS`, which defines it. normalise: none, clip (zero mean
    and unit deviation of each clip) or affine (AudioSet's statistics, halved).
    """

    name: str = "ogm"
    sample_rate: Annotated[int, Within(1000), Help("Of the sound, Hz.")] = 22050
    seconds: Annotated[float, Within(0.01), Help("Length of the sound, s.")] = 3.0
    n_fft: Annotated[int, Within(16), Help("STFT window, samples.")] = 512
    hop_length: Annotated[int, Within(1), Help("STFT hop, samples.")] = 353
    mels: Annotated[int | None, Within(1), Help("Mel bands.")] = None  # None: linear bins
    transform: str = "stft"  # stft | density | fbank
    normalise: str = "none"  # none | clip | affine

    @property
    def n_samples(self) -> int:
        """Length of the sound that the spectrogram holds, in samples."""
        return round(self.sample_rate * self.seconds)

    @property
    def shape(self) -> tuple[int, int]:
        """(F, T): stft is centred, the windows of the others lie within the sound."""
        bins = self.mels if self.mels is not None else self.n_fft // 2 + 1
        inside = self.n_samples if self.transform == "stft" else self.n_samples - self.n_fft
        return bins, 1 + inside // self.hop_length


# The literature's front ends; docs/method.md says whose.
AUDIO_RECIPES = {
    recipe.name: recipe
    for recipe in (
        AudioRecipe(),  # 257×188
        AudioRecipe("ogm-text", 16000, 3.0, 512, 159, None, "density"),  # 257×299
        AudioRecipe("pmr-ave", 16000, 10.0, 512, 159, None, "density", "clip"),  # 257×1004
        AudioRecipe("kaldi-fbank", 16000, 10.255, 400, 160, 128, "fbank", "affine"),  # 128×1024
        AudioRecipe("logmel", 16000, 3.0, 400, 160, 64),  # 64×301
    )
}


@dataclass(frozen=True)
class FrameRecipe:
    """Which frames of a clip are kept, and their side (px); the aspect is not kept.

    sampling: uniform, first, middle or fps:RATE, as `data.sampling.choose` defines them.
    """

    count: Annotated[int, Within(1), Help("Frames per clip.", name="frames")] = 3
    size: Annotated[int, Within(8), Help("Side of the stored frames, px.", name="frame-size")] = 256
    sampling: Annotated[str, Help("Which frames: uniform, first, middle or fps:RATE.")] = "uniform"

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(K, H, W, 3)."""
        return self.count, self.size, self.size, 3


@dataclass(frozen=True)
class Embedding:
    """In place of a recipe: size numbers of float32, made elsewhere."""

    size: int

    @property
    def shape(self) -> tuple[int]:
        """(d,)."""
        return (self.size,)


@dataclass(frozen=True)
class Preparation:
    """How `prepare` divides a dataset's clips, corrupts some, decodes and leaves out."""

    split_by: Annotated[
        Literal["random", "speaker"] | None,
        Help(
            "Divide anew, 9:1 for test: random is stratified; speaker keeps each in one split.",
            none="random where nothing names splits",
        ),
    ] = None
    val_fraction: Annotated[
        float, Within(0, 0.9), Help("Validation's share of training, if no split names one.")
    ] = 0.1
    leaks: Annotated[
        Literal["keep", "drop"],
        Help("drop: no recording in two splits; it stays in test, else in val."),
    ] = "keep"
    window: Annotated[
        Literal["event", "clip"],
        Help("event: from start to end where a clip has them; clip: all of its media."),
    ] = "event"
    corrupt: Annotated[
        str | None,
        Help(
            "Corrupt a share of clips: visual (noise, blank, pca25) or audio (noise, silence), or "
            "either by added noise (white:-5dB).",
            metavar="MODALITY:SHARE[:KIND]",
        ),
    ] = None
    corrupt_splits: Annotated[
        Literal["all", "train"], Help("Which splits it corrupts; train: val and test stay clean.")
    ] = "all"
    crop: Annotated[
        str | None,
        Help(
            "Keep this box of every picture, px as shown; a table's own boxes come first.",
            metavar="X,Y,WIDTH,HEIGHT",
        ),
    ] = None
    decoder: Annotated[
        Literal["auto", "decord", "pyav"], Help("auto: decord where it is exact, else PyAV.")
    ] = "auto"
    workers: Annotated[
        int | None, Within(1), Help("Decoding processes.", none="one for each core")
    ] = None
    keep_sound: Annotated[bool, Help("Also keep the sound itself, for the report to play.")] = False
    allow_missing: Annotated[int, Within(0), Help("Broken clips to leave out, at most.")] = 0
    limit: Annotated[
        int | None, Within(1), Help("Only the first so many clips of each split.", none="all")
    ] = None
    seed: Annotated[Seed, Help("Seed of a division and of what is corrupted.")] = 0


@dataclass(frozen=True)
class Network:
    """The audio-visual network of Eq. 1–3."""

    audio_encoder: Annotated[str, Help("As --encoder.")] = "resnet18"  # the paper, §4.2
    visual_encoder: Annotated[str, Help("As --encoder.")] = "resnet18"
    # Smaller cached frames are used as they are.
    image_size: Annotated[int, Within(8), Help("Input of the visual encoder, px.")] = 224

    def with_encoder(self, name: str | None) -> Network:
        """The network with this encoder for both modalities; None: as it is."""
        return self if name is None else Network(name, name, self.image_size)


@dataclass(frozen=True)
class Warmup:
    """What is trained before the gaps are measured."""

    loss: Annotated[
        Literal["joint", "fused"], Help("joint: Eq. 7; fused: L_MM alone, the baseline.")
    ] = "joint"


@dataclass(frozen=True)
class Crossfit:
    """Into which folds the training split goes, and how many are trained at once."""

    # As cleanlab's cross-validation of labels, which is the nearest practice.
    folds: Annotated[
        int, Within(2), Help("So many networks, each trained on all of the folds but its own.")
    ] = 5
    by: Annotated[
        str | None,
        Help(
            "Column of the cache, such as speaker, whose groups each stay in one fold.",
            none="none",
            metavar="COLUMN",
        ),
    ] = None
    jobs: Annotated[int, Within(1), Help("Folds trained at once, in processes of their own.")] = 1


LEARNING_RATES: dict[str, float] = {"sgd": 2e-3, "adam": 1e-4}  # the paper §4.2; MCR


@dataclass(frozen=True)
class Training:
    """The loop's settings, shared by every method."""

    epochs: Annotated[int, Within(1), Help("Epochs.")] = 30  # our choice; the paper is silent
    batch_size: Annotated[int, Within(1), Help("Samples per optimizer step.")] = (
        64  # MMPareto, D&R, InfoReg
    )
    optimizer: Annotated[Literal["sgd", "adam"], Help("Optimizer.")] = "sgd"
    lr: Annotated[
        float | None,
        Within(0),
        Help("Learning rate.", none=", ".join(f"{n} {r:g}" for n, r in LEARNING_RATES.items())),
    ] = None  # None: LEARNING_RATES[optimizer]
    momentum: Annotated[float, Within(0, 1), Help("Of sgd.")] = 0.9  # the paper, §4.2
    weight_decay: Annotated[float, Within(0), Help("Weight decay.")] = 1e-4  # the peers' usual
    seed: Annotated[Seed, Help("Seed of the weights, the shuffle and the crops.")] = 0
    precision: Precision = "auto"
    augment: Annotated[
        Literal["auto", "on", "off"],
        Help("Random crops and flips; auto: off where mirroring changes the meaning."),
    ] = "auto"
    lr_schedule: Annotated[
        Literal["constant", "step", "cosine"], Help("Over the epochs of the phase.")
    ] = "constant"  # constant: MMPareto, D&R; step: OGM-GE, PMR
    lr_step: Annotated[int, Within(1), Help("step: every so many epochs …")] = 70  # OGM-GE
    lr_decay: Annotated[float, Within(0, 1), Help("… the rate is multiplied by.")] = 0.1  # OGM-GE
    clip: Annotated[
        float | None, Within(0), Help("Largest norm of the gradient.", none="not clipped")
    ] = None  # the peers do not clip
    # Third parties saw scores move with it.
    tf32: Annotated[bool, Help("Let a GPU round products to TF32.")] = False
    sync_batchnorm: Annotated[bool, Help("Batch statistics over all processes of torchrun.")] = (
        False
    )
    log_test: Annotated[
        bool, Help("Test accuracies in the log: for the peers' convention, not for choosing.")
    ] = False

    @property
    def learning_rate(self) -> float:
        """The learning rate in force: the one given, else the optimizer's default."""
        return LEARNING_RATES[self.optimizer] if self.lr is None else self.lr


@dataclass(frozen=True)
class Inference:
    """How a split is measured. Neither the batch size nor the device is part of a question."""

    # Of 3 frames of 224 px in fp32, ResNet-18 then needs about 2.5 GB.
    batch_size: Annotated[int, Within(1), Help("Samples per forward pass.")] = 128
    precision: Precision = "fp32"
    device: Device = "auto"


INFERENCE_BATCH_SIZE = Inference.batch_size


@dataclass(frozen=True)
class Running:
    """Where and how training runs. None of it is part of a question: the mathematics is the same.

    resident: device, host (pinned) or file (memory-mapped, read ahead).
    """

    device: Device = "auto"
    resident: Annotated[
        Literal["auto", "device", "host", "file"],
        Help("Where a split lies; auto: the first that has room."),
    ] = "auto"
    graph: Annotated[
        Literal["auto", "off"], Help("auto: the step as a CUDA graph where possible.")
    ] = "auto"
    compile: Annotated[
        Literal["auto", "on", "off"], Help("torch.compile; auto: in GPU runs long enough to pay.")
    ] = "auto"
    deterministic: Annotated[bool, Help("Bit for bit again on a GPU, too.")] = False
    tensorboard: Annotated[
        bool, Help("Event files, too, in OUTPUT/tensorboard (needs avgap[tensorboard]).")
    ] = False


@dataclass(frozen=True)
class Fit:
    """How the mixture of Eq. 8 is fitted."""

    # 2: the paper
    components: Annotated[
        Literal[1, 2, 3, "auto"], Help("3: a component of either side; auto: by BIC.")
    ] = 2
    n_init: Annotated[int, Within(1), Help("Starts of EM.")] = 10  # mixture.initial.starts
    # scikit-learn's 1e-3 stops after two iterations.
    tol: Annotated[float, Within(0, 1), Help("EM stops below this gain.")] = 1e-8
    reg_covar: Annotated[float, Within(1e-12, 1), Help("Variance floor.")] = 1e-6
    max_iter: Annotated[int, Within(1), Help("EM iterations, at most.")] = 2000
    seed: Annotated[Seed, Help("Seed of the starts and the resamples.")] = 0
    bootstrap: Annotated[
        int, Within(0), Help("Resamples, for standard errors and a p-value; 0: neither.")
    ] = 0
    # nec: Celeux and Soromenho 1996; docs/method.md says where it serves.
    criterion: Annotated[
        Literal["likelihood", "nec"],
        Help("Which optimum of EM: the likeliest (the paper), or nec: groups that overlap least."),
    ] = "likelihood"

    @property
    def recorded(self) -> dict[str, Any]:
        """The parameters as an artifact records them: the criterion only where it is not EM's."""
        values = parameters(self)
        return {n: v for n, v in values.items() if (n, v) != ("criterion", "likelihood")}


@dataclass(frozen=True)
class Adaptive:
    """Eq. 10 and Algorithm 1, phase 2."""

    loss: Annotated[
        Literal["adaptive", "abstain", "push", "spare", "distill", "mend", "joint", "fused"],
        Help(
            "adaptive: Eq. 10. abstain … mend: Eq. 7, the weaker modality treated so where "
            "imbalanced. Controls: joint (Eq. 7), fused (L_MM)."
        ),
    ] = "adaptive"
    alpha: Annotated[float, Within(0), Help("Weight of w₀ · L_MM.")] = 1.0
    beta: Annotated[float, Within(0), Help("Weight of g².")] = 1.0
    gamma: Annotated[float, Within(0), Help("Weight of w₁ (g − μ₀)².")] = 1.0
    anneal: Annotated[float, Within(0, 1), Help("λ_t = ANNEAL^epoch.")] = 0.96
    weights: Annotated[Literal["posterior", "uniform"], Help("uniform: w = 1 (Table 2).")] = (
        "posterior"
    )
    pull: Annotated[
        Literal["both", "weaker"],
        Help("weaker: the gap moves the weaker modality of a sample alone."),
    ] = "both"  # weaker: g's gradient stops at the stronger modality
    keep_unimodal: Annotated[bool, Help("Add L_a + L_v (Eq. 5).", off=True)] = False
    unsupported: Annotated[
        Literal["keep", "balanced"],
        Help("Rounds whose gaps show no two groups: keep the weights, or w₀ = 1, w₁ = 0."),
    ] = "keep"
    # The paper's Fig. 3 shows four rounds.
    steps: Annotated[
        int,
        Within(1),
        Help("Rounds of gaps, mixture, training (the paper's S_adaptive); one with --gmm."),
    ] = 4
    epochs: Annotated[int, Within(1), Help("Epochs per round.")] = 10  # E_adaptive
    keep_optimizer: Annotated[bool, Help("Keep the warm-up's optimizer state (Table 3).")] = (
        False  # Table 3, "same state"
    )


@dataclass(frozen=True)
class Rounds:
    """What `adapt` says of its rounds as a whole: the loss by a name, each mixture's components."""

    preset: Annotated[
        Literal["paper", "kept", "best"],
        Help(
            "paper: exactly Eq. 10; kept: --pull weaker --keep-unimodal --gamma 0.1; best: --loss "
            "mend --keep-optimizer, with --posteriors. Options given win."
        ),
    ] = "paper"
    components: Annotated[
        Literal[2, 3, "auto"],
        Help("Of each round's mixture. 3: one for either side; auto: what the gaps support."),
    ] = 2
    # Held-out gaps have sharp peaks; docs/results.md says how often the likelihood cuts one in two.
    criterion: Annotated[
        Literal["likelihood", "nec"] | None,
        Help(
            "Of each round's mixture, as for fitgmm.", none="nec with --posteriors, else likelihood"
        ),
    ] = None


# The settings of Adaptive that have no meaning where the loss is not Eq. 10.
OF_EQ_10 = ("alpha", "beta", "gamma", "anneal", "weights", "pull", "keep_unimodal")
# Losses that look at no mixture.
CONTROLS = ("joint", "fused")


def unused(loss: str) -> tuple[str, ...]:
    """The settings of Adaptive that this loss does not look at."""
    if loss == "adaptive":
        return ()
    return (*OF_EQ_10, "unsupported") if loss in CONTROLS else OF_EQ_10


# Named members of the loss's family. paper: Eq. 10 as it stands; kept: the unimodal terms kept, the
# gentlest to plain training of the members of Eq. 10; best: plain training, but for the samples
# that had better abstain; docs/results.md says where it is above.
PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"gamma": 1.0, "pull": "both", "keep_unimodal": False},
    "kept": {"gamma": 0.1, "pull": "weaker", "keep_unimodal": True},
    "best": {"loss": "mend", "keep_optimizer": True},  # nobody abstains: plain training to the bit
}

# As many as warm-up and adaptation have together, so that methods are compared at equal cost.
BASELINE_EPOCHS = Training.epochs + Adaptive.steps * Adaptive.epochs
BASELINE = Training(epochs=BASELINE_EPOCHS)


def parameters(settings: Any) -> dict[str, Any]:
    """The fields of a settings object by name, as an artifact records them."""
    return {field.name: getattr(settings, field.name) for field in fields(settings)}


def override(settings: Settings, **changes: Any) -> Settings:
    """The settings with every change that is not None applied."""
    kept = {name: value for name, value in changes.items() if value is not None}
    return replace(settings, **kept)  # type: ignore[type-var]
