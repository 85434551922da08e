"""The crowd's votes beside the gaps: correlations, by hand and by scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr, rankdata, spearmanr

from avgap.report.votes import votes


def crowd(n=200, seed=0):
    rng = np.random.default_rng(seed)
    voice, face = rng.random((2, n))
    gap = np.clip(0.5 * (voice - face) + rng.normal(0, 0.2, n), -1, 1)
    texts = {"votes_voice": [f"{v:.4f}" for v in voice], "votes_face": [f"{f:.4f}" for f in face]}
    return gap, texts


def test_the_gap_is_correlated_with_votes_by_voice_minus_by_face():
    gap, texts = crowd()
    found = votes(gap, texts)
    lean = np.array(texts["votes_voice"], float) - np.array(texts["votes_face"], float)
    expected = pearsonr(lean, gap)
    interval = expected.confidence_interval(0.95)
    assert found.pearson == pytest.approx(expected.statistic)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=1e-6)
    assert found.spearman == pytest.approx(spearmanr(lean, gap).statistic)


def test_the_correlations_are_those_by_fishers_z_and_of_ranks_as_before():
    gap, texts = crowd()
    found = votes(gap, texts)
    lean = np.array(texts["votes_voice"], float) - np.array(texts["votes_face"], float)
    pearson = np.corrcoef(lean, gap)[0, 1]
    low, high = np.tanh(np.arctanh(pearson) + np.array([-1, 1]) * 1.959964 / np.sqrt(200 - 3))
    assert (found.pearson, found.low, found.high) == pytest.approx((pearson, low, high), abs=1e-7)
    ranks = np.corrcoef(rankdata(lean), rankdata(gap))[0, 1]
    assert found.spearman == pytest.approx(ranks)


def test_clips_without_a_vote_are_left_out():
    gap, texts = crowd()
    texts["votes_face"][0] = ""
    assert len(votes(gap, texts).gap) == 199


def test_without_votes_or_with_few_or_equal_ones_nothing_is_told():
    gap, texts = crowd()
    assert votes(gap, {}) is None
    assert votes(gap[:5], {name: values[:5] for name, values in texts.items()}) is None
    equal = {name: ["0.5"] * 200 for name in texts}
    assert votes(gap, equal) is None
