"""The memory that a process may still have."""

from __future__ import annotations

import pytest

from avgap.data.loading.memory import free_memory

GB = 10**9


@pytest.fixture
def machine(tmp_path):
    """machine(name=content, …): a file system's root with these files."""

    def make(**files):
        for name, content in files.items():
            place = tmp_path / name.replace("__", "/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(str(content))
        return tmp_path

    make(proc__meminfo=f"MemTotal: {99 * GB // 1000} kB\nMemAvailable: {64 * GB // 1024} kB\n")
    return make


def test_without_a_limit_it_is_what_the_machine_has(machine):
    assert free_memory(machine()) == pytest.approx(64 * GB, rel=1e-6)


def test_the_processes_of_a_host_share_it(machine, monkeypatch):
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert free_memory(machine()) == pytest.approx(16 * GB, rel=1e-6)


def test_a_containers_limit_counts_and_what_was_read_from_files_is_room(machine):
    root = machine(
        **{
            "proc__self__cgroup": "0::/\n",
            "sys__fs__cgroup__memory.max": 8 * GB,
            "sys__fs__cgroup__memory.current": 6 * GB,
            "sys__fs__cgroup__memory.stat": f"anon 1\ninactive_file {3 * GB}\n",
        }
    )
    assert free_memory(root) == 5 * GB  # 8 − 6 + 3


def test_the_tightest_of_the_groups_around_a_batch_job_counts(machine):
    for group, limit in (("job", "max"), ("", 7 * GB)):
        place = f"sys__fs__cgroup__slurm{'__' * bool(group)}{group}__memory"
        machine(**{f"{place}.max": limit, f"{place}.current": 5 * GB, f"{place}.stat": "anon 1"})
    assert free_memory(machine(proc__self__cgroup="0::/slurm/job\n")) == 2 * GB


def test_the_first_version_of_control_groups_is_read_too(machine):
    place = "sys__fs__cgroup__memory__slurm__memory"
    root = machine(
        **{
            "proc__self__cgroup": "9:cpu:/\n4:memory,other:/slurm\n0::/\n",
            f"{place}.limit_in_bytes": 10 * GB,
            f"{place}.usage_in_bytes": 4 * GB,
            f"{place}.stat": "total_inactive_file 0\n",
        }
    )
    assert free_memory(root) == 6 * GB


def test_what_nobody_tells_counts_as_plenty(tmp_path):
    assert free_memory(tmp_path) == float("inf")
