"""The whole pipeline on the built-in dataset, as the command lines that `avgap demo` runs."""

from __future__ import annotations

import shlex
from pathlib import Path

_LINES = """
prepare demo {0}/media -o {0}/cache.h5 --frames 4 --frame-size 32 --audio-recipe logmel
    --sample-rate 8000 --seconds 1 --n-fft 256 --hop-length 128 --mels 40
warmup {0}/cache.h5 -o {0}/run/warmup --encoder small --epochs 5 --batch-size 32
    --optimizer adam --lr 1e-3
gaps {0}/cache.h5 --checkpoint {0}/run/warmup/checkpoint.pt -o {0}/run/gaps.h5
fitgmm {0}/run/gaps.h5 -o {0}/run/gmm.json
adapt {0}/cache.h5 --checkpoint {0}/run/warmup/checkpoint.pt -o {0}/run/adapt --steps 4 --epochs 3
evaluate {0}/cache.h5 --checkpoint {0}/run/warmup/checkpoint.pt -o {0}/run/warmup/metrics.json
gaps {0}/cache.h5 --checkpoint {0}/run/adapt/checkpoint.pt -o {0}/run/adapt/gaps.h5
fitgmm {0}/run/adapt/gaps.h5 -o {0}/run/adapt/gmm.json
evaluate {0}/cache.h5 --checkpoint {0}/run/adapt/checkpoint.pt -o {0}/run/adapt/metrics.json
report {0}/run -o {0}/report.html
"""


def command_lines(folder: Path) -> list[list[str]]:
    """The demo's command lines, as words after `avgap`; the last writes the page."""
    lines = _LINES.replace("\n    ", " ").strip().splitlines()
    # Put in after splitting: a blank or a quote in the folder's name stays a character.
    return [[word.replace("{0}", str(folder)) for word in shlex.split(line)] for line in lines]
