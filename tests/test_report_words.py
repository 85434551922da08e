"""A run in plain sentences: whose clips, plain numbers, groups or none, whether mending pays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from runs import WARMUP, gaps_of, make_crossfit, make_run, write_table

from avgap.fitgmm import fitgmm
from avgap.report import read_views
from avgap.report.words import lead, verdict, warnings


@pytest.fixture
def run(tmp_path, cache):
    return make_run(tmp_path / "run", cache)


def told(folder):
    (view,) = read_views([folder])
    return view, " ".join(verdict(view))


def without_groups(folder, cache, seed, rounds=(1, 2)):
    """Replace the gaps of some rounds by those of one heavy-tailed peak."""
    rng = np.random.default_rng(seed)
    for place in [folder / "adapt" / f"step-{n:02d}" for n in rounds] + [folder] * (1 in rounds):
        checkpoint = WARMUP if place.name != "step-02" else "e" * 64
        write_table(place / "gaps.h5", cache, checkpoint, rng.laplace(0, 0.2, 60).clip(-1, 1))
        fitgmm(place / "gaps.h5", place / "gmm.json", force=True)


def test_accuracy_whose_clips_and_plain_numbers_come_before_the_mixture(run):
    view, _ = told(run)
    lines = verdict(view)
    assert lines[:3] == lead(view)
    assert lines[0].startswith(
        "Adaptive training took the fused accuracy on the test split from 60.0 % to 70.0 %, better;"
    )
    assert lines[1] == (
        "In sample, of 60 samples the mean gap is +0.17, and |gap| is above 0.5 in 25 %; the audio "
        "leads in 40, the visual in 20."
    )
    assert lines[2].startswith("After warm-up, 25 % of the 60 samples are imbalanced")
    assert lines[3].startswith("These clips are known by heart (100.0 % right)")
    assert lines[4:6] == [
        "These gaps are in-sample: measured on clips the network has trained on.",
        "Right on them: fused 100.0 %, audio 100.0 %, visual 0.0 %.",
    ]
    assert warnings(view) == [lines[3][0].lower() + lines[3][1:-1]]
    same = replace(view, run=replace(view.run, metrics={**view.run.metrics, "adapt": view.before}))
    assert lead(same)[0] == (
        "Adaptive training left the fused accuracy on the test split at 60.0 %; audio changed by "
        "+0.0 points and visual by +0.0."
    )
    alone = replace(view, run=replace(view.run, metrics={"warmup": view.before}))
    assert lead(alone)[0].startswith("Accuracy on the test split: fused 60.0 %; audio ")


def test_gaps_without_groups_announce_no_share(run, cache):
    without_groups(run, cache, seed=1)
    view, words = told(run)
    assert "After warm-up, the gaps show no two groups: nobody is called imbalanced" in words
    assert "After round 1 they show no two groups, and the density" in words
    assert "samples are imbalanced" not in words
    assert view.counting == "by |gap| > 0.5, for no round shows two groups"
    assert f"Counted in every round {view.counting}, of the " in words
    assert view.everything.imbalanced is None


def test_every_round_is_counted_by_the_first_mixture_that_is_supported(run, cache):
    without_groups(run, cache, seed=1, rounds=(2,))
    view, words = told(run)
    assert "After round 1 they show no two groups" in words
    assert "Counted in every round by the mixture after warm-up, of the 15 samples" in words
    assert view.trajectories.mixture == view.run.moments[0].gmm.mixture


def test_a_weaker_modality_that_hurts_is_told_from_held_out_gaps(tmp_path, cache):
    view, words = told(make_crossfit(tmp_path / "xf", cache))
    # log 0.8 − log 0.9 = −0.118
    assert (
        "Where one modality leads (25 % of the samples) the other one hurts: the fused score of "
        "the true class is lower than the stronger's alone (−0.118 ± 0.000 in log)"
    ) in words
    assert "held out: measured by networks that have not seen them, 3 folds" in words
    assert view.numbers()["mendable"]["helps"] == pytest.approx(np.log(0.8 / 0.9), abs=1e-6)
    assert warnings(view) == []


def test_a_weaker_modality_that_helps_is_told_too(tmp_path, cache):
    _, words = told(make_crossfit(tmp_path / "xf", cache, stronger=0.8, fused=0.9))
    assert "the other one helps: the fused score of the true class is higher than" in words


def test_in_sample_gaps_cannot_tell_whether_imbalance_can_be_mended(tmp_path, cache):
    folder = make_crossfit(tmp_path / "xf", cache)
    (view,) = read_views([folder])
    stamp = replace(
        view.first.gaps.stamp, inputs={"checkpoint": "f" * 64}, parameters={"split": "train"}
    )
    gaps = replace(view.first.gaps, fold=None, stamp=stamp)
    moment = replace(view.first, gaps=gaps)
    known = replace(view, run=replace(view.run, moments=[moment], crossfit=None))
    assert "cannot be told from these gaps: held-out ones can" in " ".join(verdict(known))
    assert known.numbers()["mendable"] is None


def test_held_out_gaps_beside_a_run_come_first_and_are_of_no_round(run, cache):
    make_crossfit(run / "crossfit", cache)
    view, words = told(run)
    assert "Held out, of 60 samples the mean gap" in words
    assert "These gaps are held out" in words
    assert "Held out, 25 % of the 60 samples are imbalanced" in words
    assert "By the gaps of training (in-sample): after warm-up it is 25 % about +0.69, " in words
    assert len(view.trajectories.rounds) == 2


def test_a_group_far_from_zero_is_warned_of(tmp_path):
    np.save(tmp_path / "gaps.npy", 0.3 + gaps_of(0.6))
    fitgmm(tmp_path / "gaps.npy", tmp_path / "gmm.json")
    view, words = told(tmp_path / "gaps.npy")
    assert warnings(view) == ["the group called balanced is not: audio leads everywhere, by 0.30"]
    assert "The group called balanced is not: audio leads everywhere, by 0.30." in words
