"""TensorBoard's event files hold the log's numbers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from avgap.errors import InputError
from avgap.training.tensorboard import event_writer, scalars

RECORD = {
    "loss": 1.5,
    "lr": 0.1,
    "terms": {"gap": 0.25},
    "val": {"fused": 0.5},
    "samples_per_second": 10.0,
    "memory": 1000,
}


def read(folder: Path) -> dict[str, list[tuple[int, float]]]:
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = events.EventAccumulator(str(folder)).Reload()
    return {n: [(e.step, e.value) for e in found.Scalars(n)] for n in found.Tags()["scalars"]}


def test_numbers_go_by_the_names_of_the_log() -> None:
    assert scalars(RECORD) == {
        "loss": 1.5,
        "lr": 0.1,
        "samples_per_second": 10.0,
        "memory": 1000,
        "terms/gap": 0.25,
        "val/fused": 0.5,
    }
    assert "val/fused" not in scalars({**RECORD, "val": None})
    assert "memory" not in scalars({**RECORD, "memory": None})  # not known on Windows


def test_a_run_that_is_continued_goes_on_counting_and_strikes_out_what_it_repeats(
    tmp_path: Path,
) -> None:
    pytest.importorskip("tensorboard")
    first = event_writer(tmp_path, 0)
    for loss in (3.0, 2.0, 9.0):  # the third epoch's checkpoint was never written
        first({**RECORD, "loss": loss})
    event_writer(tmp_path, 2)({**RECORD, "loss": 1.0})
    assert read(tmp_path)["loss"] == [(1, 3.0), (2, 2.0), (3, 1.0)]


def test_without_tensorboard_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InputError, match=r"pip install 'avgap\[tensorboard\]'"):
        event_writer(tmp_path, 0)
