"""Fitting very many gaps: avgap's histogram against scikit-learn's default, and memory of a file.

python tests/bench/bench_fitgmm.py [--sizes 1000000,10000000] [--rounds 5] [--file 100000000]

Both arms fit two components to the same array in one process, in turn. `fit` is what scikit-learn's
fit gives, the parameters; `all` is fit_mixture, with the diagnostics of gmm.json. Above --most gaps
only avgap runs, once per round. --file N: what `avgap fitgmm` takes for a .npy of N gaps, resident
memory included.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import arms
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from avgap import Mixture, fit_mixture
from avgap.mixture.fit import estimate
from avgap.mixture.histogram import Histogram
from avgap.mixture.model import Component
from avgap.settings import Fit

PAPER = Mixture(Component(0.857, 0.0056, 0.0121), Component(0.143, 0.6966, 0.0138))
_SLAB = 1_000_000


def draw(n: int) -> np.ndarray:
    """N gaps of the paper's mixture, (N,), made in slabs."""
    gap = np.empty(n)
    for start in range(0, n, _SLAB):
        rng = np.random.default_rng(start)
        part = gap[start : start + _SLAB]
        part[:] = np.clip(PAPER.sample(len(part), rng), -1, 1)
    return gap


def seconds(work: Callable[[], object]) -> tuple[float, object]:
    """How long a call takes, and its result."""
    begin = time.perf_counter()
    result = work()
    return time.perf_counter() - begin, result


def parameters_alone(gap: np.ndarray) -> Mixture:
    """The two components, without diagnostics: as much as scikit-learn's fit gives."""
    histogram = Histogram(Fit.reg_covar)
    histogram.add(gap)
    return estimate(2, histogram, histogram.bins, Fit())[0]


def peers(gap: np.ndarray) -> Mixture:
    """scikit-learn's default fit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = GaussianMixture(2, random_state=0).fit(gap[:, None])
    values = zip(model.weights_, model.means_.ravel(), model.covariances_.ravel(), strict=True)
    return Mixture.of(*(Component(*map(float, one)) for one in values))


def compare(n: int, rounds: int, most: int) -> str:
    """One row of the table: medians of every arm, the ratio, how far the results are apart."""
    gap = draw(n)
    parameters_alone(gap[:300_000])
    times: dict[str, list[float]] = {"fit": [], "all": [], "peer": []}
    theirs = None
    for _ in range(rounds):
        took, ours = seconds(lambda: parameters_alone(gap))
        times["fit"].append(took)
        times["all"].append(seconds(lambda: fit_mixture(gap))[0])
        if n <= most:
            took, theirs = seconds(lambda: peers(gap))
            times["peer"].append(took)
    fit, whole = (statistics.median(times[name]) for name in ("fit", "all"))
    row = f"| {n:,} | {1000 * fit:.1f} ms | {1000 * whole:.1f} ms |"
    if theirs is None:
        return f"{row} not run | | |"
    peer = statistics.median(times["peer"])
    apart = max(
        abs(theirs.components[role].mean - part.mean) for role, part in ours.components.items()
    )
    return f"{row} {peer:.2f} s | {peer / fit:.0f} × | {peer / whole:.0f} × | {apart:.1e} |"


def file(n: int, place: Path | None) -> str:
    """What the command takes for a file of N gaps: seconds and the largest resident size."""
    with tempfile.TemporaryDirectory(dir=place) as folder:
        path = Path(folder) / "gaps.npy"
        with path.open("wb") as target:
            header = {"descr": "<f8", "fortran_order": False, "shape": (n,)}
            np.lib.format.write_array_header_1_0(target, header)
            for start in range(0, n, _SLAB):
                rng = np.random.default_rng(start)
                np.clip(PAPER.sample(min(_SLAB, n - start), rng), -1, 1).tofile(target)
        command = [sys.executable, "-m", "avgap", "fitgmm", str(path), "-o", "-", "--quiet"]
        took, _ = seconds(lambda: subprocess.run(command, check=True, capture_output=True))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000
    return f"avgap fitgmm on {n:,} gaps in a .npy: {took:.1f} s, {peak:.0f} MB resident at most"


def main() -> None:
    """Print the machine, the table and the line about the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="1000000,10000000")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--most", type=int, default=20_000_000, help="gaps that the peer gets")
    parser.add_argument("--file", type=int, default=0, help="gaps in a file")
    parser.add_argument("--folder", type=Path, help="where the file is made")
    chosen = parser.parse_args()
    print(arms.machine())
    if chosen.file:
        # First: a child's peak counts what its parent held when it was made.
        print(file(chosen.file, chosen.folder))
    print("| gaps | fit | all | scikit-learn | fit / | all / | means apart |")
    print("|---|---|---|---|---|---|---|")
    for n in map(int, filter(None, chosen.sizes.split(","))):
        print(compare(n, chosen.rounds, chosen.most), flush=True)


if __name__ == "__main__":
    main()
