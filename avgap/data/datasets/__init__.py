"""Where each dataset keeps its clips: one function a dataset, from its folder to a `Listing`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from avgap.data.clip import Listing
from avgap.data.datasets.avdigits import avdigits
from avgap.data.datasets.ave import ave
from avgap.data.datasets.cremad import cremad
from avgap.data.datasets.csv_table import csv_table
from avgap.data.datasets.demo_media import demo
from avgap.data.datasets.embeddings import embeddings
from avgap.data.datasets.youtube import kinetics_sounds, vggsound

# A dataset is a function: its root folder (or table) → the list of its clips.
DATASETS: dict[str, Callable[[Path], Listing]] = {
    "csv": csv_table,
    "avdigits": avdigits,
    "demo": demo,
    "embeddings": embeddings,
    "cremad": cremad,
    "ave": ave,
    "kinetics-sounds": kinetics_sounds,
    "vggsound": vggsound,
}
FILES = {"csv", "embeddings", "demo"}  # whose root may be one file
