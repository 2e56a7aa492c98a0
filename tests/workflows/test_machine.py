"""The memory and the pace of this machine, and where the system does not tell."""

import os

import pytest
import torch

from unprompt.instruments import Manifest
from unprompt.instruments.matrix_rate import matrix_rate
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


def test_the_pace_is_the_operations_of_a_product_over_its_best_time() -> None:
    ticks = iter([0.0, 0.5, 1.0, 1.25, 2.0, 2.5])  # two products: half a second, then a quarter
    found = matrix_rate(torch.float32, torch.device("cpu"), seconds=0.7, clock=lambda: next(ticks))
    assert found == 2 * 512**3 / 0.25 / 1e12


@pytest.mark.parametrize(
    ("bfloat16", "advice"),
    [
        (0.001, "float32 85, bfloat16 1, float16 2 GFLOP/s of matrix products; float32 is the way"),
        (0.34, "bfloat16 340, float16 2 GFLOP/s of matrix products; --dtype bfloat16 (or auto) can be up to 4.0 times"),
    ],
)
def test_doctor_says_which_numbers_are_fast(monkeypatch: pytest.MonkeyPatch, bfloat16: float, advice: str) -> None:
    rates = {torch.float32: 0.085, torch.bfloat16: bfloat16, torch.float16: 0.002}
    monkeypatch.setattr("unprompt.instruments.matrix_rate.matrix_rate", lambda dtype, device: rates[dtype])
    check = doctor.numbers("cpu")
    assert (check.name, check.status) == ("numbers on cpu", "pass")
    assert advice in check.message


def test_doctor_goes_on_where_a_device_cannot_multiply(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> float:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(doctor, "matrix_rates", full)
    check = doctor.numbers("cuda:1")
    assert (check.name, check.status, check.fix) == ("numbers on cuda:1", "warn", "free the device, or renew torch")
    assert check.message == "not measured: CUDA out of memory"
