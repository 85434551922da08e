"""Checkpoints: tensors and plain values, whole or refused, and no code."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from avgap.artifact import read_stamp
from avgap.artifact.checkpoint import load_checkpoint, read_checkpoint
from avgap.errors import InputError
from avgap.settings import Network, Training
from avgap.warmup import warmup


@pytest.fixture
def checkpoint(cache: Path, tmp_path: Path) -> Path:
    settings = Training(epochs=1, optimizer="adam")
    network = Network("small", "small")
    return warmup(cache, tmp_path / "w", loss="joint", network=network, settings=settings).path


def test_a_saved_checkpoint_is_read_as_it_was(checkpoint: Path) -> None:
    read = read_checkpoint(checkpoint)
    assert read.stamp == read_stamp(checkpoint)
    assert read.content_digest() == read.stamp.digest
    assert read.progress.phase == "warmup"
    assert read.description.classes == ("low", "middle", "high")
    assert set(read.validation) == {"fused", "audio", "visual"}


def test_it_loads_without_running_code(checkpoint: Path) -> None:
    assert torch.load(checkpoint, weights_only=True)["format"] == "avgap.checkpoint"


def test_python_users_get_the_network_in_evaluation_mode(checkpoint: Path) -> None:
    model = load_checkpoint(checkpoint)
    assert not model.training
    logits = model(torch.zeros(2, 12, 16), torch.zeros(2, 2, 3, 16, 16))
    assert torch.equal(logits.fused, logits.audio + logits.visual)


class Hostile:
    """What a hostile file would run on loading."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> object:
        return (Path.touch, (self.witness,))


@pytest.mark.parametrize("writer", ["torch", "pickle"])
def test_a_hostile_checkpoint_runs_no_code(tmp_path: Path, writer: str) -> None:
    path, witness = tmp_path / "evil.pt", tmp_path / "witness"
    content = {"format": "avgap.checkpoint", "model": Hostile(witness)}
    if writer == "torch":
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content))
    with pytest.raises(
        InputError, match=r"is not a checkpoint of avgap\n  it holds more than tensors"
    ):
        read_checkpoint(path)
    assert not witness.exists()


@pytest.mark.parametrize("share", [0, 0.3, 0.99])
def test_a_truncated_checkpoint_is_an_input_error(checkpoint: Path, share: float) -> None:
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError):
        read_checkpoint(checkpoint)


def test_a_foreign_state_dict_is_an_input_error(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / "model.pt")
    with pytest.raises(InputError, match="is not an avgap artifact"):
        read_checkpoint(tmp_path / "model.pt")


def test_a_checkpoint_without_its_weights_is_corrupt(checkpoint: Path) -> None:
    content = torch.load(checkpoint, weights_only=True)
    content["model"].pop("head.weight")
    torch.save(content, checkpoint)
    with pytest.raises(InputError, match="is corrupt"):
        load_checkpoint(checkpoint)
