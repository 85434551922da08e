"""The whole pipeline on the built-in dataset, as the command lines that `avgap demo` runs."""

from __future__ import annotations

import shlex
from pathlib import Path

_LINES = """
prepare demo {0}/media -o {0}/cache.h5 --frames 4 --frame-size 32 --audio-recipe logmel
    --sample-rate 8000 --seconds 1 --n-fft 256 --hop-length 128 --mels 40
crossfit {0}/cache.h5 -o {0}/run/crossfit --folds 3 --epochs 5 --logits --jobs 2 {training}
fitgmm {0}/run/crossfit/gaps.h5 -o {0}/run/crossfit/gmm.json --criterion nec
warmup {0}/cache.h5 -o {0}/run/warmup --epochs 5 {training}
adapt {from} -o {0}/run/mend {rounds} --preset best --posteriors {0}/run/crossfit/gaps.h5
adapt {from} -o {0}/others/plain {rounds} --loss joint --keep-optimizer
adapt {from} -o {0}/others/paper {rounds} --preset paper
evaluate {from} -o {0}/run/warmup/metrics.json
evaluate {0}/cache.h5 --checkpoint {0}/run/mend/checkpoint.pt -o {0}/run/mend/metrics.json
evaluate {0}/cache.h5 --checkpoint {0}/run/mend/best.pt -o {0}/run/mend/metrics-best.json
    --save-predictions {0}/run/mend/predictions-best.h5
evaluate {0}/cache.h5 --checkpoint {0}/others/plain/best.pt -o {0}/others/plain/metrics-best.json
    --save-predictions {0}/others/plain/predictions-best.h5
evaluate {0}/cache.h5 --checkpoint {0}/others/paper/best.pt -o {0}/others/paper/metrics-best.json
    --save-predictions {0}/others/paper/predictions-best.h5
compare {0}/run {0}/others --names folder --reference plain -o {0}/comparison.html
report {0}/run -o {0}/report.html
"""
_WORDS = {
    "{training}": "--encoder small --batch-size 32 --optimizer adam --lr 1e-3",
    "{from}": "{0}/cache.h5 --checkpoint {0}/run/warmup/checkpoint.pt",
    "{rounds}": "--steps 3 --epochs 2",
    "\n    ": " ",
}


def command_lines(folder: Path) -> list[list[str]]:
    """The demo's command lines, as words after `avgap`; the last two write the pages."""
    text = _LINES.strip()
    for name, words in _WORDS.items():
        text = text.replace(name, words)
    lines = text.splitlines()
    # Put in after splitting: a blank or a quote in the folder's name stays a character.
    return [[word.replace("{0}", str(folder)) for word in shlex.split(line)] for line in lines]
