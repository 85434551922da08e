"""Every setting that changes an answer, with its one default and where that default comes from.

Plain frozen dataclasses that import nothing, so that the command line can show defaults without
loading torch. docs/method.md gives the reasons at length.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

Settings = TypeVar("Settings")

SPLITS = ("train", "val", "test")
MODALITIES = ("fused", "audio", "visual")


@dataclass(frozen=True)
class AudioRecipe:
    """How a waveform becomes a spectrogram (F, T). OGM-GE's code for CREMA-D by default.

    transform: one of `data.audio.TRANSFORMS`, which defines it. normalise: none, clip (zero mean
    and unit deviation of each clip) or affine (AudioSet's statistics, halved).
    """

    name: str = "ogm"
    sample_rate: int = 22050  # Hz
    seconds: float = 3.0  # s of sound that the spectrogram holds
    n_fft: int = 512  # samples of the window
    hop_length: int = 353  # samples
    mels: int | None = None  # None: linear frequency bins
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

    count: int = 3
    size: int = 256
    sampling: str = "uniform"

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
class Network:
    """The audio-visual network of Eq. 1–3."""

    audio_encoder: str = "resnet18"  # the paper, §4.2
    visual_encoder: str = "resnet18"
    image_size: int = 224  # px; smaller cached frames are used as they are


LEARNING_RATES: dict[str, float] = {"sgd": 2e-3, "adam": 1e-4}  # the paper §4.2; MCR


@dataclass(frozen=True)
class Training:
    """The loop's settings, shared by every method."""

    epochs: int = 30  # decided for the project; the paper is silent
    batch_size: int = 64  # MMPareto, D&R, InfoReg
    optimizer: str = "sgd"
    lr: float | None = None  # None: LEARNING_RATES[optimizer]
    momentum: float = 0.9  # the paper, §4.2
    weight_decay: float = 1e-4  # the peers' common value
    seed: int = 0
    precision: str = "auto"  # auto | fp32 | bf16
    augment: str = "auto"  # auto: as the dataset says | on | off
    lr_schedule: str = "constant"  # constant (MMPareto, D&R) | step (OGM-GE, PMR) | cosine
    lr_step: int = 70  # epochs; OGM-GE
    lr_decay: float = 0.1  # of step; OGM-GE
    clip: float | None = None  # largest norm of the gradient; the peers do not clip
    tf32: bool = False  # third parties saw scores move with it
    sync_batchnorm: bool = False  # batch statistics over all processes
    log_test: bool = False  # test accuracies in the log, too: "best epoch on test", as the peers

    @property
    def learning_rate(self) -> float:
        """The learning rate in force: the one given, else the optimizer's default."""
        return LEARNING_RATES[self.optimizer] if self.lr is None else self.lr


# Samples per forward pass. Of 3 frames of 224 px in fp32, ResNet-18 then needs about 2.5 GB.
INFERENCE_BATCH_SIZE = 128


@dataclass(frozen=True)
class Running:
    """Where and how training runs. None of it is part of a question: the mathematics is the same.

    resident: where a split lies: device, host (pinned) or file (memory-mapped, read ahead); auto:
    the first that has room. graph: capture the step as a CUDA graph where possible. compile: by
    torch.compile; auto: where it pays. deterministic: bit for bit on a GPU, too.
    """

    device: str = "auto"
    resident: str = "auto"  # auto | device | host | file
    graph: str = "auto"  # auto | off
    compile: str = "auto"  # auto | on | off
    deterministic: bool = False
    tensorboard: bool = False


@dataclass(frozen=True)
class Fit:
    """How the mixture of Eq. 8 is fitted."""

    components: int | str = 2  # 1 | 2 (the paper) | 3 | auto
    n_init: int = 10  # starts; see mixture.initial.starts
    tol: float = 1e-8  # scikit-learn's 1e-3 stops after two iterations
    reg_covar: float = 1e-6  # variance floor
    max_iter: int = 2000
    seed: int = 0
    bootstrap: int = 0  # replicates for standard errors and a p-value; 0: none


@dataclass(frozen=True)
class Adaptive:
    """Eq. 10 and Algorithm 1, phase 2."""

    loss: str = "adaptive"  # adaptive | joint (Eq. 7) | fused (L_MM): controls for the same rounds
    alpha: float = 1.0
    beta: float = 1.0
    gamma: float = 1.0
    anneal: float = 0.96  # λ_t = anneal ** epoch
    weights: str = "posterior"  # posterior | uniform (w = 1, the paper's Table 2)
    pull: str = "both"  # both | weaker: g's gradient stops at the stronger modality
    keep_unimodal: bool = False  # add L_a + L_v of Eq. 5
    unsupported: str = "keep"  # keep | balanced: where two components are not supported
    steps: int = 4  # S_adaptive; the paper's Fig. 3 shows four rounds
    epochs: int = 10  # E_adaptive, per step
    keep_optimizer: bool = False  # Table 3, "same state"


# The settings of Adaptive that have no meaning for a control, whose loss is not Eq. 10.
OF_EQ_10 = (
    *("alpha", "beta", "gamma", "anneal"),
    *("weights", "pull", "keep_unimodal", "unsupported"),
)

# Named members of the loss's family. paper: Eq. 10 as it stands; best: docs/results.md says where.
PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"gamma": 1.0, "pull": "both", "keep_unimodal": False},
    "best": {"gamma": 0.1, "pull": "weaker", "keep_unimodal": True},
}

# As many as warm-up and adaptation have together, so that methods are compared at equal cost.
BASELINE_EPOCHS = Training.epochs + Adaptive.steps * Adaptive.epochs


def parameters(settings: Any) -> dict[str, Any]:
    """The fields of a settings object by name, as an artifact records them."""
    return {field.name: getattr(settings, field.name) for field in fields(settings)}


def override(settings: Settings, **changes: Any) -> Settings:
    """The settings with every change that is not None applied."""
    kept = {name: value for name, value in changes.items() if value is not None}
    return replace(settings, **kept)  # type: ignore[type-var]
