"""Numerics, and what choosing a device costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from avgap.training.device import set_numerics


def test_determinism_is_switched_on_and_off_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    set_numerics(tf32=False, deterministic=True)
    assert torch.are_deterministic_algorithms_enabled()
    set_numerics(tf32=False, deterministic=False)
    assert not torch.are_deterministic_algorithms_enabled()


def test_measuring_gaps_loads_no_compiler(work: Path) -> None:
    # Training does: the steps of torch's own optimizers import it.
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from avgap.gaps import gaps\n"
        "gaps(Path('cache.h5'), Path('run/warmup/checkpoint.pt'), '-', device_name='cpu')\n"
        "print(*sorted({'torch._dynamo', 'torch._inductor'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=work, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
