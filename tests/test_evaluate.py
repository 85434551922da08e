"""Metrics of a checkpoint as an artifact."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from avgap.artifact import read_stamp
from avgap.artifact.gaps import read_gaps
from avgap.errors import OutputError
from avgap.evaluate import evaluate
from avgap.report.describe import describe
from avgap.settings import Network, Training
from avgap.warmup import warmup


@pytest.fixture
def checkpoint(cache: Path, tmp_path: Path) -> Path:
    settings = Training(epochs=4, optimizer="adam", lr=3e-3)
    network = Network("small", "small")
    return warmup(cache, tmp_path / "w", loss="joint", network=network, settings=settings).path


def test_the_metrics_are_those_of_the_saved_predictions(
    cache: Path, checkpoint: Path, tmp_path: Path
) -> None:
    result = evaluate(cache, checkpoint, tmp_path / "m.json", predictions=tmp_path / "p.h5")
    table = read_gaps(tmp_path / "p.h5")
    metrics = result.body["metrics"]
    for name in ("fused", "audio", "visual"):
        expected = (getattr(table, f"{name}_pred") == table.label).mean()
        assert metrics[name]["accuracy"] == pytest.approx(expected)
        assert np.sum(metrics[name]["confusion"]) == result.body["n_samples"] == 21
    assert result.body["gap"]["mean_abs"] == pytest.approx(np.abs(table.gap).mean())
    assert result.body["checkpoint"] == {
        "phase": "warmup",
        "step": 0,
        "epoch": 4,
        "selected": "last",
    }
    np.testing.assert_allclose(
        table.fused_logits, table.audio_logits + table.visual_logits, rtol=1e-6
    )


def test_predictions_in_a_csv_have_the_digest_of_what_is_in_it(
    cache: Path, checkpoint: Path, tmp_path: Path
) -> None:
    table = tmp_path / "p.csv"
    first = evaluate(cache, checkpoint, tmp_path / "m.json", predictions=table)
    assert "the content has this digest" in describe(table, verify=True)[0]
    assert read_stamp(table).parameters["logits"] is False
    assert first.body["metrics"]["fused"]["confusion"]
    assert evaluate(cache, checkpoint, tmp_path / "m.json", predictions=table).up_to_date


def test_the_file_holds_what_the_result_says_and_is_confirmed(
    cache: Path, checkpoint: Path, tmp_path: Path
) -> None:
    first = evaluate(cache, checkpoint, tmp_path / "m.json")
    assert json.loads((tmp_path / "m.json").read_text())["metrics"] == first.body["metrics"]
    again = evaluate(cache, checkpoint, tmp_path / "m.json")
    assert again.up_to_date
    assert again.body == first.body
    with pytest.raises(OutputError, match="split: test there, val asked for"):
        evaluate(cache, checkpoint, tmp_path / "m.json", split="val")


def test_the_best_checkpoint_says_how_it_was_selected(
    cache: Path, checkpoint: Path, tmp_path: Path
) -> None:
    best = evaluate(cache, checkpoint.with_name("best.pt"), tmp_path / "m.json")
    assert best.body["checkpoint"]["selected"] == "best on validation"


def test_the_table_shows_percent(cache: Path, checkpoint: Path) -> None:
    result = evaluate(cache, checkpoint, "-")
    first = result.table().splitlines()[0].split("  ")
    assert first[0] == "% on test"
    fused = f"{100 * result.body['metrics']['fused']['accuracy']:.2f}"
    assert result.table().splitlines()[2].split()[:2] == ["fused", fused]
