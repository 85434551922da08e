"""Write the table that `avgap prepare csv` reads, for one word of every GRID sentence.

python docs/reproduce/grid_table.py GRID_FOLDER digit|letter TABLE.csv

GRID_FOLDER holds labels.csv (clip, talker, the words, and the windows of letter and digit in
seconds) and clips/*.mp4 with picture and sound. Sorted ids, every fourth clip is test; `prepare`
takes validation out of training.
"""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path


def main(folder: Path, word: str, table: Path) -> None:
    with (folder / "labels.csv").open(newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["clip"])
    table.parent.mkdir(parents=True, exist_ok=True)
    with table.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "label", "split", "video", "start", "end", "speaker"])
        for number, row in enumerate(rows):
            split = "test" if number % 4 == 3 else "train"
            video = os.path.relpath(folder / "clips" / f"{row['clip']}.mp4", table.parent)
            window = row[f"{word}_start_s"], row[f"{word}_end_s"]
            writer.writerow([row["clip"], row[word], split, video, *window, row["talker"]])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
