"""The optimizer of a run and its learning rate: made, changed by epoch, saved and restored."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from avgap.settings import Training

# What a checkpoint keeps of a parameter group: the rest says how a device computes.
_KEPT = ("lr", "momentum", "weight_decay", "betas", "eps", "params")


def make_optimizer(model: nn.Module, settings: Training, *, capturable: bool = False) -> Optimizer:
    """A fresh optimizer: SGD with momentum, or Adam.

    capturable: one kernel for all weights, the rate a scalar on the device, so that a CUDA graph
    of a step goes on reading it.
    """
    weights, decay = list(model.parameters()), settings.weight_decay
    rate: Any = settings.learning_rate
    options: dict[str, Any] = {}
    if capturable:
        rate = torch.tensor(rate, device=weights[0].device)
        options = {"fused": True}
    if settings.optimizer == "adam":
        adam = torch.optim.Adam(
            weights, lr=rate, weight_decay=decay, capturable=capturable, **options
        )
        # The first steps run before the capture, on purpose: no need to warn of it.
        adam._warned_capturable_if_run_uncaptured = True
        return adam
    return torch.optim.SGD(
        weights, lr=rate, momentum=settings.momentum, weight_decay=decay, **options
    )


def learning_rate(settings: Training, epoch: int, epochs: int) -> float:
    """The learning rate of an epoch, 0-based within the phase, which has `epochs` of them.

    constant: settings.learning_rate. step: times lr_decay after every lr_step epochs. cosine: down
    to zero at the end of the phase (Loshchilov and Hutter 2017, without restarts).
    """
    rate = settings.learning_rate
    if settings.lr_schedule == "step":
        return rate * settings.lr_decay ** (epoch // settings.lr_step)
    if settings.lr_schedule == "cosine":
        return rate * (1 + math.cos(math.pi * epoch / epochs)) / 2
    return rate


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Give every group the rate, in place where it is a scalar on the device."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def state_of(optimizer: Optimizer) -> dict[str, Any]:
    """The state as a checkpoint keeps it: the same whatever device computed it."""
    state = optimizer.state_dict()
    groups = [{n: v for n, v in group.items() if n in _KEPT} for group in state["param_groups"]]
    for group in groups:
        group["lr"] = float(group["lr"])
    return {"state": state["state"], "param_groups": groups}


def _expect_moments(kept: dict[str, Any], number: int, weights: list[Any], adam: bool) -> None:
    """Raise ValueError unless what is kept of a weight belongs to it."""
    names = {"step", "exp_avg", "exp_avg_sq"} if adam else {"momentum_buffer"}
    if not 0 <= number < len(weights) or (kept and set(kept) != names):
        raise ValueError(f"moments of weight {number} are {', '.join(map(str, kept)) or 'none'}")
    for name, value in kept.items():
        shape = () if name == "step" else weights[number].shape
        if isinstance(value, torch.Tensor) and value.shape != shape:
            raise ValueError(f"{name} of weight {number} is {tuple(value.shape)}, not {shape}")


def restore(optimizer: Optimizer, state: dict[str, Any]) -> None:
    """Take over a checkpoint's moments; the rates and how they are computed stay as made.

    Raises ValueError: a state of another network, or of another optimizer.
    """
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    for number, kept in state["state"].items():
        _expect_moments(kept, number, weights, "betas" in optimizer.defaults)
    groups = [{n: v for n, v in g.items() if n != "params"} for g in optimizer.param_groups]
    asked = zip(groups, state["param_groups"], strict=True)
    merged = [{**mine, "params": theirs["params"]} for mine, theirs in asked]
    optimizer.load_state_dict({"state": dict(state["state"]), "param_groups": merged})
