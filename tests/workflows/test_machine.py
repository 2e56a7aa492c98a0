"""The memory of this machine, and where the system does not tell."""

import os

import pytest

from unprompt.instruments import Manifest
from unprompt.instruments.shelf import shipped
from unprompt.workflows import doctor
from unprompt.workflows.planning.machine import memory


def test_memory_is_pages_times_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1000}.__getitem__, raising=False)
    assert memory() == 4_096_000


def test_doctor_says_that_memory_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "memory", lambda: None)
    *_, check = doctor.fetched(Manifest.read(shipped("paper")))
    assert check.status == "warn"
    assert check.message.endswith("this machine does not report its memory")
