"""``photo_diffusion.py``: a small diffusion learns from captioned photographs, and layers judge what they never saw."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from unprompt import Sample
from unprompt.recipes.photo.sources import Photograph, folds

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
WORDS = ("a red ball", "a blue sky", "a green field", "a dog")


@pytest.fixture
def measurement(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("photo_diffusion")


@pytest.fixture
def context(measurement: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Of few photographs, and trainings of two steps."""
    rng, lines = np.random.default_rng(0), []
    for number in range(40):
        path = tmp_path / f"{number}.png"
        Image.fromarray(rng.integers(0, 256, (70, 90, 3), np.uint8)).save(path)
        kind = "grocery_products" if number == 39 else "blog"
        lines.append(json.dumps({"path": path.name, "captions": [WORDS[number % 4], "a picture"], "set": kind}))
    (tmp_path / "table.jsonl").write_text("\n".join(lines))
    monkeypatch.setattr(measurement.PhotographContext, "steps", lambda self, full: 2)
    return measurement.PhotographContext(tmp_path / "cache", table=tmp_path / "table.jsonl")


def test_the_corpus_is_each_caption_with_its_picture_and_its_mirror_image(context: Any) -> None:
    scenes, held_out = context.scenes(), context.held_out()
    assert len(scenes) + len(held_out) == 39 * 2 * 2  # without names of goods
    assert scenes.pictures.shape[1:] == (64, 64, 3)
    assert (scenes.pictures[1::2] == scenes.pictures[::2, :, ::-1]).all()
    assert scenes.captions[::2] == scenes.captions[1::2]
    assert not set(map(bytes, scenes.pictures)) & set(map(bytes, held_out.pictures))


def test_a_diffusion_is_learned_once_and_makes_pictures(measurement: ModuleType, context: Any) -> None:
    psnr = measurement.train(context)
    assert 5 < psnr < 40
    made = context.model("diffusion") / "unet" / "diffusion_pytorch_model.safetensors"
    before = made.stat().st_mtime_ns
    assert measurement.train(context) == psnr
    assert made.stat().st_mtime_ns == before
    origin = measurement.Origin(context.model("diffusion"))
    generator = measurement.StableDiffusion(origin, strength=0.5, steps=2, side=64)
    [made_again] = generator.reconstruct([np.full((96, 128, 3), 90, np.uint8)], ["a dog"], [1])
    assert made_again.shape == (48, 64, 3)
    assert generator.regenerate(["a dog"], [1])[0].shape == (64, 64, 3)


def test_a_layer_never_saw_the_fold_that_it_judges(measurement: ModuleType) -> None:
    places = folds()
    sources = {label: [next(name for name, fold in places.items() if fold == number) for number in range(3)]
               for label in (0, 1)}  # fmt: skip
    rows = [
        Photograph(Sample(f"{label}-{fold}-{i}", label, sources[label][fold]), fold)
        for label in (0, 1) for fold in range(3) for i in range(10)
    ]  # fmt: skip
    labels, own = np.array([one.label for one in rows]), np.array([one.fold for one in rows])
    columns = np.random.default_rng(0).normal(size=(60, 4)) + labels[:, None]
    found = measurement.held_out(rows, columns)
    for fold in range(3):
        others, out = columns[own != fold], own == fold
        centre, spread = others.mean(axis=0), others.std(axis=0)
        reference = LogisticRegression(C=1 / (measurement.L2 * 40), class_weight="balanced", tol=1e-10, max_iter=1000)
        reference.fit((others - centre) / spread, labels[own != fold])
        expected = reference.predict_proba((columns[out] - centre) / spread)[:, 1]
        np.testing.assert_allclose(expit(found[out]), expected, atol=1e-5)


def test_rows_of_the_table_are_what_a_layer_reads(measurement: ModuleType) -> None:
    rng = np.random.default_rng(0)
    views = {name: rng.normal(size=(3, 5)) for name in measurement.SEEN}
    found = measurement.features(views)
    assert {name: columns.shape[1] for name, columns in found.items()} == {
        "the picture (UnivFD's)": 5,
        "the small picture": 5,
        "x - x_hat (SARE)": 5,
        "x and the drawing (SemGIR)": 10,
        "the drawing alone": 5,
        "the picture, and x - x_hat": 10,
        "the picture, and the drawing": 10,
    }
    np.testing.assert_array_equal(found["x - x_hat (SARE)"], views["small"] - views["reconstruction"])
