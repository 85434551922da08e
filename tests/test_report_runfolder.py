"""A run folder: what is found in it, and how its artifacts are linked."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from calling import SMALL, call
from runs import ADAPT, gaps_of, make_crossfit, make_run, write_table, write_training

from avgap.artifact.gaps import read_gaps
from avgap.artifact.gmm import read_mixture
from avgap.errors import InputError
from avgap.fitgmm import fitgmm
from avgap.report.runfolder import mixture_beside, read_files, read_run
from avgap.settings import Fit


@pytest.fixture
def run(tmp_path, cache):
    return make_run(tmp_path / "run", cache)


def test_artifacts_are_linked_by_digest_whatever_they_are_called(run):
    (run / "adapt").rename(run / "second")
    (run / "gmm.json").rename(run / "some-name.json")
    there = read_run(run)
    assert [m.name for m in there.moments] == ["after warm-up", "after round 1"]
    assert all(m.gmm is not None for m in there.moments)
    assert [line["phase"] for line in there.history] == ["warmup"] * 3 + ["adapt"] * 4
    assert there.metrics["adapt"]["metrics"]["fused"]["accuracy"] == 0.7


def test_the_gaps_of_the_final_checkpoint_come_last(run, cache):
    write_table(run / "final.h5", cache, ADAPT, gaps_of(0.1))
    assert [m.round for m in read_run(run).moments] == [0, 1, 2]


def test_another_training_in_the_folder_does_not_enter_the_history(run):
    write_training(run / "concat", "f" * 64, {"cache": "c"}, "warmup", [0] * 9)
    assert len(read_run(run).history) == 7


def test_without_checkpoints_the_logs_still_give_the_history(run):
    for checkpoint in run.rglob("*.pt"):
        checkpoint.unlink()
    assert [line["phase"] for line in read_run(run).history] == ["warmup"] * 3 + ["adapt"] * 4


def test_a_folder_without_artifacts_is_refused(tmp_path):
    (tmp_path / "notes.json").write_text("{}")
    with pytest.raises(InputError) as caught:
        read_run(tmp_path)
    assert "holds no artifacts of avgap" in caught.value.what
    assert "notes.json" in caught.value.details[0]


def test_a_damaged_log_is_named(run):
    (run / "warmup" / "log.jsonl").write_text('{"phase": ')
    with pytest.raises(InputError, match=r"log\.jsonl is corrupt"):
        read_run(run)


def test_a_baseline_is_shown_by_its_last_epoch_after_training(work):
    line = ["baseline", "concat", "cache.h5", "-o", "b", "--epochs", "2", *SMALL]
    assert call(*line).exit_code == 0
    for name in ("best", "checkpoint"):
        line = ["evaluate", "cache.h5", "-c", f"b/{name}.pt", "-o", f"b/m-{name}.json"]
        assert call(*line, "--save-predictions", f"b/a-{name}.h5").exit_code == 0
    there = read_run(Path("b"))
    (moment,) = there.moments
    assert (moment.name, moment.path.name) == ("after training", "a-checkpoint.h5")
    assert there.metrics["baseline"]["checkpoint"]["selected"] == "last"


def test_a_crossfit_folder_is_one_run_with_its_folds(tmp_path, cache):
    there = read_run(make_crossfit(tmp_path / "xf", cache))
    (moment,) = there.moments
    assert (moment.name, moment.crossfit, moment.lone) == ("held out", True, True)
    assert there.crossfit is moment
    assert (there.history, there.metrics) == ([], {})
    val = {"fused": 0.6, "audio": 0.5, "visual": 0.4}
    assert [tuple(fold) for fold in there.folds] == [(k, 20, 1.0, val) for k in (1, 2, 3)]


def test_without_the_checkpoints_of_its_folds_it_is_the_same(tmp_path, cache):
    folder = make_crossfit(tmp_path / "xf", cache)
    before = read_run(folder)
    for checkpoint in folder.rglob("*.pt"):
        checkpoint.unlink()
    after = read_run(folder)
    assert (after.folds, after.history) == (before.folds, [])


def test_held_out_gaps_are_beside_the_moments_of_training(run, cache):
    make_crossfit(run / "crossfit", cache)
    there = read_run(run)
    assert [m.name for m in there.moments] == ["after warm-up", "after round 1"]
    assert there.crossfit.name == "held out"
    assert len(there.history) == 7


def test_held_out_gaps_of_another_cache_are_not_the_runs(run, tmp_path):
    from conftest import make_cache

    make_crossfit(run / "crossfit", make_cache(tmp_path / "other.h5", seed=1))
    assert read_run(run).crossfit is None


def test_of_two_mixtures_of_the_same_gaps_the_one_that_adapt_used_is_taken(run):
    table = run / "gaps.h5"
    used = read_mixture(run / "gmm.json")
    fitgmm(table, run / "zzz.json", Fit(components=3))
    assert (run / "adapt" / "step-01" / "gmm.json").exists()
    assert read_run(run).moments[0].gmm.mixture == used.mixture


def test_of_two_mixtures_of_the_same_gaps_that_nobody_used_none_is_guessed(run):
    shutil.rmtree(run / "adapt")
    fitgmm(run / "gaps.h5", run / "zzz.json", Fit(components=3))
    with pytest.raises(InputError) as caught:
        read_run(run)
    assert str(run / "gmm.json") in str(caught.value)
    assert str(run / "zzz.json") in str(caught.value)
    assert "one of them: avgap report" in str(caught.value)
    with pytest.raises(InputError, match="2 mixtures were fitted to"):
        read_files([run / "gaps.h5", run / "gmm.json", run / "zzz.json"])
    with pytest.raises(InputError, match="2 mixtures were fitted to"):
        mixture_beside(run / "gaps.h5", read_gaps(run / "gaps.h5"))
    assert read_files([run / "gaps.h5", run / "zzz.json"])[0].moments[0].gmm is not None


def test_the_same_mixture_twice_is_one(run):
    shutil.copy(run / "gmm.json", run / "copy.json")
    assert read_run(run).moments[0].gmm is not None
