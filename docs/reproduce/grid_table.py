"""Write the table that `avgap prepare csv` reads, of one or two words of every GRID sentence.

python docs/reproduce/grid_table.py GRID_FOLDER letter|digit|letter,digit TABLE.csv

GRID_FOLDER holds labels.csv (clip, talker, the words, and the windows of letter and digit in
seconds) and clips/*.mp4 with picture and sound. A random quarter of the sentences is test and a
fifth of the others validation, so that every letter and digit is in each split; both words of a
sentence are in the same.
"""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path

from avgap.data.splitting import stratified

TEST, VAL = 0.25, 0.2


def divide(rows: list[dict[str, str]]) -> dict[str, str]:
    """The split of each sentence, by id. A talker says each pair of letter and digit four times."""
    pairs = {row["clip"]: (row["letter"], row["digit"]) for row in rows}
    test = stratified(pairs, TEST, 0, "test")
    letters = {id: letter for id, (letter, _) in pairs.items() if id not in test}
    val = stratified(letters, VAL, 0, "val")
    return {id: "test" if id in test else "val" if id in val else "train" for id in pairs}


def main(folder: Path, words: list[str], table: Path) -> None:
    with (folder / "labels.csv").open(newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["clip"])
    split = divide(rows)
    table.parent.mkdir(parents=True, exist_ok=True)
    with table.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "label", "split", "video", "start", "end", "speaker"])
        for row in rows:
            video = os.path.relpath(folder / "clips" / f"{row['clip']}.mp4", table.parent)
            for word in words:
                window = row[f"{word}_start_s"], row[f"{word}_end_s"]
                id, label = f"{row['clip']}_{word}", row[word]
                writer.writerow([id, label, split[row["clip"]], video, *window, row["talker"]])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2].split(","), Path(sys.argv[3]))
