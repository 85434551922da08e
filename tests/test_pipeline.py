"""The whole pipeline: on tiny real media through files, and on the built-in demo."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from media import write_dataset
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from avgap.artifact import read_stamp
from avgap.artifact.gaps import read_gaps
from avgap.artifact.gmm import read_mixture
from avgap.cli import app
from avgap.data.cache.reader import open_cache

FRONT_END = ["--frames", "2", "--frame-size", "16", "--sample-rate", "4000", "--seconds", "0.5"]
FRONT_END += ["--n-fft", "64", "--hop-length", "64", "--workers", "1"]


def ok(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.stdout


def times(folder: Path) -> dict[Path, int]:
    """When each artifact was written; log.jsonl is a copy that is renewed."""
    files = [path for path in folder.rglob("*.*") if path.name != "log.jsonl"]
    return {path: path.stat().st_mtime_ns for path in files}


def test_media_files_become_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    table = write_dataset(tmp_path / "media", {"train": 24, "test": 8}, size=(32, 32))
    ok("prepare", "csv", table, "-o", "cache.h5", *FRONT_END, "--val-fraction", "0.2")
    training = ["--encoder", "small", "--epochs", "2", "--batch-size", "8", "--optimizer", "adam"]
    ok("warmup", "cache.h5", "-o", "run/warmup", *training)
    ok("gaps", "cache.h5", "--checkpoint", "run/warmup/checkpoint.pt", "-o", "run/gaps.h5")
    ok("fitgmm", "run/gaps.h5", "-o", "run/gmm.json", "--plot", "run/gmm.svg")
    start = ["cache.h5", "--checkpoint", "run/warmup/checkpoint.pt"]
    ok("adapt", *start, "-o", "run/adapt", "--steps", "2", "--epochs", "1")
    ok("evaluate", *start, "-o", "run/warmup/metrics.json")
    end = ["cache.h5", "--checkpoint", "run/adapt/checkpoint.pt"]
    shown = json.loads(ok("evaluate", *end, "-o", "run/adapt/metrics.json", "--json"))
    assert shown["metrics"]["fused"]["accuracy"] >= 0
    ok("report", "run", "-o", "report.html")

    cache = read_stamp(Path("cache.h5")).digest
    for name in ("gaps.h5", "gmm.json", "adapt/checkpoint.pt", "adapt/metrics.json"):
        assert read_stamp(Path("run") / name).inputs["cache"] == cache, name
    page = Path("report.html").read_text(encoding="utf-8")
    assert page.count("<svg") >= 3
    assert "http://" not in page.replace("http://www.w3.org/", "")
    assert not list(tmp_path.rglob("*.part"))
    # The same commands again confirm and change nothing.
    before = times(tmp_path)
    ok("prepare", "csv", table, "-o", "cache.h5", *FRONT_END, "--val-fraction", "0.2")
    ok("warmup", "cache.h5", "-o", "run/warmup", *training)
    ok("adapt", *start, "-o", "run/adapt", "--steps", "2", "--epochs", "1")
    assert times(tmp_path) == before


@pytest.mark.slow
def test_the_demo_finds_the_spoiled_clips_and_ends_with_its_page(tmp_path: Path) -> None:
    # Where it has been run already, the same lines confirm what is there.
    folder = Path(os.environ.get("AVGAP_TEST_DEMO") or tmp_path / "a demo")
    shown = json.loads(ok("demo", "-o", folder, "--json").splitlines()[-1])
    assert Path(shown["report"]).exists()
    run = folder / "run"
    table = read_gaps(run / "crossfit" / "gaps.h5")
    assert table.held_out
    fitted = read_mixture(run / "crossfit" / "gmm.json")
    mixture = fitted.mixture
    truth = np.array(open_cache(folder / "cache.h5").meta("train")["corrupt"]) != ""
    assert 0.19 < truth.mean() < 0.21
    assert roc_auc_score(truth, mixture.posterior(table.gap)) > 0.95
    assert fitted.diagnostics["supported"]
    # Spoiled pictures leave the sound in the lead.
    assert mixture.dominant == "audio"
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "ROC AUC" in page
    beside = Path(shown["comparison"]).read_text(encoding="utf-8")
    assert all(f">{name}<" in beside for name in ("paper", "plain", "mend"))
    metrics = json.loads((run / "warmup" / "metrics.json").read_text())["metrics"]
    assert metrics["fused"]["accuracy"] > 0.9


@pytest.mark.data
def test_real_clips_with_sound_go_through_the_csv_door(
    data_folder: Path, tmp_path: Path, avgap: Callable[..., object]
) -> None:
    import csv
    import shutil

    clips = sorted((data_folder / "grid_s1" / "clips").glob("*.mp4"))[:60]
    with (data_folder / "grid_s1" / "labels.csv").open(newline="") as file:
        labels = {row["clip"]: row for row in csv.DictReader(file)}
    with (tmp_path / "clips.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "label", "split", "video", "start", "end"])
        for number, clip in enumerate(clips):
            shutil.copy(clip, tmp_path)
            row = labels[clip.stem]
            split = "test" if number % 4 == 3 else "train"
            window = row["digit_start_s"], row["digit_end_s"]
            writer.writerow([clip.stem, row["digit"], split, clip.name, *window])
    output = tmp_path / "cache.h5"
    ok("prepare", "csv", tmp_path / "clips.csv", "-o", output, *FRONT_END)
    cache = open_cache(output)
    assert cache.missing == {}
    assert sum(cache.sizes.values()) == 60
    split = cache.split("train")
    assert (split.audio.std(axis=(1, 2)) > 0.1).all()
    assert (split.visual.std(axis=(1, 2, 3, 4)) > 10).all()
