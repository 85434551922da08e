"""② Warm-up training: cache → checkpoint. Eq. 5 and 7, Algorithm 1 phase 1."""

from __future__ import annotations

from pathlib import Path

from avgap.methods import Method
from avgap.methods.concat import Concat
from avgap.methods.joint import Joint
from avgap.settings import Network, Running, Training
from avgap.training.run import Trained, from_scratch

# A warm-up loss: joint is the paper's Eq. 7, fused the concatenation baseline's L_MM alone.
LOSSES: dict[str, Method] = {"joint": Joint(), "fused": Concat()}
_DEFAULT = Running()


def warmup(
    cache: Path,
    output: Path,
    *,
    loss: str,
    network: Network,
    settings: Training,
    running: Running = _DEFAULT,
    force: bool = False,
) -> Trained:
    """Train from scratch on the cache's training split into the folder output.

    The same call again continues a broken run, or confirms a finished one. Raises InputError,
    OutputError.
    """
    return from_scratch(
        cache,
        output,
        "warmup",
        LOSSES[loss],
        {"loss": loss},
        network,
        settings,
        running,
        force=force,
    )
