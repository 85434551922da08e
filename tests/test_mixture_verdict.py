"""Words and letters for the terminal: the verdict's lines and the histogram."""

from __future__ import annotations

import re

import numpy as np
import pytest

from avgap.mixture import verdict
from avgap.mixture.model import Component, Mixture

MIXTURE = Mixture(Component(0.75, 0.0, 0.01), Component(0.25, -0.5, 0.04))
STRONG = {"supported": True, "separation": 3.16, "delta_bic": 1234.5, "dip_p": 0.001}


def test_the_verdict_is_three_lines_in_words():
    assert verdict.verdict(MIXTURE, STRONG, 6028).splitlines() == [
        "25 % of 6,028 samples are imbalanced, visual-dominant, centred at -0.50 (σ 0.2)",
        "75 % are balanced, centred at 0.00 (σ 0.1)",
        "the two groups are there, but overlap: separation 3.2 σ, ΔBIC 1,234, dip p ≤ 0.001",
    ]


def test_weak_evidence_is_said_aloud():
    weak = {"supported": False, "separation": 0.4, "delta_bic": 12.0, "dip_p": 0.9}
    assert "two groups are NOT supported: separation 0.4 σ" in verdict.verdict(MIXTURE, weak, 10)
    assert verdict.verdict(MIXTURE, weak, 10).splitlines()[1] == (
        "no sample of 10 is called imbalanced; the fit has 75 % centred at 0.00 (σ 0.1), "
        "25 % centred at -0.50 (σ 0.2)"
    )


def test_a_group_far_from_zero_is_not_called_balanced_without_a_word():
    far = Mixture(Component(0.75, 0.7, 0.01), Component(0.25, 0.95, 0.04))
    assert verdict.far_from_zero(far) == "audio leads everywhere, by 0.70"
    assert verdict.not_balanced(far) == (
        "the group called balanced is not: audio leads everywhere, by 0.70"
    )
    assert verdict.verdict(far, STRONG, 100).splitlines()[1] == (
        "75 % are called balanced, centred at 0.70 (σ 0.1): audio leads everywhere, by 0.70"
    )
    both = Mixture(Component(0.75, -0.25, 0.01), Component(0.25, 0.8, 0.04))
    assert verdict.far_from_zero(both) == "visual leads in the group called balanced, too, by 0.25"
    one = verdict.verdict(Mixture(Component(1.0, 0.83, 0.01)), {"dip_p": 0.6}, 30)
    assert one.splitlines()[0] == (
        "all 30 samples form one group, centred at 0.83 (σ 0.1): audio leads everywhere, by 0.83"
    )
    assert (
        verdict.not_balanced(MIXTURE)
        == verdict.not_balanced(Mixture.of(Component(1, 0.2, 1)))
        == ""
    )


def test_the_verdict_does_not_tell_groups_without_a_valley_from_a_flat_peak():
    alone = {**STRONG, "dip_p": 0.6, "separation_alone": True}
    told = verdict.verdict(MIXTURE, alone, 10)
    assert "the two groups may be one flat peak: separation 3.2 σ" in told


def test_every_sample_is_counted_once():
    gap = np.array([-1.0, -0.3, 0.0, 0.1, 0.3, 0.7, 0.7, 1.0])
    counts = [int(line.split()[3]) for line in verdict.histogram(gap).splitlines()[1:]]
    assert sum(counts) == 8
    assert max(counts) == 2


def test_bars_are_split_by_the_posterior():
    lines = verdict.histogram(np.array([0.0, 0.0, -0.5, -0.5]), MIXTURE).splitlines()
    bars = {re.sub(r"[^█░]", "", line)[:1] for line in lines[1:] if "█" in line or "░" in line}
    assert bars == {"█", "░"}
    assert lines[0] == "gap = audio − visual, 4 samples   █ balanced  ░ imbalanced"


@pytest.mark.parametrize("width", [1, 0.3, 0.01, 1e-4, 1e-7, 0])
def test_bins_are_few_and_hold_every_gap(width):
    gap = 0.3 + width * (np.random.default_rng(0).random(500) - 0.5)
    edges = verdict.bin_edges(gap)
    assert len(edges) - 1 <= 24
    assert np.histogram(gap, edges)[0].sum() == 500
    assert (np.diff(edges) > 0).all()


def test_the_histogram_fits_a_terminal():
    gap = np.random.default_rng(0).uniform(-1, 1, 2_000_000)
    assert max(map(len, verdict.histogram(gap).splitlines())) <= 100


THREE = Mixture(
    Component(0.7, 0.0, 0.01),
    audio_dominant=Component(0.2, 0.6, 0.0144),
    visual_dominant=Component(0.1, -0.6, 0.0144),
)


def test_three_groups_are_told_by_their_sides():
    strong = {**STRONG, "separation": 5.4}
    assert verdict.verdict(THREE, strong, 1000).splitlines() == [
        "30 % of 1,000 samples are imbalanced: 20 % audio-dominant at 0.60, "
        "10 % visual-dominant at -0.60",
        "70 % are balanced, centred at 0.00 (σ 0.1)",
        "the three groups are well separated: separation 5.4 σ, ΔBIC 1,234, dip p ≤ 0.001",
    ]
    lines = verdict.histogram(np.array([0.0, 0.6, -0.6]), THREE).splitlines()
    assert lines[0].endswith("█ balanced  ░ audio-dominant  ▒ visual-dominant")
    assert [line[-1] for line in lines if line[-1] in "█░▒"] == ["▒", "█", "░"]


def test_one_group_is_told_as_one():
    told = verdict.verdict(Mixture(Component(1.0, 0.1, 0.04)), {"dip_p": 0.6}, 30)
    assert told.splitlines() == [
        "all 30 samples form one balanced group, centred at 0.10 (σ 0.2)",
        "none of them is called imbalanced",
        "dip p = 0.6: one peak",
    ]


def test_a_gap_may_stand_for_many_samples():
    counted = verdict.histogram(np.array([0.0, 0.5]), None, np.array([3.0, 9.0]))
    assert counted == verdict.histogram(np.repeat([0.0, 0.5], [3, 9]))


# ---------------------------------------------------------------- criteria, sides, resamples


@pytest.mark.parametrize(
    ("value", "bound", "text"),
    [(1.97, 2, "1.97"), (1.9999, 2, "1.9999"), (2, 2, "2.0"), (2.04, 2, "2.04"), (3.16, 2, "3.2")],
)
def test_a_number_is_not_rounded_onto_the_bound_it_misses(value, bound, text):
    assert verdict.rounded(value, bound, ".1f", ".2f") == text


def test_names_of_three_groups_follow_the_signs_of_their_gaps():
    one_side = Mixture(
        Component(0.7, 0.0, 0.01),
        audio_dominant=Component(0.26, 0.9, 0.01),
        visual_dominant=Component(0.04, 0.85, 0.01),
    )
    assert verdict.verdict(one_side, STRONG, 1000).splitlines()[0] == (
        "30 % of 1,000 samples are imbalanced: 26 % audio-dominant at 0.90, "
        "4 % audio-dominant at 0.85"
    )
    assert verdict.who_leads(one_side) == "audio"
    assert verdict.who_leads(THREE) == "audio"
    key = verdict.histogram(np.array([0.0, 0.6]), one_side).splitlines()[0]
    assert key.endswith("░ audio-dominant  ▒ audio-dominant at 0.85")


def test_resamples_are_told_with_their_errors_and_p():
    errors = {
        "balanced": {"weight": 0.02, "mean": 0.004, "variance": 0.0006},
        "imbalanced": {"weight": 0.02, "mean": 0.015, "variance": 0.005},
    }
    found = {"replicates": 199, "p_value": 0.005, "standard_errors": errors}
    assert verdict.resampled(MIXTURE, {"bootstrap": found}) == [
        "by 199 resamples: balanced 75.0 ± 2.0 %, μ 0.000 ± 0.004, σ² 0.01 ± 0.0006; "
        "imbalanced 25.0 ± 2.0 %, μ -0.500 ± 0.015, σ² 0.04 ± 0.005",
        "one component fewer: p ≤ 0.005 (small: it does not do)",
    ]
    assert verdict.resampled(MIXTURE, {"bootstrap": None}) == verdict.resampled(MIXTURE, {}) == []
    assert "by 199 resamples" in verdict.verdict(MIXTURE, {**STRONG, "bootstrap": found}, 100)
