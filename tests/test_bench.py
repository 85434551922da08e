"""The benchmarks run: tiny sizes, whose numbers mean nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from browser import skip_without_browser

BENCH = Path(__file__).parent / "bench"


def run(name: str, folder: Path, *options: object) -> str:
    command = [sys.executable, str(BENCH / f"{name}.py"), "--folder", str(folder)]
    done = subprocess.run(
        [*command, *map(str, options)], capture_output=True, text=True, env=os.environ, check=False
    )
    assert done.returncode == 0, done.stderr
    assert list(folder.iterdir()) == []
    return done.stdout


def test_the_benchmark_of_prepare_runs(tmp_path):
    pytest.importorskip("cv2", reason="the peers' arm needs the extra `bench`")
    told = run("bench_prepare", tmp_path, "--clips", 4, "--rounds", 1)
    assert "clips/s" in told
    assert "decode" in told


def test_the_benchmark_of_the_datas_cost_runs(tmp_path):
    pytest.importorskip("cv2", reason="the peers' arm needs the extra `bench`")
    told = run("bench_data_cost", tmp_path, "--clips", 4, "--epochs", 2, "--rounds", 1)
    assert "decoded in every epoch" in told


def test_the_benchmark_of_a_large_cache_runs(tmp_path):
    told = run("bench_cache", tmp_path, "--clips", 20, "--rounds", 1)
    assert "page cache warm" in told


def test_the_benchmark_of_memory_runs(tmp_path):
    assert "worker" in run("bench_memory", tmp_path, "--clips", 4)


def test_the_benchmark_of_the_page_runs(tmp_path):
    skip_without_browser()
    assert "opened" in run("bench_report", tmp_path, "--samples", 100, "--rounds", 1)


def test_the_benchmark_of_methods_runs(tmp_path):
    told = run("bench_methods", tmp_path, "--clips", 16, "--rounds", 1, "opm")
    assert "of concat/passes" in told
    assert told.splitlines()[-1].startswith("opm")


def test_the_benchmark_of_the_mixture_runs(tmp_path):
    told = run("bench_fitgmm", tmp_path, "--sizes", 250_000, "--rounds", 1, "--file", 250_000)
    assert "| 250,000 |" in told
    assert "MB resident at most" in told


def test_the_benchmark_of_training_runs(tmp_path):
    options = ("--encoder", "small", "--image-size", 16, "--clips", 8, "--workers", 0)
    told = run("bench_training", tmp_path, *options, "--frames", 1, "--rounds", 1)
    assert "avgap against the peer, tuned at its best" in told


def test_the_benchmark_of_the_gaps_pass_runs(tmp_path):
    assert "gaps over bare" in run("bench_gaps", tmp_path, "--clips", 8, "--rounds", 1)


def test_the_benchmark_of_a_whole_run_runs(tmp_path):
    options = ("--encoder", "small", "--clips", 60, "--frame-size", 32, "--epochs", 5)
    assert "last epoch" in run("bench_run", tmp_path, *options)


def test_the_benchmark_of_scaling_runs(tmp_path):
    options = ("--processes", 1, "--clips", 40, "--epochs", 1, "--rounds", 1)
    assert "efficiency 1.00" in run("bench_scaling", tmp_path, *options, "--image-size", 32)
