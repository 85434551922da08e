"""The fit of Eq. 8, the evidence for two components, gmm.json, and the stage."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from avgap import artifact
from avgap.artifact import Question, Stamp
from avgap.errors import InputError, OutputError
from avgap.fitgmm import fit_mixture, fitgmm, mixture_digest, read_mixture, starts
from avgap.gapfile import Gaps, write_gaps
from avgap.mixture import Component, Mixture
from avgap.settings import Fit

PAPER = Mixture(Component(0.857, 0.0056, 0.0121), Component(0.143, 0.6966, 0.0138))


def draw(n=4000, seed=0, mixture=PAPER):
    return np.clip(mixture.sample(n, np.random.default_rng(seed)), -1, 1)


def stamped(gap, folder):
    """A gaps.h5 of ours in a folder, with a cache beside it that need not exist."""
    table = Gaps(gap=gap, id=[f"clip-{i}" for i in range(len(gap))])
    stamp = Stamp(
        "avgap.gaps",
        table.digest(),
        {"cache": "c" * 64, "checkpoint": "d" * 64},
        {"split": "train"},
        {},
        {"cache": "../cache.h5"},
    )
    path = folder / "gaps.h5"
    write_gaps(path, Gaps(gap=gap, id=table.id, stamp=stamp))
    return path


# ---------------------------------------------------------------- the fit


def test_the_papers_mixture_is_recovered():
    fitted = fit_mixture(draw(20_000)).mixture
    assert fitted.imbalanced.weight == pytest.approx(0.143, abs=0.01)
    assert fitted.imbalanced.mean == pytest.approx(0.6966, abs=0.01)
    assert fitted.balanced.mean == pytest.approx(0.0056, abs=0.005)
    assert fitted.balanced.variance == pytest.approx(0.0121, rel=0.05)
    assert fitted.dominant == "audio"


def test_swapping_the_modalities_mirrors_the_mixture():
    gap = draw()
    there, mirrored = fit_mixture(gap).mixture, fit_mixture(-gap).mixture
    assert mirrored.imbalanced.mean == pytest.approx(-there.imbalanced.mean, abs=1e-4)
    assert mirrored.imbalanced.weight == pytest.approx(there.imbalanced.weight, abs=1e-4)
    assert mirrored.dominant == "visual"


def test_the_fit_is_at_least_as_likely_as_scikit_learns_default():
    rng = np.random.default_rng(1)
    gap = np.concatenate([rng.normal(0, 0.15, 800), rng.normal(0.3, 0.2, 400)])  # heavy overlap
    default = GaussianMixture(2, random_state=0).fit(gap[:, None]).score(gap[:, None])
    assert fit_mixture(gap).fit["log_likelihood"] > default


def test_the_fit_is_the_same_twice():
    gap = draw(500)
    assert fit_mixture(gap) == fit_mixture(gap)


def test_two_sided_gaps_find_the_better_of_the_local_optima():
    rng = np.random.default_rng(0)
    sides = [rng.normal(-0.6, 0.1, 500), rng.normal(0, 0.1, 3000), rng.normal(0.6, 0.1, 500)]
    result = fit_mixture(np.concatenate(sides))
    assert result.mixture.balanced.std < 0.11
    assert result.mixture.imbalanced.std > 0.4


def test_a_component_on_a_few_equal_gaps_is_not_preferred():
    rng = np.random.default_rng(0)
    parts = [np.zeros(100), rng.normal(0, 0.1, 3000), rng.normal(0.6, 0.1, 500)]
    fitted = fit_mixture(np.concatenate(parts)).mixture
    assert fitted.balanced.weight == pytest.approx(3100 / 3600, abs=0.01)
    assert fitted.imbalanced.mean == pytest.approx(0.6, abs=0.02)


@pytest.mark.parametrize("width", [1e-3, 1e-5, 1e-8])
def test_a_late_sharp_peak_gives_numbers_and_is_called_one_peak(width):
    result = fit_mixture(np.random.default_rng(0).normal(0, width, 2000))
    numbers = [*result.diagnostics.values(), *result.fit.values()]
    assert all(np.isfinite(v) for v in numbers if isinstance(v, float))
    assert np.isfinite(result.mixture.posterior(np.linspace(-1, 1, 11))).all()
    assert not result.diagnostics["supported"]


def test_the_variance_floor_is_reported():
    result = fit_mixture(np.repeat([0.0, 0.8], [90, 10]))
    assert result.mixture.balanced.variance == pytest.approx(1e-6, rel=0.01)
    assert result.mixture.imbalanced.weight == pytest.approx(0.1)
    collapsed = [line for line in result.diagnostics["warnings"] if "collapsed" in line]
    assert collapsed == [
        "the balanced component has collapsed to the variance floor at 0.0000",
        "the imbalanced component has collapsed to the variance floor at 0.8000",
    ]


def test_starts_split_the_samples_in_two_and_are_as_many_as_asked():
    gap = draw(200)
    splits = list(starts(gap, Fit(n_init=7)))
    assert len(splits) == 7
    assert all(0 < split.sum() < len(gap) for split in splits)


def test_an_em_that_is_cut_short_says_so():
    rng = np.random.default_rng(0)
    gap = np.concatenate([rng.normal(0, 0.2, 500), rng.normal(0.2, 0.3, 500)])
    result = fit_mixture(gap, Fit(max_iter=2))
    assert not result.fit["converged"]
    assert "EM did not converge" in result.diagnostics["warnings"][-1]


@pytest.mark.parametrize(
    ("gap", "message"),
    [
        ([0.1, np.nan, np.inf, 0.2], "2 of 4 gaps are not finite numbers"),
        ([0.5], "2 components need at least 2 gaps"),
        ([], "2 components need at least 2 gaps"),
        ([0.25] * 30, "all 30 gaps are equal (0.25)"),
    ],
)
def test_gaps_that_cannot_be_fitted_are_refused_with_a_remedy(gap, message):
    with pytest.raises(InputError) as caught:
        fit_mixture(np.array(gap))
    assert caught.value.what == message
    assert caught.value.hint


# ---------------------------------------------------------------- the stage and the file


def test_the_stage_writes_a_mixture_that_reads_back_the_same(tmp_path):
    gaps = stamped(draw(500), tmp_path)
    done = fitgmm(gaps, tmp_path / "fit" / "gmm.json")
    there = read_mixture(tmp_path / "fit" / "gmm.json")
    assert there.mixture == done.result.mixture
    assert there.stamp == done.stamp
    assert there.stamp.digest == mixture_digest(there.mixture)
    assert there.stamp.inputs["cache"] == "c" * 64
    assert there.stamp.hints == {"gaps": "../gaps.h5", "cache": "../../cache.h5"}
    assert json.loads(done.text)["components"]["imbalanced"]["dominant"] == "audio"


def test_the_same_question_is_confirmed_and_another_refused(tmp_path):
    gaps, output = stamped(draw(300), tmp_path), tmp_path / "gmm.json"
    first = fitgmm(gaps, output)
    written = output.read_bytes()
    again = fitgmm(gaps, output)
    assert (first.up_to_date, again.up_to_date) == (False, True)
    assert again.result == first.result
    assert output.read_bytes() == written
    with pytest.raises(OutputError, match="answers another question"):
        fitgmm(gaps, output, Fit(n_init=3))
    assert not fitgmm(gaps, output, Fit(n_init=3), force=True).up_to_date


def test_a_foreign_table_is_fitted_with_a_warning(tmp_path, capsys):
    np.save(tmp_path / "gaps.npy", draw(300))
    done = fitgmm(tmp_path / "gaps.npy", tmp_path / "gmm.json")
    assert "carries no avgap stamp: its origin is unknown" in capsys.readouterr().err
    assert set(done.stamp.inputs) == {"gaps"}


def test_standard_streams_write_nothing_and_give_the_artifact_as_text(
    tmp_path, monkeypatch, capsys
):
    rows = "gap\n" + "\n".join(map(str, draw(300)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO(rows))
    done = fitgmm("-", "-")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(sys, "stdin", io.StringIO(done.text))
    assert read_mixture("-").mixture == done.result.mixture
    assert capsys.readouterr().out == ""


def test_the_verdict_says_the_shares_in_words_and_draws_both_components(tmp_path):
    verdict = fitgmm(stamped(draw(), tmp_path), tmp_path / "gmm.json").verdict
    lines = verdict.splitlines()
    assert (
        lines[0] == "14 % of 4,000 samples are imbalanced, audio-dominant, centred at 0.69 (σ 0.11)"
    )
    assert lines[1].startswith("86 % are balanced, centred at 0.0")
    assert lines[2].startswith("two components are supported: separation 6.")
    assert {"█", "░"} <= set(verdict)
    assert max(map(len, lines)) <= 100


def test_a_plot_is_drawn_beside(tmp_path):
    gaps, plot = stamped(draw(300), tmp_path), tmp_path / "gmm.svg"
    fitgmm(gaps, tmp_path / "gmm.json", plot=plot)
    assert plot.read_text().startswith("<?xml")


def test_a_fit_that_fails_leaves_nothing_behind(tmp_path):
    np.save(tmp_path / "gaps.npy", np.full(10, 0.5))
    with pytest.raises(InputError, match="all 10 gaps are equal"):
        fitgmm(tmp_path / "gaps.npy", tmp_path / "gmm.json")
    assert [path.name for path in tmp_path.iterdir()] == ["gaps.npy"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[: len(text) // 2], "cannot be read as JSON"),
        (lambda text: "", "cannot be read as JSON"),
        (lambda text: "[1, 2]", "is not an avgap artifact"),
        (lambda text: '{"a": 1}', "is not an avgap artifact"),
        (lambda text: text.replace('"avgap.gmm"', '"avgap.metrics"'), "is a table of metrics"),
        (lambda text: text.replace('"balanced"', '"other"'), "is not a usable mixture"),
        (lambda text: text.replace('"diagnostics"', '"other"'), "is corrupt"),
        (lambda text: text.replace('"format_version": 1', '"format_version": 99'), "newer than"),
    ],
)
def test_a_damaged_or_foreign_mixture_is_refused(tmp_path, damage, message):
    path = tmp_path / "gmm.json"
    fitgmm(stamped(draw(100), tmp_path), path)
    path.write_text(damage(path.read_text()))
    with pytest.raises(InputError, match=message) as caught:
        read_mixture(path)
    assert str(path) in str(caught.value)


def test_fitting_and_drawing_never_load_torch(tmp_path):
    gaps = stamped(draw(200), tmp_path)
    code = (
        "import sys; from pathlib import Path; from avgap.fitgmm import fitgmm; "
        "gaps, gmm, plot = sys.argv[1:]; fitgmm(gaps, gmm, plot=Path(plot)); "
        "assert 'torch' not in sys.modules; assert 'matplotlib.pyplot' not in sys.modules"
    )
    words = [gaps, tmp_path / "gmm.json", tmp_path / "gmm.png"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_question_holds_every_setting_of_the_fit(tmp_path):
    done = fitgmm(stamped(draw(100), tmp_path), tmp_path / "gmm.json", Fit(seed=3))
    asked = Question("avgap.gmm", done.stamp.inputs, {"components": 2, "n_init": 10, "tol": 1e-8})
    missing = artifact.compare(done.stamp.question, asked)
    assert [line.split(":")[0] for line in missing] == ["max_iter", "reg_covar", "seed"]


@pytest.mark.data
def test_crowd_votes_on_crema_d_give_the_papers_shape_on_the_visual_side(data_folder):
    import csv
    import gzip

    correct = {}  # clip → share of votes for the intended emotion, by 1 voice and 2 face
    letters = {"ANG": "A", "DIS": "D", "FEA": "F", "HAP": "H", "NEU": "N", "SAD": "S"}
    with gzip.open(data_folder / "cremad" / "tabulatedVotes.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            clip = row["fileName"]
            emotion = letters[clip.split("_")[2]]
            share = float(row[emotion]) / float(row["numResponses"])
            correct.setdefault(clip, {})[row[""][0]] = share
    gap = np.array([v["1"] - v["2"] for v in correct.values() if {"1", "2"} <= set(v)])
    fitted = fit_mixture(gap).mixture
    assert gap.mean() == pytest.approx(-0.175, abs=0.01)
    assert fitted.dominant == "visual"
    assert fitted.imbalanced.weight == pytest.approx(0.129, abs=0.02)
    assert fitted.imbalanced.mean == pytest.approx(-0.764, abs=0.02)
