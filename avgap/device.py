"""Where a model runs and how precisely."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext

import torch

from avgap.errors import InputError, UsageError


def choose_device(name: str) -> torch.device:
    """The device of a name: auto (the first GPU, else the CPU), cpu, cuda or cuda:i.

    Turns TF32 off: the peers' scores were seen to move with it. Raises UsageError for another
    name, InputError without a GPU.
    """
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if re.fullmatch(r"cpu|cuda(:\d+)?", name) is None:
        raise UsageError(f"unknown device {name!r}", ["known: auto, cpu, cuda, cuda:0, cuda:1 …"])
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InputError(
            f"--device {name}: torch {torch.__version__} sees no GPU", (), "--device cpu"
        )
    if (
        device.index is not None
        and device.type == "cuda"
        and device.index >= torch.cuda.device_count()
    ):
        raise InputError(
            f"--device {name}: there are {torch.cuda.device_count()} GPUs, counted from 0"
        )
    return device


def choose_precision(name: str, device: torch.device) -> str:
    """fp32 or bf16. auto: bf16 on a GPU that has it, fp32 elsewhere."""
    if name != "auto":
        return name
    return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "fp32"


def autocast(device: torch.device, precision: str) -> AbstractContextManager[None]:
    """The context in which the encoders run at this precision."""
    if precision == "bf16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()
