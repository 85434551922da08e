"""The dataset `avdigits`: real speech and real handwriting of the same digit.

Sound: the Free Spoken Digit Dataset (Jackson et al.), whose authors define recordings 0–4 of each
speaker and digit as the test set. Images: MNIST's idx files if they lie in ROOT or ROOT/mnist, else
scikit-learn's handwritten digits (UCI, 8×8).
"""

from __future__ import annotations

import gzip
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from avgap.data.clip import Clip, Listing
from avgap.data.datasets.folder import why_broken
from avgap.errors import InputError
from avgap.settings import SPLITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NAME = re.compile(r"(\d)_([^_]+)_(\d+)\.wav")
_TEST_INDICES = range(5)
_IMAGES, _LABELS = "images-idx3-ubyte", "labels-idx1-ubyte"


class Handwriting(NamedTuple):
    """Images (N, h, w) uint8, bright on dark, their digits (N,), and where they are from."""

    images: NDArray[np.uint8]
    digits: NDArray[np.int64]
    source: str


def avdigits(root: Path) -> Listing:
    """List the recordings {digit}_{speaker}_{index}.wav in root or root/recordings.

    Each gets an image of its digit once the splits are final (`pair`).
    Raises InputError: no folder, no recordings, MNIST files that are damaged.
    """
    folder = root / "recordings" if (root / "recordings").is_dir() else root
    named = sorted((m, file) for file, m in _recordings(folder, root))
    if not named:
        raise InputError(
            f"{folder} holds no recordings named {{digit}}_{{speaker}}_{{index}}.wav",
            hint="git clone https://github.com/Jakobovski/free-spoken-digit-dataset",
        )
    clips = [
        Clip(
            file.stem,
            str(digit),
            "test" if index in _TEST_INDICES else "",
            audio=file,
            meta={"audio": file.relative_to(root).as_posix(), "speaker": speaker},
            broken=why_broken(file),
        )
        for (digit, speaker, index), file in named
    ]
    classes = tuple(sorted({clip.label for clip in clips}))
    written = handwriting(root)
    names = {
        "mnist": "MNIST's",
        "sklearn": "scikit-learn's of 8×8 pixels, for want of MNIST's files",
    }
    notes = [f"images: {len(written.images):,}, {names[written.source]}"]
    return Listing(clips, classes, augment=False, complete=partial(pair, written), notes=notes)


def handwriting(root: Path) -> Handwriting:
    """The images: every pair of MNIST idx files in root and root/mnist, else scikit-learn's."""
    found = [
        (file, file.with_name(file.name.replace(_IMAGES, _LABELS)))
        for folder in (root, root / "mnist")
        if folder.is_dir()
        for file in sorted(folder.iterdir())
        if _IMAGES in file.name
    ]
    if not found:
        from sklearn.datasets import load_digits

        digits = load_digits()
        scaled = np.round(digits.images * (255 / 16)).astype(np.uint8)
        return Handwriting(scaled, digits.target.astype(np.int64), "sklearn")
    images = np.concatenate([_idx(file, 3) for file, _ in found])
    labels = np.concatenate([_idx(file, 1) for _, file in found]).astype(np.int64)
    if len(images) != len(labels):
        raise InputError(f"{found[0][0].parent}: {len(images)} images, {len(labels)} labels")
    return Handwriting(images, labels, "mnist")


def pair(written: Handwriting, clips: Sequence[Clip]) -> list[Clip]:
    """Give each clip an image of its digit, the same at every call; no image is in two splits.

    The images of a digit are divided between the splits in proportion to their clips; where there
    are fewer than clips they are used again, within the split alone.
    Raises InputError: a digit with fewer images than splits.
    """
    by_digit: dict[str, dict[str, list[Clip]]] = defaultdict(lambda: {s: [] for s in SPLITS})
    for clip in clips:
        by_digit[clip.label][clip.split].append(clip)
    images: dict[str, int] = {}
    for digit, groups in sorted(by_digit.items()):
        pool = np.flatnonzero(written.digits == int(digit))
        pool = np.random.default_rng(int(digit)).permutation(pool)
        if len(pool) < sum(map(bool, groups.values())):
            raise InputError(f"too few images of the digit {digit}: {len(pool)}")
        cuts = np.cumsum(_quotas([len(group) for group in groups.values()], len(pool)))
        for group, part in zip(groups.values(), np.split(pool, cuts[:-1]), strict=True):
            order = sorted(group, key=lambda clip: clip.id)
            images |= {clip.id: int(part[i % part.size]) for i, clip in enumerate(order)}
    return [
        replace(
            clip,
            image=written.images[images[clip.id]],
            meta={**clip.meta, "image": f"{written.source}:{images[clip.id]}"},
        )
        for clip in clips
    ]


def _quotas(sizes: Sequence[int], total: int) -> list[int]:
    """Whole numbers in proportion to the sizes, adding up to total; zero for size zero alone."""
    cuts = np.round(np.cumsum([0, *sizes]) * (total / sum(sizes))).astype(int)
    quotas: list[int] = np.diff(cuts).tolist()
    for position, size in enumerate(sizes):
        if size and not quotas[position]:
            quotas[quotas.index(max(quotas))] -= 1
            quotas[position] = 1
    return quotas


def _recordings(folder: Path, root: Path) -> Iterator[tuple[Path, tuple[int, str, int]]]:
    if not folder.is_dir():
        raise InputError(f"{root} is no folder")
    for file in folder.iterdir():
        match = _NAME.fullmatch(file.name)
        if match is not None:
            yield file, (int(match[1]), match[2], int(match[3]))


def _idx(file: Path, dimensions: int) -> NDArray[np.uint8]:
    """An idx file of bytes (http://yann.lecun.com/exdb/mnist), plain or gzip."""
    try:
        raw = file.read_bytes()
        raw = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
        if raw[:4] != bytes([0, 0, 8, dimensions]):
            raise ValueError(f"no idx file of {dimensions} dimensions")
        shape = np.frombuffer(raw, ">i4", dimensions, offset=4)
        return np.frombuffer(raw, np.uint8, offset=4 + 4 * dimensions).reshape(shape)
    except (OSError, EOFError, ValueError) as error:
        raise InputError(f"{file} cannot be read", [str(error)]) from error
