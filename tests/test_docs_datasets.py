"""docs/datasets.md: the layouts it shows are found, and its messages are the program's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from media import write_video

from avgap.data.datasets import DATASETS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8")
LAYOUTS: dict[str, str] = dict(re.findall(r"^```text (\S+)\n(.*?)^```$", PAGE, flags=re.M | re.S))
SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "avgap").rglob("*.py"))

TABLES = {
    "SentenceFilenames.csv": "Stimulus_Number,Filename\n1,1001_DFA_ANG_XX\n",
    "tabulatedVotes.csv": ",A,fileName,numResponses\n100001,3,1001_DFA_ANG_XX,4\n",
    "Annotations.txt": "Church bell&RUhOCu3LNXM&good&0&10\n",
    "trainSet.txt": "Church bell&RUhOCu3LNXM&good&0&10\n",
    "valSet.txt": "",
    "testSet.txt": "",
    "my_train.txt": "--4-0ihtnBU_000058_000068,10,4\n",
    "my_test.txt": "",
    "vggsound.csv": "---g-f_I2yQ,1,people marching,train\n",
    "clips.csv": "id,label,split,video\none,a,train,films/one.mp4\n",
}


def test_every_dataset_is_on_the_page():
    assert set(DATASETS) == set(re.findall(r"^\| \[?`([\w-]+)`", PAGE, flags=re.M))


@pytest.mark.parametrize("dataset", LAYOUTS)
def test_the_layout_of_a_dataset_is_found(dataset, tmp_path):
    paths = [tmp_path / line for line in LAYOUTS[dataset].split()]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.name in TABLES:
            path.write_text(TABLES[path.name])
        elif path.suffix in (".mp4", ".flv"):
            write_video(path, frames=2, codec="flv1" if path.suffix == ".flv" else "mpeg4")
        else:
            path.write_bytes(b"sound")
    (clip,) = DATASETS[dataset](paths[0].parent).clips
    assert clip.broken == ""
    assert clip.video in paths
    assert dataset != "cremad" or (clip.audio in paths and clip.meta["votes_voice"] == "0.7500")


def messages() -> list[str]:
    """What the tables of remedies say the user reads."""
    tables = re.findall(r"^\| what you read .*?\n\|---.*?\n((?:\|.*\n)+)", PAGE, flags=re.M)
    cells = [row.split(" | ")[0] for table in tables for row in table.splitlines()]
    return [message for cell in cells for message in re.findall(r"`([^`]+)`", cell)]


@pytest.mark.parametrize("message", messages())
def test_a_message_that_is_explained_is_one_that_the_program_has(message):
    # Names, numbers and times are filled in; of the rest, three words in a row stand in the source.
    parts = [part.split() for part in re.split(r"\S*[\d.]\S*|'x'|\bNAME\S*", message)]
    runs = [" ".join(part[i : i + 3]) for part in parts for i in range(max(1, len(part) - 2))]
    assert any(run and run in SOURCES for run in runs)
