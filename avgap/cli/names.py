"""The names of what is registered beside heavy modules, so that a wrong one is told without them.

A test compares each with its registry.
"""

from __future__ import annotations

# As in data/datasets/__init__.py: DATASETS, and FILES, whose ROOT may be one file.
DATASETS = (
    *("csv", "avdigits", "demo", "embeddings"),
    *("cremad", "ave", "kinetics-sounds", "vggsound"),
)
FILES = ("csv", "demo", "embeddings")
# As ENCODERS in models/__init__.py.
ENCODERS = ("resnet18", "small", "mlp", "identity")
# As METHODS in methods/registry.py, with each method's own settings as --set takes them.
METHODS = {
    "audio-only": "",
    "visual-only": "",
    "concat": "",
    "joint": "",
    "late": "",
    "g-blending": "mode=offline, super_epoch=10, held_out=0.1",
    "ogm-ge": "alpha=0.8, starts=0, ends=50, noise=true, variant=code",
    "greedy": "epsilon=0.01, window=5, starts=1",
    "pmr": "alpha=2.0, momentum=0.0, share=0.1, starts=0, ends=70, variant=code",
    "agm": "alpha=1.5, starts=0, ends=1500, bound=10.0, clip=1.0",
    "mla": "fusion=dynamic, normalise=true, damping=0.1, variant=paper",
    "dr": "interval=20, times=3, strength=3.0",
    "opm": "q_base=0.5, strength=0.5, p=0.7, warmup=6",
    "opm-ogm": "q_base=0.5, strength=0.5, p=0.7, warmup=6, alpha=0.8, ends=60, noise=false, "
    "variant=code",
    "mmpareto": "gamma=1.5",
}
# The endings of tables of gaps (artifact/gaps.py), of scores (artifact/predictions.py) and of
# figures (figures/writing.py).
GAPS = (".h5", ".csv", ".npy")
SCORES = (".npz", ".h5", ".csv", ".parquet")
FIGURES = (".png", ".svg", ".pdf")


def either(names: tuple[str, ...]) -> str:
    """The names for a sentence: a, b or c."""
    return f"{', '.join(names[:-1])} or {names[-1]}"
