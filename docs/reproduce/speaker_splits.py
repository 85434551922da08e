"""Write the list that `--splits` reads, of a fold of spoken digits whose test is one speaker.

python docs/reproduce/speaker_splits.py RECORDINGS SPEAKER LIST.csv

RECORDINGS holds {digit}_{speaker}_{index}.wav. The next speaker by name is validation, the first
after the last; the others are training: speakers of training are known at 100 % after a few epochs,
and nothing could be chosen by them. With - for SPEAKER and no list it prints the speakers.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path


def speakers(recordings: Path) -> list[str]:
    """The names of all speakers, sorted."""
    return sorted({path.stem.split("_")[1] for path in recordings.glob("*_*_*.wav")})


def main(recordings: Path, test: str, table: Path) -> None:
    names = speakers(recordings)
    if test not in names:
        sys.exit(f"speaker_splits.py: no {test} among {', '.join(names)} in {recordings}")
    val = names[(names.index(test) + 1) % len(names)]
    with table.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "split"])
        for path in sorted(recordings.glob("*_*_*.wav")):
            speaker = path.stem.split("_")[1]
            split = {test: "test", val: "val"}.get(speaker, "train")
            writer.writerow([path.stem, split])


if __name__ == "__main__":
    if sys.argv[2] == "-":
        print("\n".join(speakers(Path(sys.argv[1]))))
    else:
        main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
