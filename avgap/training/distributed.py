"""One run on several processes, started by torchrun: who am I, do it once, put it together.

Where torchrun did not start the process all of it is of one process and costs nothing.
"""

from __future__ import annotations

import atexit
import datetime
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from avgap.errors import AvgapError, InputError

T = TypeVar("T")
_TIMEOUT = datetime.timedelta(minutes=60)  # the first process may fit, read or write meanwhile
_PATIENCE = datetime.timedelta(seconds=3)  # for the first process to meet the same error
_LOST = ("connection", "peer", "gloo", "nccl", "timed out", "store")


def start(device: torch.device) -> torch.device:
    """Join the other processes of torchrun, if it started this one; gives this process's device.

    A GPU without a number becomes the one of this process's place on its host.
    """
    if not dist.is_torchelastic_launched():
        if device.type == "cuda" and device.index is not None:
            torch.cuda.set_device(device)  # the current stream is one of the current device
        return device
    if device.type == "cuda":
        if device.index is None:
            device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    if not dist.is_initialized():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_TIMEOUT)
        atexit.register(_leave)
        if rank() == 0:
            signal.signal(signal.SIGTERM, _on_sigterm)
    return device


def _leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def _on_sigterm(*_: Any) -> NoReturn:
    """torchrun ends all processes once one has died."""
    raise lost_process()


def should_print(text: str) -> bool:
    """Whether this process shall print an error: the first does; another what the first does not.

    So an error that all processes meet is printed once, and one that a single process meets at all;
    also before they have joined, when torchrun's variables say how many there are.
    """
    joined, told = dist.is_initialized(), os.environ
    if (size() if joined else int(told.get("WORLD_SIZE", "1"))) == 1:
        return True
    is_first = first() if joined else told.get("RANK") == "0"
    # The store of torchrun, which outlives the processes.
    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    try:
        store = dist.TCPStore(host, port, is_master=False, timeout=_PATIENCE)  # type: ignore[attr-defined]
        if is_first:
            store.set("avgap/error", text)
            return True
        store.wait(["avgap/error"], _PATIENCE)
        return bool(store.get("avgap/error").decode() != text)
    except (RuntimeError, OSError):  # nothing was told, or nobody is there any more
        return True


def lost_process() -> InputError:
    """The error that says that another process of this run is gone."""
    return InputError(
        "another process of this run ended",
        ["what was saved stays"],
        "look at its message above; the same command goes on from the last checkpoint",
    )


@contextmanager
def explain_lost_process() -> Iterator[None]:
    """Turn the failure of a collective, as when another process has died, into its error."""
    try:
        yield
    except RuntimeError as error:
        text = str(error).lower()
        if size() > 1 and any(word in text for word in _LOST) and not _is_ours(error):
            raise lost_process() from error
        raise


def _is_ours(error: BaseException) -> bool:
    return isinstance(error, (AvgapError, torch.OutOfMemoryError))


def rank() -> int:
    """This process's number, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def size() -> int:
    """The number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def first() -> bool:
    """Whether this is the one process that writes."""
    return rank() == 0


def from_first(make: Callable[[], T]) -> T:
    """What the first process makes, for all; its AvgapError is raised by all."""
    if size() == 1:
        return make()
    box: list[Any] = [None, None]
    if first():
        try:
            box[0] = make()
        except AvgapError as error:
            box[1] = error
    dist.broadcast_object_list(box, src=0)
    if box[1] is not None:
        raise box[1]
    made: T = box[0]
    return made


def total(tensor: Tensor) -> Tensor:
    """The sum of a tensor over all processes, without gradient."""
    tensor = tensor.detach()
    if size() == 1:
        return tensor
    tensor = tensor.clone()
    dist.all_reduce(tensor)
    return tensor


def gathered(part: Tensor) -> Tensor:
    """The parts of all processes (n_r, …) joined in order of their numbers, (Σ n_r, …)."""
    if size() == 1:
        return part
    lengths = [torch.zeros((), dtype=torch.int64, device=part.device) for _ in range(size())]
    dist.all_gather(lengths, torch.tensor(len(part), device=part.device))
    longest = max(int(n) for n in lengths)
    padded = part.new_zeros((longest, *part.shape[1:]))
    padded[: len(part)] = part
    parts = [torch.empty_like(padded) for _ in lengths]
    dist.all_gather(parts, padded)
    return torch.cat([p[: int(n)] for p, n in zip(parts, lengths, strict=True)])


def my_rows(count: int, batch: int) -> range:
    """This process's contiguous share of count rows: whole batches, so that no batch is another.

    One process or many, each row is computed among the same neighbours, to the last bit.
    """
    batches = -(-count // batch)
    ends = [min(count, batch * (batches * r // size())) for r in (rank(), rank() + 1)]
    return range(*ends)


def share_buffers(model: nn.Module) -> None:
    """Give every process the first one's buffers (batch statistics), as torch's DDP does."""
    if size() > 1:
        for buffer in model.buffers():
            dist.broadcast(buffer, src=0)
