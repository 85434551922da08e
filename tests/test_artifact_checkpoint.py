"""Checkpoints: tensors and plain values, whole or refused, and no code."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import make_cache

from avgap.artifact import read_stamp
from avgap.artifact.checkpoint import (
    Progress,
    content_digest,
    load_checkpoint,
    read_checkpoint,
    read_plain,
)
from avgap.errors import InputError
from avgap.models import Description
from avgap.settings import Network, Training
from avgap.warmup import warmup


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    settings = Training(epochs=1, optimizer="adam")
    network = Network("small", "small")
    cache = make_cache(folder / "cache.h5")
    return warmup(cache, folder / "w", loss="joint", network=network, settings=settings).path


@pytest.fixture
def checkpoint(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(trained, tmp_path))


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


def signed(content: dict[str, Any]) -> dict[str, Any]:
    """A checkpoint's content, changed, with the digest that belongs to it."""
    digest = content_digest(
        Description.from_dict(content["description"]),
        content["model"],
        content["optimizer"],
        Progress(**content["progress"]),
        content["state"],
    )
    return {**content, "digest": digest}


def test_a_checkpoint_without_its_weights_is_corrupt(checkpoint: Path) -> None:
    content = torch.load(checkpoint, weights_only=True)
    content["model"].pop("head.weight")
    torch.save(content, checkpoint)
    with pytest.raises(InputError, match="is not what its stamp says"):
        load_checkpoint(checkpoint)
    torch.save(signed(content), checkpoint)
    with pytest.raises(InputError, match="is corrupt"):
        load_checkpoint(checkpoint)


def test_one_flipped_bit_of_a_weight_is_found_at_every_reading(checkpoint: Path) -> None:
    content = torch.load(checkpoint, weights_only=True)
    content["model"]["head.weight"].view(torch.int32)[0, 0] ^= 1
    torch.save(content, checkpoint)
    with pytest.raises(InputError, match="its content was changed or damaged") as told:
        read_checkpoint(checkpoint)
    assert [line.split(":")[0] for line in told.value.details] == ["digest"]


@pytest.mark.parametrize("change", [{"complete": False}, {"selected": "x"}, {"history": []}])
def test_what_the_digest_leaves_out_has_a_checksum(checkpoint: Path, change: Any) -> None:
    content = torch.load(checkpoint, weights_only=True)
    torch.save({**content, **change}, checkpoint)
    for read in (read_checkpoint, read_plain):
        with pytest.raises(InputError, match="its content was changed or damaged") as told:
            read(checkpoint)
        assert [line.split(":")[0] for line in told.value.details] == ["checksum"]
    old = {name: value for name, value in content.items() if name != "checksum"}
    torch.save({**old, **change}, checkpoint)  # as an older avgap wrote it
    read_checkpoint(checkpoint)


def shared(depth: int) -> list[Any]:
    """A list of 2,000 to the power of depth items, in a file of a few bytes."""
    items: list[Any] = ["x"]
    for _ in range(depth):
        items = [items] * 2000
    return items


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("history", shared(3), "it holds more than"),
        ("parameters", {"a": shared(3)}, "its stamp: it holds more than"),
        ("parameters", {"lr": float("inf")}, "its stamp: inf is no number"),
        ("parameters", {"lr": 10**400}, "its stamp: an integer is too large"),
        ("model", {"head.bias": torch.zeros(1).expand(10**10)}, "fewer values than its shape"),
        ("model", {"head.bias": torch.zeros(3).to_sparse()}, "model.head.bias is no plain tensor"),
        ("state", {"x": [1]}, "state.x is no tensor"),
        ("optimizer", {"state": {0: {"step": "x"}}, "param_groups": []}, "optimizer.state[0].step"),
        ("optimizer", {"state": {}, "param_groups": [{"lr": 0.1}]}, "params is missing"),
        ("progress", {"phase": "warmup"}, "progress.step is missing"),
        ("complete", 1, "complete is no true or false"),
    ],
)
def test_a_part_of_another_kind_is_named_and_costs_no_time(
    checkpoint: Path, name: str, value: Any, told: str
) -> None:
    content = torch.load(checkpoint, weights_only=True)
    torch.save({**content, name: value}, checkpoint)
    with pytest.raises(InputError, match="is corrupt") as caught:
        read_checkpoint(checkpoint)
    assert told in str(caught.value)
