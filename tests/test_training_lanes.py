"""Lanes: tasks dealt out to processes, their lines named, their errors their own."""

from __future__ import annotations

import io
import multiprocessing
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch

from avgap.errors import InputError
from avgap.training import lanes
from avgap.training.lanes import in_lanes

TASKS = {"first": 1, "second": 2, "third": 3}


def note(folder: Path, device: str) -> Callable[[int], None]:
    """What writes, for each task, which process did it, where, and among how many."""
    share = os.environ["LOCAL_WORLD_SIZE"]

    def work(task: int) -> None:
        (folder / str(task)).write_text(f"{os.getpid()} {device} {share}")

    return work


def fail(device: str) -> Callable[[int], None]:
    def work(task: int) -> None:
        if task == 2:
            raise InputError("no such thing", ["a detail"], "a remedy")

    return work


def die(device: str) -> Callable[[int], None]:
    return lambda task: os._exit(9)


@pytest.mark.slow
def test_tasks_are_dealt_out_in_turn_to_processes(tmp_path: Path) -> None:
    in_lanes(partial(note, tmp_path), TASKS, 2, "cpu")
    told = [(tmp_path / str(task)).read_text().split() for task in (1, 2, 3)]
    assert told[0][0] == told[2][0] != told[1][0]
    assert {tuple(words[1:]) for words in told} == {("cpu", "2")}
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_an_error_comes_back_as_what_it_is_and_ends_all() -> None:
    with pytest.raises(InputError, match="no such thing") as caught:
        in_lanes(fail, TASKS, 2, "cpu")
    assert (caught.value.details, caught.value.hint) == (("a detail",), "a remedy")
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_a_process_that_ends_without_a_word_is_told() -> None:
    with pytest.raises(InputError, match="a process of this run ended"):
        in_lanes(die, {"first": 1}, 2, "cpu")


def test_lines_are_named_and_written_whole() -> None:
    stream = io.StringIO()
    lines = lanes._NamedLines(stream)
    print("before", file=lines)
    lines.name = "fold 1 of 3"
    lines.write("half a ")
    assert stream.getvalue() == "before\n"
    lines.write("line\nanother\nrest")
    assert stream.getvalue() == "before\nfold 1 of 3: half a line\nfold 1 of 3: another\n"
    assert not lines.isatty()


@pytest.mark.parametrize(("threads", "each"), [(8, 2), (6, 1), (2, 1)])
def test_lanes_on_a_cpu_share_its_threads(
    monkeypatch: pytest.MonkeyPatch, threads: int, each: int
) -> None:
    chosen: list[int] = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(torch, "set_num_threads", chosen.append)
    assert lanes._device(lanes._Lane(3, 4, "cpu", quiet=True)) == "cpu"
    assert chosen == [each]


@pytest.mark.parametrize(
    ("asked", "number", "device"),
    [("auto", 0, "cuda:0"), ("cuda", 3, "cuda:1"), ("cuda:1", 0, "cuda:1")],
)
def test_lanes_take_the_gpus_in_turn_unless_one_is_named(
    monkeypatch: pytest.MonkeyPatch, asked: str, number: int, device: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert lanes._device(lanes._Lane(number, 4, asked, quiet=True)) == device
