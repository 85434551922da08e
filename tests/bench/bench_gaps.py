"""The gaps pass over the bare forward pass of the same model: samples per second, in turn.

python tests/bench/bench_gaps.py [--device auto] [--encoder small] [--clips 512] [--rounds 5]
    [--image-size 64] [--frames 1] [--precision fp32] [--folder FOLDER]

The bare pass has all batches ready as the network takes them, in fp32 and resized; the gaps pass
gathers, casts and resizes them, and makes scores of logits. Target: 0.95. Outputs are checked.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import arms
import numpy as np
import torch

from avgap import console
from avgap.data.loading.augment import whole_frames
from avgap.data.loading.resident import InMemory, Resident
from avgap.models import Description, build
from avgap.models.audiovisual import Statistics
from avgap.settings import INFERENCE_BATCH_SIZE
from avgap.training.device import autocast, choose_device, to_device
from avgap.training.measure import GapPass, measure

SHAPE = 257, 188


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--encoder", default="small")
    parser.add_argument("--clips", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--frames", type=int, default=1)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    console.setup(quiet=True)
    device, n, size = choose_device(options.device), options.clips, options.image_size
    generator = np.random.default_rng(0)
    audio = generator.normal(-6, 2, (n, *SHAPE)).astype(np.float16)
    visual = generator.integers(0, 256, (n, options.frames, size + 32, size + 32, 3), np.uint8)
    label = torch.arange(n, device=device) % 6
    held = InMemory(torch.from_numpy(audio).to(device), torch.from_numpy(visual).to(device))
    data = Resident([str(i) for i in range(n)], label, held, "device")
    description = Description(
        options.encoder, options.encoder, SHAPE, (options.frames, size, size), tuple("abcdef")
    )
    model = to_device(build(description, 0, Statistics(-6.0, 2.0)), device).eval()
    pass_ = GapPass({}, {}, precision=options.precision)
    ready = [
        (
            held.audio[a : a + INFERENCE_BATCH_SIZE].float(),
            whole_frames(held.visual[a : a + INFERENCE_BATCH_SIZE], size),
        )
        for a in range(0, n, INFERENCE_BATCH_SIZE)
    ]

    @torch.inference_mode()
    def bare() -> torch.Tensor:
        with autocast(device, options.precision):
            return torch.cat([model(*batch).fused for batch in ready])

    def timed(work: object) -> float:
        begin = time.perf_counter()
        work()  # type: ignore[operator]
        if device.type == "cuda":
            torch.cuda.synchronize()
        return n / (time.perf_counter() - begin)

    table = measure(model, data, size, pass_)
    assert np.array_equal(table.fused_pred, bare().argmax(dim=1).cpu().numpy())
    rates: dict[str, list[float]] = {"gaps": [], "bare": []}
    for _ in range(options.rounds):
        rates["bare"].append(timed(bare))
        rates["gaps"].append(timed(lambda: measure(model, data, size, pass_)))
    share = [g / b for g, b in zip(rates["gaps"], rates["bare"], strict=True)]
    print(
        f"{arms.machine()}, torch {torch.__version__}, {torch.get_num_threads()} threads, {device}"
    )
    for name, values in rates.items():
        print(f"{name}  {statistics.median(values):,.0f} samples/s "
              f"({min(values):,.0f} to {max(values):,.0f})")  # fmt: skip
    print(f"gaps over bare: median {statistics.median(share):.3f}, "
          f"{min(share):.3f} to {max(share):.3f} (target 0.95)")  # fmt: skip


if __name__ == "__main__":
    main()
