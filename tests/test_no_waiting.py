"""A step reads no value of a tensor: on a GPU each reading would make the loop wait for it.

On a CPU nothing waits, so what would is forbidden: the operators whose result the host must see
before it goes on, and the methods of a tensor that copy it to the host.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from avgap.adapt import adapt
from avgap.settings import Adaptive, Network, Running, Training
from avgap.training.updates import Updates
from avgap.warmup import warmup

_aten = torch.ops.aten
# A scalar read, and shapes that depend on values.
_WAITING = (_aten._local_scalar_dense, _aten.nonzero, _aten.masked_select)
_INDEXING = (_aten.index, _aten.index_put, _aten.index_put_)  # by a mask they wait, too
_READING = ("item", "cpu", "tolist", "numpy", "__bool__", "__float__", "__int__")


class NoWaiting(TorchDispatchMode):
    """Fails at an operator that would wait."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        chosen = args[1] if func.overloadpacket in _INDEXING else ()
        masked = any(index is not None and index.dtype == torch.bool for index in chosen)
        if masked or func.overloadpacket in _WAITING:
            raise AssertionError(f"{func} waits for the device")
        return func(*args, **(kwargs or {}))


def forbidden(name: str) -> Callable[..., Any]:
    def read(*_: Any, **__: Any) -> Any:
        raise AssertionError(f"Tensor.{name} waits for the device")

    return read


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the batches whose updates ran with all waiting forbidden."""
    sizes: list[int] = []
    update = Updates.__call__

    def watched(self: Updates, part: Any, weight: float) -> None:
        with monkeypatch.context() as strict, NoWaiting():
            for name in _READING:
                strict.setattr(Tensor, name, forbidden(name))
            update(self, part, weight)
        sizes.append(len(part.label))

    monkeypatch.setattr(Updates, "__call__", watched)
    return sizes


def trained(cache: Path, folder: Path, loss: str) -> Path:
    settings = Training(epochs=1, batch_size=16, optimizer="sgd", lr=0.01)
    network, running = Network("small", "small"), Running("cpu")
    return warmup(
        cache, folder, loss=loss, network=network, settings=settings, force=False, running=running
    ).path


@pytest.mark.parametrize("loss", ["fused", "joint"])
def test_no_step_of_concat_or_joint_waits(
    cache: Path, tmp_path: Path, steps: list[int], loss: str
) -> None:
    trained(cache, tmp_path / "w", loss)
    assert len(steps) > 1


def test_no_adaptive_step_waits(cache: Path, tmp_path: Path, steps: list[int]) -> None:
    start = trained(cache, tmp_path / "w", "joint")
    steps.clear()
    adapt(cache, start, tmp_path / "a", settings=Adaptive(steps=1, epochs=1))
    assert len(steps) > 1


def test_reading_a_value_is_noticed() -> None:
    with NoWaiting(), pytest.raises(AssertionError, match="waits"):
        torch.ones(3).sum().item()
    with NoWaiting(), pytest.raises(AssertionError, match="waits"):
        torch.ones(3)[torch.ones(3) > 0]
