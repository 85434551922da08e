"""avgap: measure, model and mend the modality gap of audio-visual classifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from avgap.artifact.checkpoint import load_checkpoint
    from avgap.artifact.gaps import Gaps, read_gaps
    from avgap.data.cache.reader import Cache, open_cache
    from avgap.methods.adaptiveloss import AdaptiveLoss
    from avgap.mixture.fit import fit_mixture
    from avgap.mixture.model import Mixture
    from avgap.mixture.result import FitResult
    from avgap.models.scores import modality_gap

__all__ = [
    "AdaptiveLoss",
    "Cache",
    "FitResult",
    "Gaps",
    "Mixture",
    "__version__",
    "fit_mixture",
    "load_checkpoint",
    "modality_gap",
    "open_cache",
    "read_gaps",
]

# Imported on first use, so that `import avgap` and `avgap --help` stay light.
_HOMES = {
    "AdaptiveLoss": "avgap.methods.adaptiveloss",
    "Cache": "avgap.data.cache.reader",
    "FitResult": "avgap.mixture.result",
    "Gaps": "avgap.artifact.gaps",
    "Mixture": "avgap.mixture.model",
    "fit_mixture": "avgap.mixture.fit",
    "load_checkpoint": "avgap.artifact.checkpoint",
    "modality_gap": "avgap.models.scores",
    "open_cache": "avgap.data.cache.reader",
    "read_gaps": "avgap.artifact.gaps",
}


# Hidden from type checkers, which would take any name for one of ours.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module 'avgap' has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
