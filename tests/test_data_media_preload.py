"""What a decoding worker loads: how to decode, and nothing of listing, dividing or storing."""

from __future__ import annotations

import subprocess
import sys


def test_a_worker_knows_neither_the_datasets_nor_the_cache():
    code = "import sys, avgap.data.media.preload; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name for name in done.stdout.split() if name.startswith("avgap.")}
    rooms = {".".join(name.split(".")[:3]) for name in loaded}
    assert rooms == {
        "avgap.data",
        "avgap.data.clip",
        "avgap.data.media",
        "avgap.errors",
        "avgap.settings",
        "avgap.text",
    }
