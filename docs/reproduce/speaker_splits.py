"""Write the list that `--splits` reads, of a fold of spoken digits whose test is one speaker.

python docs/reproduce/speaker_splits.py RECORDINGS [SPEAKER LIST.csv]

RECORDINGS holds {digit}_{speaker}_{index}.wav. The next speaker by name is validation, the first
after the last; the others are training: speakers of training are known at 100 % after a few epochs,
and nothing could be chosen by them. Without SPEAKER and list it prints the speakers.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path


def main(recordings: Path, test: str | None = None, table: str = "") -> None:
    speaker = {path.stem: path.stem.split("_")[1] for path in recordings.glob("*_*_*.wav")}
    names = sorted(set(speaker.values()))
    if not names:
        sys.exit(f"speaker_splits.py: no recordings in {recordings}")
    if test is None:
        print("\n".join(names))
        return
    if test not in names:
        sys.exit(f"speaker_splits.py: no {test} among {', '.join(names)} in {recordings}")
    val = names[(names.index(test) + 1) % len(names)]
    with Path(table).open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "split"])
        for id in sorted(speaker):
            writer.writerow([id, {test: "test", val: "val"}.get(speaker[id], "train")])


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
