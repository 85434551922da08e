"""Files that were damaged, by chance or by hand: a sentence and its exit status, never a traceback.

Seeded: each case is one damage to one file, and is named by its number.
"""

from __future__ import annotations

import copy
import json
import random
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from calling import call

from avgap import artifact
from avgap.errors import AvgapError
from avgap.gaps import gaps
from avgap.report import describe, read_views
from avgap.settings import Network, Running, Training
from avgap.warmup import warmup

CASES = 300  # of each kind of file; of checkpoints, which take longer, fewer
FEWER = 75
# What stands in place of a value: of another type, no number, too large, too deep.
VALUES = [
    *(None, True, "", "x", -1, 0, 10**6, 2**63, 0.5, -0.5, [], {}, [1], {"a": 1}, [[]], [{}]),
    *([None], "\ud800", "a\0b", {"a": {"b": [1, "2"]}}, ["x"] * 3, 1e308),
]
TEXTS = ["1e400", "NaN", "-Infinity", "7" * 5000, "9" * 400, "[" * 3000, '{"a":1,"a":2}', "["]
CPU = Running("cpu")
ONE = Network("identity", "identity")


def resume(place):
    asked = Training(epochs=2, lr=0.05)
    warmup(Path("c.h5"), place.parent, loss="joint", network=ONE, settings=asked, running=CPU)


# Each kind of file: its place, and what reads it.
KINDS = {
    "cache": ("c.h5", lambda place: gaps(place, WARM, "new.h5", device_name="cpu")),
    "gaps": ("g.h5", describe),
    "table": ("g.csv", describe),
    "gmm": ("m.json", describe),
    "metrics": ("e.json", describe),
    "checkpoint": ("w/checkpoint.pt", lambda place: gaps(C, place, "new.h5", device_name="cpu")),
    "resumed": ("r/checkpoint.pt", resume),
    "log": ("l/log.jsonl", lambda place: read_views([place.parent])),
}
C, WARM = Path("c.h5"), Path("w/checkpoint.pt")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder with one small file of each kind."""
    folder = tmp_path_factory.mktemp("whole")
    rng = np.random.default_rng(0)
    label, split = np.arange(18) % 3, np.repeat(["train", "val", "test"], 6)
    audio, visual = (rng.normal(size=(18, 3)) + label[:, None] for _ in range(2))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        ids = [f"clip-{i}" for i in range(18)]
        np.savez("f.npz", id=ids, audio=audio, visual=visual, label=label, split=split)
        train = "warmup c.h5 -o {} --epochs {} --encoder identity --lr 0.05 --device cpu"
        for line in (
            "prepare embeddings f.npz -o c.h5",
            train.format("w", 2),
            "gaps c.h5 -c w/checkpoint.pt -o g.h5 --device cpu",
            "gaps c.h5 -c w/checkpoint.pt -o g.csv --device cpu",
            "fitgmm g.h5 -o m.json",
            "evaluate c.h5 -c w/checkpoint.pt -o e.json --device cpu",
            train.format("r", 1),
        ):
            done = call(*line.split())
            assert done.exit_code == 0, done.output
        Path("l").mkdir()
        shutil.copy("w/log.jsonl", "l")
        shutil.copy("g.h5", "l")
    return folder


# ---------------------------------------------------------------- damage


def flip(rng, path):
    """Some bits are others, or zero; or the end is missing; or something stands between."""
    data = bytearray(path.read_bytes())
    place = rng.randrange(len(data))
    # HDF5 does not always come back from a structure whose bits are others: such a file is cut.
    kind = 2 if path.suffix == ".h5" else rng.randrange(4)
    if kind == 0:
        for _ in range(rng.choice([1, 1, 8, 64])):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == 1:
        data[place : place + 64] = bytes(len(data[place : place + 64]))
    elif kind == 2:
        del data[place:]
    else:
        data[place:place] = rng.randbytes(rng.choice([1, 7, 200]))
    path.write_bytes(data)


def nodes(value, found=()):
    """Every place within records and lists."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in inner:
        yield (*found, key)
        if isinstance(each, dict | list):
            yield from nodes(each, (*found, key))


def change(rng, value):
    """A copy in which one place holds something else, or nothing."""
    value = copy.deepcopy(value)
    *way, last = rng.choice(list(nodes(value)))
    parent = value
    for key in way:
        parent = parent[key]
    if rng.random() < 0.2:
        del parent[last]
    else:
        parent[last] = copy.deepcopy(rng.choice(VALUES))
    return value


def rewrite(rng, text):
    """A JSON text with a value that is none, or with a changed place."""
    if rng.random() < 0.4:
        marked = json.dumps(put_mark(rng, json.loads(text)))
        return marked.replace('"MARK"', rng.choice(TEXTS), 1)
    return json.dumps(change(rng, json.loads(text)))


def put_mark(rng, value):
    value = copy.deepcopy(value)
    *way, last = rng.choice(list(nodes(value)))
    parent = value
    for key in way:
        parent = parent[key]
    parent[last] = "MARK"
    return value


def rewrite_lines(rng, path, first=None):
    """As `rewrite`, one line of a file; first: the only one, after a mark."""
    lines = path.read_text().splitlines()
    number = 0 if first else rng.randrange(len(lines))
    mark = first or ""
    lines[number] = mark + rewrite(rng, lines[number].removeprefix(mark))
    path.write_text("\n".join(lines) + "\n", errors="surrogatepass")


def rewrite_json(rng, path):
    path.write_text(rewrite(rng, path.read_text()), errors="surrogatepass")


def rewrite_table(rng, path):
    """The stamp, or a row, of a table."""
    if rng.random() < 0.6:
        return rewrite_lines(rng, path, "# ")
    lines = path.read_text().splitlines()
    number = rng.randrange(1, len(lines))
    cells = lines[number].split(",")
    cells[rng.randrange(len(cells))] = rng.choice(
        ["", "nan", "1e400", "9" * 5000, "x", "1.5", "-0"]
    )
    lines[number] = ",".join(cells)
    del lines[rng.randrange(1, len(lines)) : rng.choice([None, 0])]
    return path.write_text("\n".join(lines) + "\n")


def rebuild_hdf5(rng, path):
    """A group, another type or shape, or nothing, in place of a dataset or an attribute."""
    with h5py.File(path, "r+") as file:
        names = []
        file.visit(names.append)
        if rng.random() < 0.5:
            name = rng.choice(list(file.attrs))
            del file.attrs[name]
            new = rng.choice([None, 1, -1.5, "x", "{", "[]", [1, 2], [["a"]], np.float64("nan")])
            if new is not None:
                file.attrs[name] = new
            return
        name = rng.choice(names)
        old = file[name]
        values = old[()] if isinstance(old, h5py.Dataset) else np.zeros(3)
        del file[name]
        kind = rng.randrange(7)
        if kind == 0:
            file.create_group(name)
        elif kind == 1:
            file[name] = rng.choice([5, "text", h5py.Empty("f4")])
        elif kind == 2:
            file[name] = values[:-1] if np.ndim(values) else values
        elif kind == 3:
            file[name] = np.zeros((*np.shape(values), 2))
        elif kind == 4 and np.asarray(values).dtype.kind in "fiu":
            new = np.array(values)
            new[new > 0] = rng.choice([np.nan, -1.5, 300] if new.dtype.kind == "f" else [99, 100])
            file[name] = new
        elif kind == 5:
            file[name] = np.array(["\0", "x"] * 3, "S3")


def rebuild_pt(rng, path):
    """Something else in place of a value or a tensor."""
    content = torch.load(path, weights_only=True)
    content = change(rng, content)
    if rng.random() < 0.3:
        shared = ["x"] * 2000
        for _ in range(3):
            shared = [shared] * 2000
        *way, last = rng.choice(list(nodes(content)))
        parent = content
        for key in way:
            parent = parent[key]
        new = [
            shared,
            torch.zeros(1).expand(10**10),
            float("nan"),
            10**400,
            torch.zeros(2).to_sparse(),
        ]
        parent[last] = rng.choice(new)
    torch.save(content, path)


BUILD = {
    "cache": rebuild_hdf5,
    "gaps": rebuild_hdf5,
    "table": rewrite_table,
    "gmm": rewrite_json,
    "metrics": rewrite_json,
    "checkpoint": rebuild_pt,
    "resumed": rebuild_pt,
    "log": rewrite_lines,
}


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def outcome(use, place):
    """What came of reading a file: an error of ours, a defect, or nothing."""
    try:
        use(place)
    except Exception as error:
        return error
    return None


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of numpy, about numbers that are none
@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_told_in_a_sentence_and_nothing_is_written(
    whole, tmp_path, monkeypatch, kind
):
    work = tmp_path / "work"
    shutil.copytree(whole, work)
    monkeypatch.chdir(work)
    place, use = Path(KINDS[kind][0]), KINDS[kind][1]
    good, told = files(work), 0
    cases = FEWER if kind in ("resumed", "checkpoint") else CASES
    for number in range(cases):
        rng, by_chance = random.Random(f"{kind} {number}"), number % 3 == 0
        (flip if by_chance else BUILD[kind])(rng, place)
        before = good | {work / place: place.read_bytes()}
        with monkeypatch.context() as patch:
            if not by_chance and number % 2:  # as if whoever changed it had made its digest anew
                patch.setattr(artifact, "expect_whole", lambda *_: None)
            error = outcome(use, place)
        after = files(work)
        if error is not None:
            assert isinstance(error, AvgapError), f"case {number} of {kind}: {error!r}"
            assert error.exit_code in (2, 3, 4)
            assert after == before, f"case {number} of {kind}: {error}"
            told += 1
        for path in after.keys() - good.keys():
            path.unlink()
        for path, content in good.items():
            if after.get(path) != content:
                path.write_bytes(content)
    assert told > cases / 2
