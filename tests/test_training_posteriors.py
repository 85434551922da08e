"""Gaps measured before training: whose is whose in the split, and what follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import make_cache

from avgap.artifact import Output, Question
from avgap.artifact.gaps import GAPS, Gaps
from avgap.artifact.gmm import read_mixture
from avgap.data.cache.reader import open_cache
from avgap.errors import InputError
from avgap.fitgmm import fitgmm
from avgap.mixture.mendable import Mendable
from avgap.mixture.model import Component, Mixture
from avgap.training.posteriors import read_posteriors

MIXTURE = Mixture(Component(0.8, 0.0, 0.01), Component(0.2, 0.6, 0.01))
CPU = torch.device("cpu")
IDS = [f"train-{row}" for row in range(6)]


@pytest.fixture
def six(tmp_path: Path) -> Path:
    """A cache of six training clips."""
    return make_cache(tmp_path / "six.h5", n=6)


def foreign(path: Path, ids: Sequence[str], gap: Sequence[float]) -> Path:
    """A table of gaps by anybody."""
    rows = [f"{id},{value}" for id, value in zip(ids, gap, strict=True)]
    path.write_text("\n".join(["id,gap", *rows]) + "\n")
    return path


def test_every_sample_has_its_own_gap_whatever_the_tables_order(six: Path, tmp_path: Path) -> None:
    gap = [0.0, 0.6, -0.1, 0.5, 0.3, -0.6]
    table = foreign(tmp_path / "g.csv", IDS[::-1], gap[::-1])
    known = read_posteriors(table, open_cache(six)).imbalance(MIXTURE, CPU)
    assert known.posterior.tolist() == pytest.approx(MIXTURE.posterior(gap).tolist(), abs=1e-7)
    assert known.posterior.dtype == torch.float32
    assert known.audio_weaker is not None
    assert known.audio_weaker.tolist() == [False, False, True, False, False, True]
    assert known.abstains is None


def test_ids_that_are_not_the_training_split_are_counted_and_shown(
    six: Path, tmp_path: Path
) -> None:
    table = foreign(tmp_path / "g.csv", ["train-1", "train-2", "train-2", "test-0"], [0.1] * 4)
    with pytest.raises(InputError) as caught:
        read_posteriors(table, open_cache(six))
    assert str(caught.value) == "\n".join(
        [
            f"{table} does not hold the training split of {six}, sample by sample",
            "  4 training samples are missing: train-0, train-3, train-4, train-5",
            "  1 of its samples are not in the training split: test-0",
            "  1 of its samples stand more than once: train-2",
            f"  try: avgap crossfit {six} -o DIR",
        ]
    )


def test_of_many_ids_the_first_are_shown(cache: Path, tmp_path: Path) -> None:
    table = foreign(tmp_path / "g.csv", ["a"], [0.1])
    with pytest.raises(InputError, match=r"60 training samples are missing: .*, train-4 …\n"):
        read_posteriors(table, open_cache(cache))


def test_gaps_without_ids_are_nobodys(six: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "g.npy", np.zeros(6))
    with pytest.raises(InputError, match=r"g\.npy has no ids, so nothing says which gap is whose"):
        read_posteriors(tmp_path / "g.npy", open_cache(six))


def stamped(path: Path, inputs: dict[str, str], **columns: object) -> Path:
    """A table with avgap's stamp, as of the samples of `six`."""
    table = Gaps(np.zeros(6), list(IDS), np.zeros(6, np.int64), **columns)  # type: ignore[arg-type]
    question = Question("avgap.gaps", inputs, {"split": "train"})
    Output(path, question, {}, GAPS).write(table, 0.0)
    return path


def test_gaps_of_another_cache_are_refused_with_both_sides(six: Path, tmp_path: Path) -> None:
    table, cache = stamped(tmp_path / "g.h5", {"cache": "f" * 64}), open_cache(six)
    with pytest.raises(InputError) as caught:
        read_posteriors(table, cache)
    assert str(caught.value).splitlines()[:3] == [
        f"{table} holds gaps of another cache",
        "  g.h5  gaps of cache ffffff… (6 samples)",
        f"  six.h5  cache {cache.stamp.digest[:6]}… (test, 6 training samples)",
    ]


def test_a_mixture_must_be_of_these_gaps(six: Path, tmp_path: Path) -> None:
    mine = foreign(tmp_path / "mine.csv", IDS, [0.0, 0.1, 0.2, 0.5, 0.6, 0.7])
    other = foreign(tmp_path / "other.csv", IDS, [0.0, 0.1, 0.2, 0.5, 0.6, 0.8])
    posteriors = read_posteriors(mine, open_cache(six))
    fitgmm(other, tmp_path / "other.json")
    with pytest.raises(InputError, match=r"other\.json is a mixture of other gaps than .*mine"):
        posteriors.expect_mixture(read_mixture(tmp_path / "other.json"), tmp_path / "other.json")
    for name, tables in (("mine", mine), ("both", [mine, other])):
        fitgmm(tables, tmp_path / f"{name}.json")
        posteriors.expect_mixture(read_mixture(tmp_path / f"{name}.json"), tmp_path)


# Scores of class 0 of three: audio and visual, by logits (ln 8, 0, 0) → 0.8 and (0, ln 1.5, ln 7.5)
# → 0.1; fused by their sum → 8 / (8 + 1.5 + 7.5).
AUDIO = np.tile(np.log([8.0, 1.0, 1.0]), (6, 1)).astype(np.float32)
VISUAL = np.tile(np.log([1.0, 1.5, 7.5]), (6, 1)).astype(np.float32)
SCORES = {"audio_prob": np.full(6, 0.8), "visual_prob": np.full(6, 0.1)}


def test_what_mends_is_told_by_the_tables_own_scores_and_logits(six: Path, tmp_path: Path) -> None:
    logits = {"audio_logits": AUDIO, "visual_logits": VISUAL}
    table = stamped(tmp_path / "g.h5", {}, **SCORES, **logits)
    posteriors = read_posteriors(table, open_cache(six))
    # Every gap is 0 here: with this mixture, all samples are imbalanced.
    lean = Mixture(Component(0.5, 0.0, 1e-4), Component(0.5, 0.0, 1e-6))
    found = posteriors.mendable(lean)
    assert found.share == 1
    assert found.helps == pytest.approx(np.log(8 / 17 / 0.8), rel=1e-6)
    assert found.above_chance == pytest.approx(np.log(0.1 * 3))
    known = posteriors.imbalance(lean, CPU, found)
    assert known.abstains is not None
    assert known.abstains.tolist() == [True] * 6
    helps = posteriors.imbalance(lean, CPU, Mendable(1.0, 0.1, 0.01, 0.0))
    assert helps.abstains is not None
    assert helps.abstains.tolist() == [False] * 6


def test_what_cannot_tell_whether_imbalance_can_be_mended_says_what_it_lacks(
    six: Path, tmp_path: Path
) -> None:
    cache = open_cache(six)
    with pytest.raises(InputError, match=r"g\.h5 has no audio_prob and visual_prob: (.|\n)*try: a"):
        read_posteriors(stamped(tmp_path / "g.h5", {}), cache).scores()
    with pytest.raises(InputError, match=r"h\.h5 has no logits: (.|\n)*made with --logits, or"):
        read_posteriors(stamped(tmp_path / "h.h5", {}, **SCORES), cache).scores()
