"""Where a model runs and how precisely."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TypeVar

import torch
from torch import nn

from avgap.errors import InputError, UsageError
from avgap.training import distributed

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
Model = TypeVar("Model", bound=nn.Module)


def choose_device(name: str) -> torch.device:
    """The device of a name: auto (the first GPU, else the CPU), cpu, cuda or cuda:i.

    Under torchrun the processes join here, each with the GPU of its own. Turns TF32 off: the
    peers' scores were seen to move with it. Raises UsageError for another name, InputError without
    a GPU.
    """
    set_numerics(tf32=False, deterministic=False)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
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
    if device.type == "cpu":
        _keep_freed_memory()
    return distributed.start(device)


def _keep_freed_memory() -> None:
    """Let glibc keep what is freed: by default each large tensor is fresh memory from the system.

    Faulting those pages in cost half of the time of a forward pass, a third of a training step.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # not glibc
        return
    for parameter, value in ((_M_MMAP_THRESHOLD, 1 << 30), (_M_TRIM_THRESHOLD, 2**31 - 1)):
        mallopt(parameter, value)


def set_numerics(*, tf32: bool, deterministic: bool) -> None:
    """Whether products may be rounded to TF32, and whether a GPU must repeat itself bit for bit."""
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.deterministic = deterministic
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # The call imports torch's compiler, half of the seconds that a command takes to start.
    if deterministic != torch.are_deterministic_algorithms_enabled():
        torch.use_deterministic_algorithms(deterministic)


def in_words(device: torch.device) -> str:
    """A device for people: which GPU, or that there is none."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return "the CPU" if torch.cuda.is_available() else "the CPU (torch sees no GPU)"


def choose_precision(name: str, device: torch.device) -> str:
    """fp32 or bf16. auto: bf16 on a GPU that has it, fp32 elsewhere."""
    if name != "auto":
        return name
    return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "fp32"


def autocast(device: torch.device, precision: str) -> AbstractContextManager[None]:
    """The context in which the encoders run at this precision."""
    if precision == "bf16":
        # Cached casts would be of one capture and read by another.
        return torch.autocast(device.type, dtype=torch.bfloat16, cache_enabled=False)
    return nullcontext()


_WHERE = {"device": "resident on it", "host": "in pinned memory", "file": "read from its file"}


@contextmanager
def explain_out_of_memory(
    location: str, batch_size: int, *, resident: bool = False
) -> Iterator[None]:
    """Turn torch's error into an InputError where the device runs out of memory within.

    location: of the data, device | host | file. resident: whether --resident can change it.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        host = " or --resident host" if resident and location == "device" else ""
        raise InputError(
            "the device is out of memory",
            [f"with the data {_WHERE[location]} and batches of {batch_size}"],
            f"--batch-size {max(batch_size // 2, 1)}{host}",
        ) from error


def to_device(model: Model, device: torch.device) -> Model:
    """The model on the device, convolutions channels-last: 1.3 times as fast for ResNet-18."""
    return model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
