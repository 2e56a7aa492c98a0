"""Evidence of any precision is trained on, evaluated and judged by; heads say which it was."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from unprompt.detectors import checkpoint, load
from unprompt.detectors.base import Model
from unprompt.instruments import Suite
from unprompt.store import Store
from unprompt.workflows.data.labelled import logits_of
from unprompt.workflows.detect import detect
from unprompt.workflows.evaluate import evaluate
from unprompt.workflows.extract import extract
from unprompt.workflows.train import train

from .conftest import speaking

needs_the_processor = pytest.mark.skipif(
    "ATEN_CPU_CAPABILITY" in os.environ, reason="torch's attention in bfloat16 fails below the true processor"
)


@pytest.mark.parametrize(
    ("method", "dtype"),
    [
        ("tidy", "float16"),
        ("sare", "float16"),
        pytest.param("tidy", "bfloat16", marks=needs_the_processor),
        pytest.param("semgir", "bfloat16", marks=needs_the_processor),
    ],
)
def test_the_road_in_half_precision(method: str, dtype: str, few: Path, suite: Path, tmp_path: Path) -> None:
    """Extract, train, evaluate and detect; float32's is every other test's."""
    store = extract(method, data=f"folder:{few}", out=tmp_path / "store", suite=suite, dtype=dtype)
    head = train(method, evidence=store, out=tmp_path / f"{method}.safetensors", suite=suite, options={"epochs": 1})
    assert checkpoint.read_header(head).training["dtypes"] == [dtype]
    table = evaluate(head, evidence=store, suite=suite, repeats=0)
    assert table.pooled.n_real == 4
    again = evaluate(head, evidence=store, suite=suite, repeats=0, robustness=["flip:1"])
    assert list(again.perturbed) == ["flip:1"]
    rows = detect([few / "test"], suite=speaking(suite, tmp_path / "speaking", [head]), method=method, dtype=dtype)
    judged = [row.probability for row in rows if row.probability is not None]
    detector: Any = load(head, Suite.load(suite, dtype=dtype))
    stored = detector.probability(logits_of([Store(store)], detector, detector.suite, "test")[0])
    assert sorted(judged) == pytest.approx(sorted(stored), abs=5e-3)


def test_a_head_of_float32_says_nothing(heads: Path) -> None:
    assert "dtypes" not in checkpoint.read_header(heads / "tidy.safetensors").training


def test_a_head_is_loaded_on_the_device_of_its_suite(heads: Path, suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[object] = []
    plain = Model.to
    monkeypatch.setattr(Model, "to", lambda model, device: moved.append(device) or plain(model, "cpu"))
    monkeypatch.setattr("unprompt.detectors.base.device_of", lambda name: f"device of {name}")
    load(heads / "semgir.safetensors", Suite.load(suite, device="cpu"))
    assert moved == ["device of cpu"]
