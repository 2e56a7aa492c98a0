"""Cores and memory of this machine, and where the system does not tell."""

import os

import pytest

from unprompt.instruments import Manifest
from unprompt.instruments.manifest import shipped
from unprompt.workflows import doctor
from unprompt.workflows.planning.machine import memory, usable_cores


def test_cores_are_those_that_the_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_memory_is_pages_times_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1000}.__getitem__, raising=False)
    assert memory() == 4_096_000


def test_doctor_says_that_memory_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "memory", lambda: None)
    *_, check = doctor.fetched(Manifest.read(shipped("paper")))
    assert check.status == "warn"
    assert check.message.endswith("this machine does not report its memory")
