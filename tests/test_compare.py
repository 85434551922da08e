"""Many trainings compared: real ones, two seeds of two methods."""

from __future__ import annotations

import csv
import json
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from calling import SMALL, call, fails
from conftest import make_cache
from runs import make_crossfit

from avgap.artifact.gaps import read_gaps, write_gaps
from avgap.compare import compare
from avgap.report.comparison import Panel, lead, verdict
from avgap.report.runfolder import several_runs
from avgap.report.seedgroups import Pairs


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
    results, intervals, rules, against, mcnemar, cost, settings = compare([out]).tables
    assert sorted(row[:2] for row in results.rows) == [["concat", "2"], ["ogm-ge", "2"]]
    order = [row[0] for row in results.rows]  # one for all tables, the best first
    assert float(results.rows[0][2].split()[0]) >= float(results.rows[1][2].split()[0])
    for table in (intervals, rules, cost, settings):
        assert [row[0] for row in table.rows] == order
    assert settings.rows[0][1:6] == ["1", "small", "adam", "0.003", "32"]
    assert all("±" in row[2] for row in results.rows)
    # One epoch: the best on validation, on test and the last are the same.
    assert all(row[2] == row[3] == row[4] for row in rules.rows)
    assert against.rows[0][:2] == ["ogm-ge", "2"]
    assert mcnemar.columns == ("group", "seed 0", "seed 1")
    assert [len(row) for row in cost.rows] == [3, 3]


def test_the_reference_can_be_chosen_and_a_wrong_one_is_told(out):
    assert compare([out], "ogm-ge").tables[3].rows[0][0] == "concat"
    assert "no such group" in fails(2, "compare", out, "--reference", "ogm")


def test_groups_may_be_called_by_their_folders(out, tmp_path):
    (out / "concat").rename(out / "plain ones")
    assert compare([out], "plain ones").panels[0].reference == "concat"
    (panel,) = compare([out], "plain ones", names="folder").panels
    assert panel.reference == "plain ones"
    assert {group.name for group in panel.groups} == {"plain ones", "ogm-ge"}
    shown = call("compare", out, "--names", "folder", "--reference", "plain ones")
    assert "Against plain ones" in shown.stdout


def test_the_words_say_whether_a_difference_is_one():
    def panel(*changes, seeds=2):
        found = [
            Pairs(name, [(n,) for n in range(seeds)], right, np.zeros_like(right))
            for name, right in changes
        ]
        return Panel("p", [], [], [], "plain", found)

    always, never = np.ones((2, 50), bool), np.zeros((2, 50), bool)
    assert verdict(panel(("up", always), ("same", never))) == [
        "Above plain: up.",
        "Below plain: none.",
        "Of 1 no difference is seen: the 95 % interval holds 0.",
        "Of 2 such intervals about 0.1 miss 0 by chance.",
    ]
    (alone,) = verdict(panel(("up", always[:1]), seeds=1))
    assert alone.startswith("With one seed nothing is known of others")
    assert verdict(Panel("p", [], [], [], "plain", [])) == []


def test_what_is_not_done_is_named_and_not_counted(out):
    (out / "concat" / "seed-1" / "not-done").touch()
    found = compare([out])
    assert found.tables[0].rows[0][1] == "1"
    assert "±" not in found.tables[0].rows[0][2]
    assert len(found.left_out) == 1
    assert "seed-1" in found.left_out[0]


def test_the_mark_counts_however_the_folder_is_given(out, monkeypatch):
    (out / "concat" / "seed-1" / "not-done").touch()
    monkeypatch.chdir(out.parent)
    found = compare([Path("out")])
    assert found.tables[0].rows[0][1] == "1"
    assert found.left_out == compare([out]).left_out


def test_trainings_side_by_side_in_one_folder_are_compared_and_none_is_picked(out, tmp_path):
    runs = tmp_path / "runs"
    for method in ("concat", "ogm-ge"):
        shutil.copytree(out / method / "seed-0" / "baseline", runs / method)
        shutil.copy(out / method / "seed-0" / "metrics.json", runs / method)
    assert several_runs([runs])
    assert [group.name for group in compare([runs]).panels[0].groups] == ["concat", "ogm-ge"]
    shutil.rmtree(runs / "ogm-ge")
    assert not several_runs([runs])


def test_trainings_on_folds_are_not_counted_as_runs(out, tmp_path):
    before = compare([out])
    make_crossfit(out / "crossfit", make_cache(tmp_path / "cache.h5"))
    after = compare([out])
    assert [t.rows for t in after.tables] == [t.rows for t in before.tables]
    assert after.left_out == before.left_out


def test_damaged_files_are_named_and_their_numbers_not_counted(out):
    (out / "ours.json").write_text("[1]", encoding="utf-8")  # nothing of avgap's
    cut = out / "concat" / "seed-0" / "metrics-best.json"
    cut.write_text(cut.read_text(encoding="utf-8")[:200], encoding="utf-8")
    emptied = out / "ogm-ge" / "seed-0" / "metrics-best.json"
    body = json.loads(emptied.read_text(encoding="utf-8"))
    body["metrics"]["audio"]["accuracy"] = None
    emptied.write_text(json.dumps(body), encoding="utf-8")
    predicted = out / "ogm-ge" / "seed-1" / "metrics-best.h5"
    predicted.write_bytes(predicted.read_bytes()[:1000])
    told = "\n".join(compare([out]).left_out)
    assert told.count("\n") == 2
    assert "concat/seed-0/metrics-best.json cannot be read as JSON" in told
    assert "ogm-ge/seed-0/metrics-best.json is corrupt" in told
    assert "ogm-ge/seed-1/metrics-best.h5 cannot be read as HDF5" in told


def test_a_folder_with_a_line_break_in_its_name_does_not_break_the_line(out):
    odd = out / "new\nline"
    (out / "concat").rename(odd)
    (odd / "seed-1" / "not-done").touch()
    (line,) = compare([out]).left_out
    assert "new\\nline/seed-1" in line


def test_a_copy_of_a_run_counts_once(out):
    shutil.copytree(out / "concat" / "seed-0", out / "copy")
    found = compare([out])
    assert found.tables[0].rows[0][1] == "2"
    assert len(found.left_out) == 1


def test_the_terminal_shows_the_comparison_of_a_folder_of_runs(out):
    result = call("compare", out)
    assert result.exit_code == 0, result.output
    assert "Against concat" in result.stdout
    assert not several_runs([out / "concat" / "seed-0"])


@pytest.mark.parametrize(
    ("ending", "begins"),
    [
        ("md", "<!-- avgap report"),
        ("tex", "% avgap report"),
        ("csv", "# avgap report"),
        ("json", '{\n  "generator": "avgap report'),
    ],
)
def test_a_comparison_is_written_in_every_format(out, tmp_path, ending, begins):
    file = tmp_path / f"runs.{ending}"
    for _ in range(2):  # what is ours may be replaced
        result = call("compare", out, "--reference", "concat", "-o", file)
        assert result.exit_code == 0, result.output
    text = file.read_text(encoding="utf-8")
    assert text.startswith(begins)
    assert "ogm-ge" in text
    file.write_text("mine", encoding="utf-8")
    assert "not a report of avgap" in fails(4, "compare", out, "-o", file)


def test_the_rows_of_the_csv_are_the_trainings(out):
    text = call("compare", out, "--format", "csv").stdout
    rows = list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
    assert [(row["group"], row["seed"]) for row in rows] == [
        (group, seed) for group in ("concat", "ogm-ge") for seed in "01"
    ]
    checkpoint = torch.load(out / "concat" / "seed-1" / "baseline" / "checkpoint.pt")
    of = checkpoint["history"][0]["val"]["fused"]
    assert float(rows[1]["validation_fused_accuracy"]) == of
    metrics = json.loads((out / "concat" / "seed-1" / "metrics-best.json").read_text())
    assert float(rows[1]["best_fused_accuracy"]) == metrics["metrics"]["fused"]["accuracy"]
    assert float(rows[1]["mean_abs_gap"]) == metrics["gap"]["mean_abs"]


def test_the_page_and_the_figures_show_the_groups(out, tmp_path):
    odd = out / "<b>&"
    (out / "concat").rename(odd)
    (odd / "seed-1" / "not-done").touch()
    result = call("compare", out, "-o", tmp_path / "runs.html")
    assert result.exit_code == 0, result.output
    text = (tmp_path / "runs.html").read_text(encoding="utf-8")
    assert text.count("<svg") == 2
    assert "<b>&" not in text
    assert "&lt;b&gt;&amp;/seed-1" in text  # named as left out
    result = call("compare", out, "--format", "figures", "-o", tmp_path / "figures")
    assert result.exit_code == 0, result.output
    assert {f.name for f in (tmp_path / "figures").iterdir()} == {
        "accuracies.pdf",
        "differences.pdf",
    }


def test_two_folders_of_runs_are_compared_in_a_file_as_in_the_terminal(out, tmp_path):
    file = tmp_path / "runs.md"
    assert call("compare", out / "concat", out / "ogm-ge", "-o", file).exit_code == 0
    assert "Against concat" in file.read_text(encoding="utf-8")


def test_the_suggested_line_makes_the_comparison_that_was_shown(out, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = call("compare", "out/concat/seed-0", "out/ogm-ge/seed-0")
    _, _, line = result.stderr.partition("next: avgap ")
    assert call(*shlex.split(line)).exit_code == 0
    assert "comparison of trainings" in (tmp_path / "comparison.html").read_text(encoding="utf-8")


def test_report_of_several_runs_names_the_command_to_type(out, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = {
        ("out",): "avgap compare out\n",
        ("out/concat/seed-0", "out/ogm-ge/seed-0"): (
            "avgap compare out/concat/seed-0 out/ogm-ge/seed-0\n"
        ),
        ("out", "--format", "csv", "-o", "a b.csv"): (
            "avgap compare out -o 'a b.csv' --format csv\n"
        ),
        ("out", "--by", "class", "--json"): "avgap compare out --json\n",
    }
    for words, line in asked.items():
        told = fails(2, "report", *words)
        assert "these are several runs, and `report` is of one" in told
        assert told.endswith(f"try: {line}")
        assert call(*shlex.split(line)[1:]).exit_code == 0


def test_a_seed_without_its_pair_or_predictions_is_told(out):
    shutil.rmtree(out / "concat" / "seed-1")
    for name in ("metrics", "metrics-best"):  # after one epoch the best is the last
        (out / "ogm-ge" / "seed-0" / f"{name}.h5").unlink()
    found = compare([out])
    assert [table.name for table in found.tables] == [
        *("results", "intervals", "rules", "cost", "provenance")
    ]
    unpredicted, unpaired = found.notes
    assert "ogm-ge, seed 0: no predictions of best.pt" in unpredicted
    assert unpaired == "ogm-ge, seed 1: no such seed of concat"
    result = call("compare", out)
    assert "no such seed of concat" in result.stderr


def test_what_the_reference_lacks_is_told_once(out, tmp_path):
    shutil.copytree(out / "ogm-ge", tmp_path / "out" / "third")
    for name in ("metrics", "metrics-best"):
        (out / "concat" / "seed-0" / f"{name}.h5").unlink()
    (note,) = compare([out]).notes
    assert note.startswith("concat (the reference), seed 0: no predictions of best.pt")


def test_without_validation_there_is_no_best_epoch_which_is_told(out):
    for method in ("concat", "ogm-ge"):
        (out / method / "seed-0" / "baseline" / "best.pt").unlink()
        shutil.rmtree(out / method / "seed-1")
    found = compare([out])
    assert [table.name for table in found.tables] == ["results", "rules", "cost", "provenance"]
    assert all("no best.pt, which there is with validation alone" in note for note in found.notes)
    assert len(found.notes) == 2


def test_a_modality_that_a_network_lacks_has_no_numbers(out, tmp_path):
    cache, run = make_cache(tmp_path / "cache.h5"), out / "alone"
    assert call("baseline", "visual-only", cache, "-o", run, "--epochs", "1", *SMALL).exit_code == 0
    assert call("evaluate", cache, "-c", run / "best.pt", "-o", run / "m.json").exit_code == 0
    results, intervals, *_ = compare([out]).tables
    row = dict(zip(results.columns, results.rows[0], strict=True))
    assert (row["group"], row["audio"], row["F1 audio"]) == ("visual-only", "–", "–")
    assert row["mean |gap|"] == "–"
    assert row["visual"] == row["fused"] != "–"
    assert intervals.rows[0][2] == "–"
    assert call("compare", out, "-o", tmp_path / "runs.html").exit_code == 0


def test_of_equal_accuracies_the_reference_is_named_and_how_many_seeds_there_are(out):
    shutil.copytree(out / "concat" / "seed-0", out / "concat" / "seed-1", dirs_exist_ok=True)
    (panel,) = compare([out], "concat").panels
    fused = {name: of["fused"] for name, of in panel.accuracies().items()}
    assert len(fused["concat"]) == 1
    mean = {name: sum(values) / len(values) for name, values in fused.items()}
    best = "ogm-ge" if mean["ogm-ge"] > mean["concat"] else "concat"
    assert f"best on validation: {best}, {100 * mean[best]:.1f} % over" in lead(panel)
    assert f"{100 * mean['concat']:.1f} % over 1 seed." in lead(panel)
    equal = {"concat": {"fused": [0.5, 0.7]}, "ogm-ge": {"fused": [0.6]}}
    object.__setattr__(panel, "accuracies", lambda: equal)
    assert lead(panel).endswith("best on validation: concat, 60.0 % over 2 seeds.")


def test_a_cache_that_has_moved_can_be_named(out, tmp_path):
    moved = make_cache(tmp_path / "moved.h5")
    with h5py.File(moved, "r+") as file:
        file.attrs["parameters"] = json.dumps({"dataset": "digits"})
    assert [panel.name for panel in compare([out], cache=moved).panels] == ["digits, test"]
    (panel,) = compare([out], cache=make_cache(tmp_path / "other.h5", seed=5)).panels
    assert panel.name == "unknown data, test"


def test_files_are_no_runs_and_an_empty_name_has_no_like(out):
    assert "these are no run folders" in fails(3, "compare", out / "concat/seed-0/metrics.json")
    assert "try" not in fails(2, "compare", out, "--reference", "")


def test_predictions_in_a_csv_count_as_those_in_hdf5(out):
    before = compare([out], "concat").tables[3].rows
    for table in out.rglob("*.h5"):
        kept = read_gaps(table).without_logits()
        stamp = replace(kept.stamp, digest=kept.digest())
        write_gaps(table.with_suffix(".csv"), replace(kept, stamp=stamp))
        table.unlink()
    assert compare([out], "concat").tables[3].rows == before


def test_other_caches_and_splits_are_tables_of_their_own(out, tmp_path):
    cache = make_cache(tmp_path / "other.h5", seed=5)
    run = out / "other"
    words = ["--epochs", "1", "--seed", "0", *SMALL]
    assert call("baseline", "joint", cache, "-o", run / "baseline", *words).exit_code == 0
    for split in ("test", "val"):
        line = ["evaluate", cache, "-c", run / "baseline" / "best.pt", "--split", split]
        assert call(*line, "-o", run / f"{split}.json").exit_code == 0
    found = compare([out], "concat")
    assert [(p.name.split(",")[1].strip(), [g.name for g in p.groups]) for p in found.panels] == [
        ("test", ["concat", "ogm-ge"]),
        ("test", ["joint"]),
        ("val", ["joint"]),
    ]
    names = [panel.name for panel in found.panels]
    assert len(set(names)) == 3  # the digests of the caches tell the first two apart
    assert [note.partition(": ")[2] for note in found.notes] == [
        "no group concat; compared with joint instead"
    ] * 2


def test_what_was_measured_on_another_cache_stands_apart(out, tmp_path):
    before = compare([out]).panels[0].rows
    other = make_cache(tmp_path / "other.h5", seed=5)
    run = out / "concat" / "seed-0"
    line = ["evaluate", other, "-c", run / "baseline" / "best.pt", "-o", run / "a.json"]
    assert call(*line).exit_code == 0  # its name is before that of the other metrics
    own, apart = compare([out]).panels
    assert own.rows == before
    assert [group.name for group in apart.groups] == ["concat"]
    assert apart.rows[0]["best_on_test_fused_accuracy"] is None  # the log is of its own cache


def test_an_adapted_run_counts_once_with_its_warm_up(out, tmp_path):
    cache = make_cache(tmp_path / "cache.h5")
    for name, options in (("adaptive", []), ("best", ["--preset", "kept"])):
        run = tmp_path / "runs" / name
        words = ["--epochs", "2", "--seed", "3", "--log-test", *SMALL]
        assert call("warmup", cache, "-o", run / "warmup", *words).exit_code == 0
        line = ["adapt", cache, "-c", run / "warmup" / "checkpoint.pt", "-o", run / "adapt"]
        assert call(*line, "--steps", "2", "--epochs", "1", *options).exit_code == 0
        line = ["evaluate", cache, "-c", run / "adapt" / "best.pt", "-o", run / "metrics.json"]
        assert call(*line).exit_code == 0
    (panel,) = compare([tmp_path / "runs"]).panels
    names = ["adaptive", "adaptive gamma=0.1 pull=weaker keep_unimodal=yes"]
    assert [g.name for g in panel.groups] == names
    (training,) = panel.groups[0].runs.values()
    assert [one.folder.name for one in training.chain] == ["warmup", "adapt"]
    assert training.seed == (3,)
    epochs = sum(len(one.history) for one in training.chain)
    assert epochs == 4
    logged = [line["test"]["fused"] for line in training.chain[-1].history]
    assert training.peers == max(logged)
    for name in ("adaptive", "best"):  # the same warm-up twice: either would do
        shutil.rmtree(tmp_path / "runs" / name / "warmup")
    found = compare([tmp_path / "runs"])
    assert [g.name for g in found.panels[0].groups] == names
    assert [note.partition("/adapt: ")[2] for note in found.notes[:2]] == [
        "what it started from is not among the folders; its time and settings are not told"
    ] * 2


def test_the_tables_of_the_results_page_are_the_reports_side_by_side(out, tmp_path):
    shown = call("compare", out, "--reference", "concat", "--json")
    (tmp_path / "report.json").write_text(shown.stdout, encoding="utf-8")
    script = Path(__file__).parents[1] / "docs" / "reproduce" / "tables.py"
    line = [sys.executable, str(script), "methods", str(tmp_path / "report.json")]
    printed = subprocess.run(line, capture_output=True, text=True, check=True, encoding="utf-8")
    head, _, *rows = ([*map(str.strip, r.split("|")[1:-1])] for r in printed.stdout.splitlines())
    results, _, rules, against, *_ = compare([out], "concat").tables
    assert head[9] == "against concat"
    accuracies = [float(row[3].split()[0]) for row in rows]
    assert accuracies == sorted(accuracies, reverse=True)
    of = {row[0]: row for row in rows}
    assert [of[group][3] for group, *_ in results.rows] == [row[2] for row in results.rows]
    assert [of[group][4] for group, *_ in rules.rows] == [row[3] for row in rules.rows]
    assert of["ogm-ge"][9] == against.rows[0][against.columns.index("difference")]
    assert of["concat"][9] == ""
