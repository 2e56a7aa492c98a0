"""The card of the little world's generators: its numbers against other ways to the same."""

from __future__ import annotations

import importlib
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.linalg import sqrtm

from unprompt import Sample
from unprompt.scenes.scene import Scene
from unprompt.types import Caption

ROOT = Path(__file__).parents[1]


@pytest.fixture
def families(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("families")


def test_the_distance_is_that_of_two_normal_distributions(families: Any) -> None:
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(5, 5))
    left, right = rng.normal(size=(40, 5)) @ mixing + 1, rng.normal(size=(60, 5))
    first, second = np.cov(left.T), np.cov(right.T)
    root = sqrtm(first @ second).real
    expected = np.square(left.mean(0) - right.mean(0)).sum() + np.trace(first + second - 2 * root)
    assert families.frechet(left, right) == pytest.approx(expected)
    assert families.frechet(left, left) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("told", "expected"), [(lambda text: text, 1.0), (lambda text: "a thing", 0.0)])
def test_facts_are_counted_against_the_caption_of_the_scene(
    families: Any, tmp_path: Path, told: Any, expected: float
) -> None:
    samples = [Sample(str(tmp_path / f"{seed}.jpg"), 1) for seed in (3, 4)]
    for one in samples:
        Image.new("RGB", (64, 64)).save(one.uri)
    captions = [Caption(told(Scene.sample(seed).caption)) for seed in (3, 4)]
    suite = SimpleNamespace(captioner=SimpleNamespace(captions=lambda pictures: captions))
    assert families.facts(suite, samples) == expected


def test_the_sheet_has_a_row_for_each_family(families: Any) -> None:
    rows = [[np.full((64, 64, 3), 10 * row + 40 * column, np.uint8) for column in range(3)] for row in range(2)]
    drawn = np.asarray(Image.open(io.BytesIO(families.sheet(rows))).convert("RGB"))
    assert drawn.shape == (128, 192, 3)
    assert drawn[96, 160].mean() == pytest.approx(90, abs=4)
