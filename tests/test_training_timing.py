"""Peak memory: of the process, or not known where the system does not say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import torch

from avgap.training.timing import peak_memory


def test_the_peak_of_a_process_covers_what_it_has_held() -> None:
    held = torch.ones(25_000_000)  # 100 MB
    peak = peak_memory(torch.device("cpu"))
    assert peak is not None
    assert held.nbytes < peak < 1 << 40


def test_where_the_system_does_not_say_the_log_has_none(cache: Path, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "sys.modules['resource'] = None  # as on Windows\n"
        "from pathlib import Path\n"
        "from avgap.settings import Network, Training\n"
        "from avgap.warmup import warmup\n"
        f"warmup(Path({str(cache)!r}), Path({str(tmp_path / 'w')!r}), loss='joint',\n"
        "       network=Network('small', 'small'), settings=Training(epochs=1))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    (line,) = (tmp_path / "w" / "log.jsonl").read_text().splitlines()
    assert json.loads(line)["memory"] is None
