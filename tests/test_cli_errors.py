"""Broken inputs and impossible outputs: exact texts, exit statuses, and nothing left behind."""

from __future__ import annotations

import json
import os
import re
import shutil
from contextlib import contextmanager
from pathlib import Path

import h5py
import pytest
import torch
from calling import START, TINY, call, fails
from conftest import make_cache
from media import write_dataset, write_video
from test_artifact_checkpoint import signed

# ---------------------------------------------------------------- inputs: exit 3


def spoil(name):
    """Make the broken file that a line below speaks of."""
    whole = {"cut.h5": "cache.h5", "cut.pt": "run/warmup/checkpoint.pt", "cut.json": "run/gmm.json"}
    if name in whole:
        data = Path(whole[name]).read_bytes()
        Path(name).write_bytes(data[: len(data) // 2])
    texts = {"zero.h5": "", "zero.pt": "", "zero.csv": "", "list.json": "[1]", "note.csv": "hello"}
    texts |= {"nan.csv": "id,gap\na,0.1\nb,nan\nc,2\n", "one.csv": "gap\n0.1\n"}
    texts |= {"equal.csv": "gap\n0.1\n0.1\n", "word.csv": "gap\n0.1\nhigh\n"}
    if name in texts:
        Path(name).write_text(texts[name])
    if name == "lost.h5":
        shutil.copy("cache.h5", name)
        with h5py.File(name, "r+") as file:
            del file["train/audio"]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("gaps none.h5 -c run/warmup/checkpoint.pt -o g.h5", "none.h5 does not exist\n"),
        ("gaps cache.h5 -c none.pt -o g.h5", "none.pt does not exist\n"),
        (
            "gaps run/gaps.h5 -c run/warmup/checkpoint.pt -o g.h5",
            "run/gaps.h5 is a table of gaps, not a cache\n",
        ),
        ("gaps cut.h5 -c run/warmup/checkpoint.pt -o g.h5", "cut.h5 cannot be read as HDF5\n"),
        ("gaps zero.h5 -c run/warmup/checkpoint.pt -o g.h5", "zero.h5 cannot be read as HDF5\n"),
        ("gaps lost.h5 -c run/warmup/checkpoint.pt -o g.h5", "lost.h5 is corrupt\n"),
        ("gaps cache.h5 -c cut.pt -o g.h5", "cut.pt cannot be read as a checkpoint\n"),
        ("gaps cache.h5 -c zero.pt -o g.h5", "zero.pt cannot be read as a checkpoint\n"),
        ("fitgmm cache.h5 -o m.json", "cache.h5 is a cache, not a table of gaps\n"),
        ("fitgmm zero.csv -o m.json", "zero.csv is empty\n"),
        ("fitgmm note.csv -o m.json", "note.csv is empty\n  columns: hello\n"),
        (
            "fitgmm run/gmm.json -o m.json",
            "run/gmm.json is not a table of gaps\n  known endings: .h5, .csv, .npy\n",
        ),
        (
            "fitgmm nan.csv -o m.json",
            "nan.csv: 2 of 3 gaps are not numbers in [-1, 1]\n  b: nan\n  c: 2.0\n",
        ),
        ("fitgmm word.csv -o m.json", "word.csv: gap is not a number in 1 rows\n"),
        ("adapt cache.h5 -c run/warmup/checkpoint.pt -o a --gmm cut.json", "cut.json cannot be"),
        ("report list.json", "list.json is not an avgap artifact\n  it is not one JSON object\n"),
        ("report none", "none does not exist\n"),
        ("report cache.h5 -o r.html", "cache.h5 is a cache, not a table of gaps\n"),
        ("prepare csv none -o c.h5", "none does not exist\n"),
    ],
)
def test_an_input_that_is_missing_broken_or_another_is_told_and_nothing_is_written(
    work, line, text
):
    for word in line.split():
        spoil(word)
    before = sorted(work.rglob("*"))
    assert fails(3, *line.split()).startswith("error: " + text)
    assert sorted(work.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "one.csv",
            "error: 2 components need at least 2 gaps\n  there are 1\n"
            "  try: the gaps of the whole training split\n",
        ),
        (
            "equal.csv",
            "error: all 2 gaps are equal (0.1)\n"
            "  more than one component needs gaps that differ\n"
            "  try: --components 1; or a longer warm-up, or look at the scores: "
            "avgap report GAPS\n",
        ),
    ],
)
def test_gaps_that_no_mixture_can_be_fitted_to_are_told(work, name, text):
    spoil(name)
    warning = f"warning: {name} carries no avgap stamp: its origin is unknown\n"
    assert fails(3, "fitgmm", name, "-o", "m.json") == warning + text
    assert not Path("m.json").exists()


def test_a_checkpoint_for_other_classes_is_told_with_both_sides(work):
    with h5py.File("cache.h5", "r+") as file:
        file.attrs["classes"] = ["low", "middle", "top"]
    assert fails(3, "gaps", *START, "-o", "g.h5") == (
        "error: run/warmup/checkpoint.pt does not fit cache.h5\n"
        "  classes: ['low', 'middle', 'top'] in the cache, ['low', 'middle', 'high'] in the "
        "checkpoint\n"
        "  try: the cache it was trained on, or another with the same recipes and classes\n"
    )


def test_a_mixture_of_another_cache_is_told_with_both_sides(work):
    make_cache(work / "other.h5", seed=1, n=30)
    line = ["adapt", "other.h5", *START[1:], "-o", "a", "--gmm", "run/gmm.json"]
    assert re.fullmatch(
        r"error: run/gmm.json was fitted on gaps of another cache\n"
        r"  gmm.json  gaps of cache \w{6}… \(60 samples\)\n"
        r"  other.h5  cache \w{6}… \(test, 30 training samples\)\n"
        r"  try: avgap gaps other.h5 .*\n",
        fails(3, *line),
    )
    assert not Path("a").exists()


def test_a_hostile_checkpoint_runs_no_code(work):
    class Hostile:
        def __reduce__(self):
            return os.mkdir, ("owned",)

    stamp = torch.load("run/warmup/checkpoint.pt", weights_only=True)
    torch.save({**stamp, "optimizer": Hostile()}, "evil.pt")
    for line in (["gaps", "cache.h5", "-c", "evil.pt", "-o", "g.h5"], ["report", "evil.pt"]):
        assert fails(3, *line) == (
            "error: evil.pt is not a checkpoint of avgap\n"
            "  it holds more than tensors and plain values, and was not loaded\n"
        )
    assert not Path("owned").exists()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"model": [1]}, "model is no record"),
        ({"history": 5}, "history is no list"),
        ({"model": {"head.bias": torch.zeros(3)}}, "is not what its stamp says"),
        ({"format_version": 99}, "newer than this avgap reads (1)"),
    ],
)
def test_a_checkpoint_with_a_wrong_part_is_corrupt_not_a_traceback(work, changes, text):
    whole = torch.load("run/warmup/checkpoint.pt", weights_only=True)
    torch.save({**whole, **changes}, "wrong.pt")
    assert text in fails(3, "gaps", "cache.h5", "-c", "wrong.pt", "-o", "g.h5")


def test_scores_that_are_not_numbers_are_told_by_sample(work):
    whole = torch.load("run/warmup/checkpoint.pt", weights_only=True)
    whole["model"]["head.bias"][:] = float("nan")
    torch.save(signed(whole), "nan.pt")
    stderr = fails(3, "gaps", "cache.h5", "-c", "nan.pt", "-o", "g.h5")
    assert stderr.startswith(
        "error: the model gives logits that are not finite for 60 of 60 samples\n  train-0\n"
    )
    assert stderr.endswith("  try: a checkpoint from before training diverged\n")


def test_one_changed_value_is_found_by_verify(work):
    assert call("report", "run/gaps.h5", "--verify").exit_code == 0
    with h5py.File("run/gaps.h5", "r+") as file:
        file["gap"][3] += 0.01
    stderr = fails(3, "report", "run/gaps.h5", "--verify")
    assert re.fullmatch(
        r"error: run/gaps.h5 is not what its stamp says: its content was changed or damaged\n"
        r"  digest: \w{64} in the stamp, \w{64} found\n  try: make it again\n",
        stderr,
    )


# ---------------------------------------------------------------- media


def test_unusable_clips_are_listed_with_their_reasons_unless_allowed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    media = write_dataset(tmp_path / "media", {"train": 4, "test": 2}, size=(32, 32))
    (media / "cut.mp4").write_bytes((media / "train-0.mp4").read_bytes()[:2000])
    (media / "zero.mp4").touch()
    write_video(media / "mute.mp4", sound=None)
    with (media / "clips.csv").open("a") as file:
        for name in ("cut", "mute", "none", "zero"):
            file.write(f"x-{name},a,test,{name}.mp4\n")
    line = ["prepare", "csv", media, "-o", "c.h5", *TINY, "-q"]
    stderr = fails(3, *line, "--allow-missing", "3")
    assert re.fullmatch(
        r"error: 4 clips cannot be used\n"
        r"  x-cut: .*\n"
        r"  x-mute: mute.mp4: no sound in it, and no audio file is given\n"
        r"  x-none: none.mp4: no such file\n"
        r"  x-zero: zero.mp4: the file is empty \(zero bytes\)\n"
        r"  try: --allow-missing 4 to leave them out\n",
        stderr,
    )
    assert not Path("c.h5").exists()
    allowed = call(*line, "--allow-missing", "4")
    assert (allowed.exit_code, allowed.stderr) == (0, "")
    assert "4 cannot be used:\n  x-cut: " in allowed.stdout


# ---------------------------------------------------------------- outputs: exit 4


def test_an_output_that_answers_another_question_is_kept_unless_forced(work):
    before = Path("run/gaps.h5").read_bytes()
    line = ["gaps", *START, "-o", "run/gaps.h5", "--split", "val"]
    assert fails(4, *line) == (
        "error: run/gaps.h5 answers another question\n"
        "  split: train there, val asked for\n"
        "  try: another -o, or --force to replace it\n"
    )
    assert Path("run/gaps.h5").read_bytes() == before
    assert call(*line, "--force").exit_code == 0
    with h5py.File("run/gaps.h5") as file:
        assert len(file["gap"]) == 15


def test_force_never_replaces_what_avgap_did_not_write(work):
    for name in ("letter.csv", "plot.svg", "page.html", "letter.json"):
        Path(name).write_text("dear reader")
    foreign = "exists and is not"
    assert foreign in fails(4, "gaps", *START, "-o", "letter.csv", "--force")
    assert foreign in fails(4, "evaluate", *START, "-o", "letter.json", "--force")
    assert foreign in fails(4, "report", "run", "-o", "page.html")
    plot = ["fitgmm", "run/gaps.h5", "-o", "new.json", "--plot", "plot.svg", "--force"]
    assert foreign in fails(4, *plot)
    assert not Path("new.json").exists()
    for name in ("letter.csv", "plot.svg", "page.html", "letter.json"):
        assert Path(name).read_text() == "dear reader"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("gaps {} -o cache.h5 -f", "cache.h5"),
        ("gaps {} -o link.h5 -f", "cache.h5"),
        ("evaluate {} -o e.json --save-predictions cache.h5 -f", "cache.h5"),
        ("gaps --predictions run/gaps.h5 -o run/gaps.h5 -f", "run/gaps.h5"),
        ("adapt {} -o run/warmup --steps 1 --epochs 1 -f", "run/warmup/checkpoint.pt"),
        ("report run/gaps.h5 --by of.csv -o of.csv", "of.csv"),
    ],
)
def test_no_command_replaces_one_of_its_own_inputs(work, line, name):
    assert call("report", "run", "--format", "csv", "-o", "of.csv").exit_code == 0
    Path("link.h5").symlink_to("cache.h5")
    before = Path(name).read_bytes()
    stderr = fails(4, *line.format(" ".join(START)).split())
    assert "is an input of this command\n  try: another -o\n" in stderr
    assert Path(name).read_bytes() == before


def test_damage_is_refused_wherever_an_artifact_is_used(work):
    assert call("gaps", *START, "-o", "g.csv").exit_code == 0
    lines = Path("g.csv").read_text().splitlines()
    Path("g.csv").write_text("\n".join(lines[:31]) + "\n")  # the stamp, the header, 29 rows of 60
    for line in ("fitgmm g.csv -o m.json", "report g.csv", f"gaps {' '.join(START)} -o g.csv"):
        assert "is not what its stamp says" in fails(3, *line.split())
    metrics = Path("run/warmup/metrics.json")
    body = json.loads(metrics.read_text())
    body["metrics"]["fused"]["accuracy"] = 0.125
    metrics.write_text(json.dumps(body))
    for line in ("report run", "report run -o r.html", "report run/warmup/metrics.json"):
        assert "is not what its stamp says" in fails(3, *line.split())
    gmm = Path("run/gmm.json")
    body = json.loads(gmm.read_text())
    body["diagnostics"]["supported"] = not body["diagnostics"]["supported"]
    gmm.write_text(json.dumps(body))
    line = ["adapt", *START, "-o", "a", "--gmm", "run/gmm.json"]
    assert "checksum: " in fails(3, *line)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("gaps {} -o g.txt", "g.txt is no name for a table of gaps\n  try: -o g.txt.h5\n"),
        ("fitgmm run/gaps.h5 -o m", "m is no name for a mixture\n  try: -o m.json\n"),
        ("evaluate {} -o e.csv", "e.csv is no name for a table of metrics\n  try: -o e.csv.json\n"),
        ("prepare csv . -o c", "c is no name for a cache\n  try: -o c.h5\n"),
        ("gaps {} -o note/g.h5", "cannot write note/g.h5\n  File exists\n"),
        ("warmup cache.h5 -o note", "note is a file, not a training folder\n  try: another -o\n"),
        ("fitgmm run/gaps.h5 -o run", "run is no name for a mixture\n"),
        ("gaps {} -o dir.h5", "dir.h5 exists and is not an avgap artifact\n  dir.h5 is a folder"),
        ("fitgmm run/gaps.h5 -o m.json --plot p.xyz", "cannot draw p.xyz\n  known endings: .png"),
    ],
)
def test_an_output_that_cannot_be_is_told_before_any_work(work, line, text):
    Path("note").touch()
    Path("dir.h5").mkdir()
    before = sorted(work.rglob("*"))
    assert fails(4, *line.format(" ".join(START)).split()).startswith("error: " + text)
    assert sorted(work.rglob("*")) == before


@contextmanager
def full_disk(size):
    """No file may grow beyond this many bytes, as on a disk that has no more."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    ("line", "size"),
    [
        ("gaps {} -o new.h5", 4000),
        ("gaps {} -o new.csv", 1000),
        ("fitgmm run/gaps.h5 -o new.json", 500),
        ("evaluate {} -o new.json --save-predictions new.h5", 4000),
        ("warmup cache.h5 -o new --epochs 1 --encoder small", 20000),
        ("report run -o new.html", 5000),
    ],
)
def test_a_full_disk_is_told_and_leaves_no_half_file(work, line, size):
    with full_disk(size):
        result = call(*line.format(" ".join(START)).split())
    assert result.exit_code == 4, result.output
    assert "error: cannot write new" in result.stderr
    assert [path for path in work.rglob("*") if path.is_file() and "new" in str(path)] == []


@pytest.mark.parametrize(
    ("status", "line", "told"),
    [
        (3, f"fitgmm {'a' * 300}.npy -o m.json", "error: file name too long\n"),
        (3, f"fitgmm run/gaps.h5 -o {'a' * 300}.json", "file name too long"),
        (2, "evaluate cache.h5 -c x.pt -o m.json --save-predictions -", "writes a file"),
        (2, "fitgmm run/gaps.h5 -o m.json --bootstrap 1", "one resample has no spread"),
        (2, "fitgmm run/gaps.h5 -o m.json --seed 4294967296", "--seed"),
        (2, "fitgmm run/gaps.h5 -o m.json --tol inf", "--tol"),
        (2, "fitgmm run/gaps.h5 -o m.json --reg-covar 0", "--reg-covar"),
    ],
)
def test_values_and_names_beyond_all_bounds_are_refused(work, status, line, told):
    assert told in fails(status, *line.split())


def test_a_damaged_result_is_made_again_by_force_alone(work):
    content = json.loads(Path("run/gmm.json").read_text())
    content["components"]["balanced"]["mean"] += 0.1
    Path("run/gmm.json").write_text(json.dumps(content))
    told = fails(3, "fitgmm", "run/gaps.h5", "-o", "run/gmm.json")
    assert "--force to make it again" in told
    assert call("fitgmm", "run/gaps.h5", "-o", "run/gmm.json", "--force").exit_code == 0
    assert call("report", "run/gmm.json", "--verify").exit_code == 0
    line = ["evaluate", *START, "-o", "m.json"]
    assert call(*line).exit_code == 0
    content = json.loads(Path("m.json").read_text())
    for damaged in (content | {"n_samples": 1}, content | {"metrics": {}}):
        Path("m.json").write_text(json.dumps(damaged))
        assert "--force to make it again" in fails(3, *line)
        assert call(*line, "--force").exit_code == 0
        assert json.loads(Path("m.json").read_text())["metrics"] == content["metrics"]
