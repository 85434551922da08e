"""How the peers prepare CREMA-D, in one process: cv2 → JPEG, librosa → pickled spectrogram.

After OGM-GE (data/CREMAD: every frame is read, those of whole seconds are written) and its
dataset/CramedDataset.py (22,050 Hz, 3 s, 512/353). Run: python peer.py TABLE FOLDER
"""

from __future__ import annotations

import csv
import pickle
import sys
from pathlib import Path
from typing import Any

import cv2
import librosa
import numpy as np


def frames(video: Path, folder: Path) -> int:
    """Write one frame per second as JPEG; returns how many frames were read."""
    capture = cv2.VideoCapture(str(video))
    per_second = int(capture.get(cv2.CAP_PROP_FPS))
    count = 0
    while True:
        there, picture = capture.read()
        if not there:
            break
        if count % per_second == 0:
            cv2.imwrite(str(folder / f"{count:05}.jpg"), picture)
        count += 1
    capture.release()
    return count


def spectrogram(sound: Path) -> Any:
    """257×188."""
    samples, rate = librosa.load(sound, sr=22050)
    samples = np.tile(samples, 3)[: rate * 3].clip(-1, 1)
    return np.log(np.abs(librosa.stft(samples, n_fft=512, hop_length=353)) + 1e-7)


def prepare(table: Path, output: Path) -> None:
    """Every clip of a table, one after the other."""
    cv2.setNumThreads(1)
    with table.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            folder = output / row["id"]
            folder.mkdir(parents=True)
            frames(table.parent / row["video"], folder)
            with (folder / "audio.pkl").open("wb") as target:
                pickle.dump(spectrogram(table.parent / row["audio"]), target)


if __name__ == "__main__":
    prepare(Path(sys.argv[1]), Path(sys.argv[2]))
