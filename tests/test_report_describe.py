"""One artifact in words: what is said, verified and refused."""

from __future__ import annotations

import json
import re

import h5py
import numpy as np
import pytest
from runs import WARMUP, make_run

from avgap.errors import InputError
from avgap.report import describe, page


@pytest.fixture
def run(tmp_path, cache):
    return make_run(tmp_path / "run", cache)


def test_gaps_are_described_in_words_and_numbers(run):
    text, data = describe(run / "gaps.h5")
    assert f"{run / 'gaps.h5'}: avgap.gaps, format version 1" in text
    assert "from checkpoint  aaaaaaaaaaaa…" in text
    assert "60 samples, mean gap +0.1" in text
    assert "gaps in-sample: measured on clips the network has trained on" in text
    assert "|gap| > 0.5 in 25 %; audio leads in 40, visual in 20" in text
    assert data["summary"]["held_out"] is False
    assert "█" in text
    assert data["summary"]["quantiles"]["0%"] == pytest.approx(-0.3)
    assert data["inputs"]["checkpoint"] == WARMUP


def test_a_mixture_is_described_by_its_verdict(run):
    text, data = describe(run / "gmm.json")
    assert "samples are imbalanced, audio-dominant, centred at 0." in text
    assert data["summary"]["components"]["imbalanced"]["dominant"] == "audio"


def test_metrics_are_described_as_a_table_in_percent(run):
    text, _ = describe(run / "adapt" / "metrics.json")
    assert "400 samples of test, checkpoint of adapt round 2 epoch 3 (last), in percent" in text
    assert re.search(r"fused +70\.00 +70\.00 +70\.00 +10\.00", text)


def test_a_cache_is_described_with_its_corruption(cache):
    text, data = describe(cache)
    assert "test: train 60, val 15, test 21 clips of 3 classes" in text
    assert "corrupt  train: 15 clips visual:noise" in text
    assert data["summary"]["corrupt"]["train"] == {"visual:noise": 15}


def test_a_foreign_table_of_gaps_is_described_as_of_unknown_origin(tmp_path):
    np.save(tmp_path / "gaps.npy", [0.1, 0.3, -0.2])
    text, data = describe(tmp_path / "gaps.npy")
    assert "a table of gaps of unknown origin" in text
    assert data["summary"]["mean"] == pytest.approx(0.2 / 3)


@pytest.mark.parametrize("name", ["gaps.h5", "gmm.json", "adapt/metrics.json"])
def test_an_untouched_artifact_is_verified(run, name):
    text, data = describe(run / name, verify=True)
    assert "the content has this digest" in text
    assert data["verified"]


def test_a_changed_cache_is_found_out_by_verify(cache):
    assert describe(cache, verify=True)[1]["verified"]
    with h5py.File(cache, "r+") as file:
        file["train/audio"][0, 0, 0] += 1
    describe(cache)
    with pytest.raises(InputError, match="is not what its stamp says"):
        describe(cache, verify=True)


def test_a_changed_mixture_is_found_out_by_verify(run):
    path = run / "gmm.json"
    keys = json.loads(path.read_text())
    keys["components"]["imbalanced"]["mean"] += 0.01
    path.write_text(json.dumps(keys))
    with pytest.raises(InputError) as caught:
        describe(path, verify=True)
    assert caught.value.details[0].startswith(f"digest: {keys['digest']} in the stamp, ")


@pytest.mark.parametrize("name", ["missing.h5", "text.json", "text.txt"])
def test_what_is_no_artifact_is_refused(tmp_path, name):
    if name.startswith("text"):
        (tmp_path / name).write_text("hello")
    with pytest.raises(InputError, match=name):
        describe(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "part", "told"),
    [
        ("adapt/metrics.json", "metrics", "is corrupt\n  metrics.fused is missing"),
        ("adapt/metrics.json", "checkpoint", "is corrupt\n  checkpoint.phase is missing"),
        ("gmm.json", "fit", "gmm.json is corrupt\n  fit.n_samples is missing"),
        ("gmm.json", "diagnostics", "gmm.json is corrupt\n  diagnostics.supported is missing"),
    ],
)
def test_an_artifact_without_its_numbers_is_named(run, name, part, told):
    # Of two mixtures of the same gaps the page reads the one that adapt used: all are damaged.
    for place in run.rglob("gmm.json") if name == "gmm.json" else [run / name]:
        place.write_text(json.dumps(json.loads(place.read_text()) | {part: {}}))
    for look in (lambda: describe(run / name), lambda: page([run], run / "r.html")):
        with pytest.raises(InputError, match=told):
            look()


def test_a_foreign_hdf5_of_gaps_is_described(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["gap"] = np.array([0.5, -0.25])
    assert "2 samples" in describe(tmp_path / "a.h5")[0]
    with pytest.raises(InputError, match="has no stamp to verify"):
        describe(tmp_path / "a.h5", verify=True)
