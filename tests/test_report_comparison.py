"""Many trainings compared: real ones, two seeds of two methods."""

from __future__ import annotations

import shutil

import pytest
from calling import SMALL, call, fails
from conftest import make_cache

from avgap.report.comparison import compare, is_many


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared")
    cache = make_cache(folder / "cache.h5")
    for method in ("concat", "ogm-ge"):
        for seed in (0, 1):
            run = folder / "out" / method / f"seed-{seed}"
            words = ["--epochs", "1", "--seed", seed, "--log-test", *SMALL]
            assert call("baseline", method, cache, "-o", run / "baseline", *words).exit_code == 0
            for name, of in (("best", "metrics-best"), ("checkpoint", "metrics")):
                line = ["evaluate", cache, "-c", run / "baseline" / f"{name}.pt"]
                line += ["-o", run / f"{of}.json", "--save-predictions", run / f"{of}.h5"]
                assert call(*line).exit_code == 0
    return folder / "out"


@pytest.fixture
def out(trained, tmp_path):
    # Beside the cache's place, whatever that is: the digests link the files.
    return shutil.copytree(trained, tmp_path / "out")


def test_seeds_are_grouped_and_every_rule_has_a_column(out):
    results, rules, against = compare([out]).tables
    assert [row[:2] for row in results.rows] == [["concat", "2"], ["ogm-ge", "2"]]
    assert all("±" in row[2] for row in results.rows)
    # One epoch: the best on validation, on test and the last are the same.
    assert all(row[1] == row[2] == row[3] for row in rules.rows)
    assert against.rows[0][:2] == ["ogm-ge", "2"]


def test_the_reference_can_be_chosen_and_a_wrong_one_is_told(out):
    assert compare([out], "ogm-ge").tables[2].rows[0][0] == "concat"
    assert "no such group" in fails(2, "report", out, "--reference", "ogm")


def test_what_is_not_done_is_named_and_not_counted(out):
    (out / "concat" / "seed-1" / "not-done").touch()
    found = compare([out])
    assert found.tables[0].rows[0][1] == "1"
    assert "±" not in found.tables[0].rows[0][2]
    assert len(found.left_out) == 1
    assert "seed-1" in found.left_out[0]


def test_a_copy_of_a_run_counts_once(out):
    shutil.copytree(out / "concat" / "seed-0", out / "copy")
    found = compare([out])
    assert found.tables[0].rows[0][1] == "2"
    assert len(found.left_out) == 1


def test_the_terminal_shows_the_comparison_of_a_folder_of_runs(out):
    result = call("report", out)
    assert result.exit_code == 0, result.output
    assert "Against concat" in result.stdout
    assert not is_many([out / "concat" / "seed-0"])


def test_a_folder_of_runs_is_not_reported_as_if_it_were_one(out, tmp_path):
    for options in (["--format", "md"], ["-o", tmp_path / "page.html"]):
        assert "holds several runs" in fails(2, "report", out, *options)
    assert not (tmp_path / "page.html").exists()
