"""The processors of this process: its affinity, its quota by both versions of control groups, the user's own word."""

import os
from pathlib import Path

import pytest

from unprompt import processors
from unprompt.processors import prepare_environment, quota, usable_cores


def test_cores_are_those_that_the_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors, "quota", lambda: None)
    monkeypatch.delattr(os, "process_cpu_count", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3, 5}, raising=False)
    assert usable_cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert usable_cores() == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores() == 1
    monkeypatch.setattr(os, "process_cpu_count", lambda: 4, raising=False)
    assert usable_cores() == 4


@pytest.mark.parametrize(("granted", "cores"), [(0.25, 1), (1.0, 1), (1.5, 2), (64.0, 8)])
def test_no_more_cores_than_the_quota_comes_to(monkeypatch: pytest.MonkeyPatch, granted: float, cores: int) -> None:
    monkeypatch.setattr(processors, "quota", lambda: granted)
    monkeypatch.setattr(os, "process_cpu_count", lambda: 8, raising=False)
    assert usable_cores() == cores


def control_groups(folder: Path, told: str, files: dict[str, str]) -> float | None:
    """The quota that is read where the process is told ``told``, and these files lie where the groups are mounted."""
    (folder / "cgroup").write_text(told, "utf-8")
    for name, text in files.items():
        (folder / "sys" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "sys" / name).write_text(text, "utf-8")
    return quota(folder / "cgroup", folder / "sys")


@pytest.mark.parametrize(
    ("told", "files", "expected"),
    [
        # Version 2: in a container the root is the container's own; elsewhere any level may limit.
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
        ("0::/\n", {"cpu.max": "max 100000\n"}, None),
        ("0::/a/b\n", {"a/cpu.max": "100000 100000\n", "a/b/cpu.max": "max 100000\n"}, 1.0),
        ("0::/a/b\n", {"a/cpu.max": "400000 100000\n", "a/b/cpu.max": "50000 100000\n"}, 0.5),
        # Version 1, with the controllers' own folder or the link to it; -1 is no limit.
        (
            "4:memory:/m\n2:cpu,cpuacct:/job\n",
            {"cpu,cpuacct/job/cpu.cfs_quota_us": "250000\n", "cpu,cpuacct/job/cpu.cfs_period_us": "100000\n"},
            2.5,
        ),
        ("1:cpu:/\n0::/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        # A container that is told a path of its host.
        ("1:cpu:/docker/0a1\n", {"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1.0),
        ("0::/docker/0a1\n", {"cpu.max": "100000 100000\n"}, 1.0),
        # Another controller's limit, files that say nothing, and none at all.
        ("3:cpuset:/s\n", {"cpuset/s/cpu.max": "100000 100000\n"}, None),
        ("0::/\n", {"cpu.max": "much\n"}, None),
        ("no line of a group\n", {}, None),
        ("0::/\n", {}, None),
    ],
)
def test_quota_is_the_least_of_all_levels(
    tmp_path: Path, told: str, files: dict[str, str], expected: float | None
) -> None:
    assert control_groups(tmp_path, told, files) == expected


def test_a_system_without_control_groups_has_no_quota(tmp_path: Path) -> None:
    assert quota(tmp_path / "gone", tmp_path) is None


def test_waiting_threads_sleep_unless_the_user_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors, "usable_cores", lambda: 3)
    ours: dict[str, str] = {}
    prepare_environment(ours)
    assert ours == {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0", "OPENBLAS_NUM_THREADS": "3"}
    users = {"OMP_WAIT_POLICY": "ACTIVE", "KMP_BLOCKTIME": "200", "OMP_NUM_THREADS": "5"}
    prepare_environment(mine := dict(users))
    assert mine == users
