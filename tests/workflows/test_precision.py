"""Evidence of any precision is trained on, evaluated and judged by; heads say which it was."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from unprompt.detectors import checkpoint, load
from unprompt.detectors.base import Model
from unprompt.instruments import Suite
from unprompt.workflows.evaluate import evaluate
from unprompt.workflows.extract import extract
from unprompt.workflows.train import train


@pytest.mark.parametrize(
    "dtype",
    [
        pytest.param(
            "bfloat16",
            marks=pytest.mark.skipif(
                "ATEN_CPU_CAPABILITY" in os.environ,
                reason="torch's attention in bfloat16 fails below the true processor",
            ),
        ),
        "float16",
    ],
)
@pytest.mark.parametrize("method", ["tidy", "semgir"])
def test_the_road_in_half_precision(method: str, dtype: str, pictures: Path, suite: Path, tmp_path: Path) -> None:
    store = extract(method, data=f"folder:{pictures}", out=tmp_path / "store", suite=suite, dtype=dtype)
    head = train(method, evidence=store, out=tmp_path / f"{method}.safetensors", suite=suite, options={"epochs": 1})
    assert checkpoint.read_header(head).training["dtypes"] == [dtype]
    table = evaluate(head, evidence=store, suite=suite, repeats=0)
    assert table.pooled.n_real == 10
    again = evaluate(head, evidence=store, suite=suite, repeats=0, robustness=["flip:1"])
    assert list(again.perturbed) == ["flip:1"]


def test_a_head_of_float32_says_nothing(heads: Path) -> None:
    assert "dtypes" not in checkpoint.read_header(heads / "tidy.safetensors").training


def test_a_head_is_loaded_on_the_device_of_its_suite(heads: Path, suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[object] = []
    plain = Model.to
    monkeypatch.setattr(Model, "to", lambda model, device: moved.append(device) or plain(model, "cpu"))
    monkeypatch.setattr("unprompt.detectors.base.device_of", lambda name: f"device of {name}")
    load(heads / "semgir.safetensors", Suite.load(suite, device="cpu"))
    assert moved == ["device of cpu"]
