"""The stage and gmm.json: what is read, written, confirmed and refused."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import numpy as np
import pytest

from avgap import artifact
from avgap.artifact import Question, Stamp
from avgap.artifact.gaps import Gaps, write_gaps
from avgap.artifact.gmm import mixture_digest, read_mixture
from avgap.errors import InputError, OutputError
from avgap.fitgmm import fitgmm
from avgap.mixture.fit import fit_mixture
from avgap.mixture.model import Component, Mixture
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
    plain, words, _ = verdict.split("\n\n")
    assert plain.splitlines()[0] == "gaps in-sample: measured on clips the network has trained on"
    assert plain.splitlines()[1].startswith("mean gap of 4,000 samples +0.10, |gap| > 0.5 in 13 %")
    lines = words.splitlines()
    assert (
        lines[0] == "14 % of 4,000 samples are imbalanced, audio-dominant, centred at 0.69 (σ 0.11)"
    )
    assert lines[1].startswith("86 % are balanced, centred at 0.0")
    assert lines[2].startswith("the two groups are well separated: separation 6.")
    assert {"█", "░"} <= set(verdict)
    assert max(map(len, verdict.splitlines())) <= 100


def known(gap, folder, right, fold=None, split="train"):
    """A gaps.h5 with labels and fused predictions, the first `right` of them right."""
    label = np.zeros(len(gap), np.int64)
    guess = (np.arange(len(gap)) >= right).astype(np.int64)
    table = Gaps(gap=gap, label=label, fused_pred=guess, fold=fold)
    many = () if fold is None else range(1, fold.max() + 1)
    checkpoints = {f"checkpoint_{k}": str(k) * 64 for k in many} or {"checkpoint": "d" * 64}
    stamp = Stamp(
        "avgap.gaps", table.digest(), {"cache": "c" * 64, **checkpoints}, {"split": split}, {}
    )
    path = folder / f"gaps-{right}.h5"
    write_gaps(path, Gaps(**{**vars(table), "stamp": stamp}))
    return path


def test_clips_known_by_heart_are_warned_of_but_not_in_the_file(tmp_path, capsys):
    done = fitgmm(known(draw(500), tmp_path, 499), tmp_path / "gmm.json")
    by_heart = "warning: these clips are known by heart (99.8 % right): their gaps say little"
    assert by_heart in capsys.readouterr().err
    assert done.gaps["held_out"] is False
    assert done.gaps["accuracy"] == {"fused": 0.998}
    assert "by heart" not in (tmp_path / "gmm.json").read_text()
    assert fitgmm(tmp_path / "gaps-499.h5", tmp_path / "gmm.json").up_to_date
    assert by_heart in capsys.readouterr().err  # also of an answer that was there


@pytest.mark.parametrize("right", [400, 500])
def test_held_out_gaps_are_told_as_such_and_known_by_nobody(tmp_path, capsys, right):
    fold = np.arange(500) % 5 + 1
    done = fitgmm(known(draw(500), tmp_path, right, fold), tmp_path / "gmm.json")
    lines = done.verdict.splitlines()
    assert lines[0] == "gaps held out: measured by networks that have not seen them, 5 folds"
    assert lines[2] == f"right on them: fused {right / 5:.1f} %"
    assert done.as_dict()["gaps"]["held_out"] is True
    assert "by heart" not in capsys.readouterr().err


def test_tables_of_two_origins_are_both_told(tmp_path):
    gap = draw(600)
    fold = np.arange(300) % 2 + 1
    paths = [known(gap[:300], tmp_path, 200), known(gap[300:], tmp_path, 100, fold)]
    done = fitgmm(paths, "-")
    assert [line.split(":")[0] for line in done.verdict.splitlines()[:2]] == [
        "gaps in-sample", "gaps held out"
    ]  # fmt: skip
    assert done.gaps["held_out"] is None
    assert done.gaps["accuracy"] == {"fused": 0.5}  # 200 and 100 of 600


def test_a_balanced_group_far_from_zero_is_warned_of(tmp_path, capsys):
    np.save(tmp_path / "gaps.npy", np.random.default_rng(0).normal(0.8, 0.05, 300).clip(-1, 1))
    fitgmm(tmp_path / "gaps.npy", "-", Fit(components=1))
    told = "warning: the group called balanced is not: audio leads everywhere, by 0.80"
    assert told in capsys.readouterr().err


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
    assert [line.split(":")[0] for line in missing] == [
        "bootstrap",
        "max_iter",
        "reg_covar",
        "seed",
    ]


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


def test_several_tables_are_fitted_as_one_in_any_order(tmp_path):
    gap = draw(600)
    for name, part in (("a", gap[:200]), ("b", gap[200:]), ("all", gap)):
        np.save(tmp_path / f"{name}.npy", part)
    paths = [tmp_path / "a.npy", tmp_path / "b.npy"]
    done = fitgmm(paths, tmp_path / "gmm.json")
    assert done.result.mixture == fitgmm(tmp_path / "all.npy", "-").result.mixture
    assert set(done.stamp.inputs) == {"gaps", "gaps_1", "gaps_2"}
    assert fitgmm(paths[::-1], tmp_path / "gmm.json").up_to_date


def test_the_same_gaps_twice_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", draw(100))
    np.save(tmp_path / "b.npy", draw(100))
    with pytest.raises(InputError, match="the same gaps are given more than once") as caught:
        fitgmm([tmp_path / "a.npy", tmp_path / "b.npy"], "-")
    assert caught.value.details == (
        f"{tmp_path / 'b.npy'} holds the same gaps as {tmp_path / 'a.npy'}",
    )


@pytest.mark.parametrize("components", [1, 3, "auto"])
def test_any_number_of_components_is_written_drawn_and_read(tmp_path, components):
    rng = np.random.default_rng(0)
    sides = [rng.normal(m, 0.1, n) for m, n in ((-0.6, 150), (0, 700), (0.6, 150))]
    np.save(tmp_path / "g.npy", np.concatenate(sides).clip(-1, 1))
    plot = tmp_path / "gmm.svg"
    done = fitgmm(tmp_path / "g.npy", tmp_path / "gmm.json", Fit(components), plot=plot)
    assert read_mixture(tmp_path / "gmm.json").mixture == done.result.mixture
    assert len(done.result.mixture.components) == (1 if components == 1 else 3)
    assert len(done.verdict.split("\n\n")[1].splitlines()) == 3
    assert done.stamp.parameters["components"] == components
    assert plot.stat().st_size > 1000


@pytest.mark.parametrize("seed", range(6))
def test_one_component_more_is_never_less_likely(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shapes = [
        rng.normal(0, 0.1, 800),
        np.r_[rng.normal(0.0056, 0.11, 686), rng.normal(0.6966, 0.117, 114)],
        np.r_[rng.normal(0, 0.05, 500), rng.normal(0, 0.3, 300)],
        rng.laplace(0, 0.1, 800),
        rng.uniform(-0.5, 0.5, 800),
        np.r_[rng.normal(-0.6, 0.1, 100), rng.normal(0, 0.1, 600), rng.normal(0.6, 0.1, 100)],
    ]
    gap = shapes[seed].clip(-1, 1)
    likelihoods = [fit_mixture(gap, k).fit["log_likelihood"] for k in (1, 2, 3)]
    assert likelihoods[1] >= likelihoods[0] - 1e-6
    assert likelihoods[2] >= likelihoods[1] - 1e-6
