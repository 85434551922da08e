"""One index of folders: what is found, what is not, and which training started from which."""

from __future__ import annotations

import pytest
from runs import ADAPT, WARMUP, make_crossfit, make_run, write_training

from avgap.report.index import walk
from avgap.report.runfolder import several_runs


@pytest.fixture
def run(tmp_path, cache):
    return make_run(tmp_path / "run", cache)


def test_every_kind_is_recognised_by_its_stamp(run):
    index = walk([run])
    count = {kind: len(index.of_kind(kind)) for kind in ("checkpoint", "gaps", "gmm", "metrics")}
    assert count == {"checkpoint": 2, "gaps": 3, "gmm": 3, "metrics": 2}
    assert index.unread == []


def test_a_file_counts_once_however_it_is_reached(run):
    (run / "again.h5").symlink_to(run / "gaps.h5")
    count = len(walk([run]).found)
    assert len(walk([run, run / "adapt", run]).found) == count == 10


def test_a_foreign_file_is_told_from_a_damaged_one(run):
    (run / "notes.json").write_text("[1]")
    (run / "gmm.json").write_text("{")
    unread = {file.path.name: file.foreign for file in walk([run]).unread}
    assert unread == {"notes.json": True, "gmm.json": False}


def test_a_training_is_linked_to_the_one_it_started_from(run):
    index = walk([run])
    adapt, warmup = index.trainings
    assert (adapt.folder.name, warmup.folder.name) == ("adapt", "warmup")
    assert index.chain(adapt) == [warmup, adapt]
    assert (warmup.digests, index.parent(warmup)) == ({WARMUP}, None)


def test_the_best_epoch_is_known_by_what_the_checkpoint_says_of_itself(work):
    (work / "run/warmup/best.pt").rename(work / "run/warmup/a.pt")
    (warmup,) = walk([work / "run"]).trainings
    assert (warmup.best.path.name, warmup.last.path.name) == ("a.pt", "checkpoint.pt")
    assert [found.path.name for found in warmup.checkpoints] == ["a.pt", "checkpoint.pt"]


def test_of_equal_starts_the_one_that_the_hint_names_is_taken(run):
    write_training(run / "a-copy", WARMUP, {"cache": "c"}, "warmup", [0])
    write_training(
        run / "adapt", ADAPT, {"checkpoint": WARMUP}, "adapt", [1], hint="../warmup/checkpoint.pt"
    )
    index = walk([run])
    adapt = next(t for t in index.trainings if t.folder.name == "adapt")
    assert index.parent(adapt).folder.name == "warmup"


def test_a_warm_up_and_what_went_on_from_it_are_one_run(run):
    assert not several_runs([run])
    write_training(run / "second", "c" * 64, {"checkpoint": WARMUP}, "adapt", [1])
    assert not several_runs([run])
    write_training(run / "concat", "f" * 64, {"cache": "c"}, "warmup", [0])
    assert several_runs([run])


def test_trainings_on_folds_are_no_runs(tmp_path, run, cache):
    folder = make_crossfit(tmp_path / "xf", cache, folds=4)
    index = walk([folder])
    assert (len(index.trainings), index.runs) == (4, [])
    assert {place.name for place in index.fold_folders} == {"fold-1", "fold-2", "fold-3", "fold-4"}
    assert not several_runs([folder])
    assert not several_runs([folder, run])


def test_trainings_called_folds_by_nobodys_gaps_are_runs(tmp_path):
    for number in (1, 2):
        place = tmp_path / f"fold-{number}"
        write_training(place, str(number) * 64, {"cache": "c"}, "warmup", [0])
    assert len(walk([tmp_path]).runs) == 2
    assert several_runs([tmp_path])
