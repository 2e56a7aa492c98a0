"""What a report tells of a picture whose head asks no captioner."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from unprompt.evidence.product_cache import ProductCache
from unprompt.images import cut_out, encode_png, read
from unprompt.instruments import Suite
from unprompt.instruments.phrases import noun_phrases
from unprompt.testing.fake_towers import save_fake_photo
from unprompt.types import Picture
from unprompt.workflows.prediction.reading import READERS, TITLE, readings


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_fake_photo(tmp_path_factory.mktemp("reading"))


@pytest.fixture(scope="module")
def pictures() -> list[Picture]:
    rng = np.random.default_rng(3)
    made = [(rng.uniform(0, 200, 3) + rng.normal(0, 9, (40, 56, 3))).clip(0, 255).astype(np.uint8) for _ in range(3)]
    return [read(encode_png(rgb), f"{place}.png") for place, rgb in enumerate(made)]


def test_a_caption_and_how_alike_its_objects_are(
    folder: Path, pictures: list[Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = Suite.load(folder)
    monkeypatch.setattr(suite.captioner, "_caption", lambda rgbs: ["a red ball on wood", "sand", ""][: len(rgbs)])
    captions = suite.captioner.captions([one.rgb for one in pictures])
    boxes = suite.grounder.ground([one.rgb for one in pictures], [noun_phrases(one.text) for one in captions])
    assert any(boxes)
    rows = zip(readings(ProductCache(pictures, suite), suite), pictures, captions, boxes, strict=True)
    for found, picture, caption, expected in rows:
        assert found is not None
        assert found.title == TITLE.format(caption.text)
        for box, plain in zip(found.boxes, expected, strict=True):
            image = suite.encoder.embed_pictures([cut_out(picture.rgb, plain)])[0]
            text = suite.encoder.embed_texts([plain.phrase])[0]
            cosine = image @ text / np.sqrt((image @ image) * (text @ text))
            assert box == replace(plain, phrase=f"{plain.phrase}, cosine {cosine:.2f}")


def test_a_suite_that_reads_no_pictures(folder: Path, pictures: list[Picture]) -> None:
    manifest = Suite.load(folder).manifest
    instruments = {role: spec for role, spec in manifest.instruments.items() if role != READERS[0]}
    suite = Suite(replace(manifest, instruments=instruments))
    assert readings(ProductCache(pictures, suite), suite) == [None] * 3


def test_models_that_are_not_here(tmp_path: Path, pictures: list[Picture]) -> None:
    suite = Suite.load(save_fake_photo(tmp_path))
    (tmp_path / "text" / "model.safetensors").unlink()
    assert readings(ProductCache(pictures, suite), suite) == [None] * 3
