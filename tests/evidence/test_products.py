"""Recipes of products: what they name, and how often they are computed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from unprompt.evidence.alignment import AlignmentExtractor
from unprompt.evidence.attribution import AttributionExtractor
from unprompt.evidence.base import Extractor, ok_rows
from unprompt.evidence.joint import JointExtractor
from unprompt.evidence.product_cache import ProductCache, ShardReader
from unprompt.evidence.products import CAPTION_EMBEDDINGS, CAPTIONS, reconstructions, regenerations
from unprompt.evidence.sare import SareExtractor
from unprompt.evidence.semgir import SemgirExtractor
from unprompt.evidence.stored import StoredProductCache
from unprompt.images import encode_png, read
from unprompt.instruments import Suite
from unprompt.store import ProductRecipe, Store, fingerprint, product_table, sample_rows
from unprompt.types import Picture, Sample

COUNT = 24
EXTRACTORS: dict[str, Extractor[Any]] = {
    "sare": SareExtractor(),
    "semgir": SemgirExtractor(),
    "tidy": AlignmentExtractor("tidy", objects=True),
    "item": AlignmentExtractor("item"),
}


@pytest.fixture
def many(tmp_path_factory: pytest.TempPathFactory) -> list[Picture]:
    """24 small pictures as files."""
    random, root, made = np.random.default_rng(5), tmp_path_factory.mktemp("many"), []
    for number in range(COUNT):
        path = root / f"{number}.png"
        path.write_bytes(encode_png(random.integers(0, 256, (16, 16, 3), dtype=np.uint8)))
        made.append(read(path, str(path)))
    return made


def test_a_recipe_is_the_same_object_for_the_same_cards(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    for product in (CAPTIONS, CAPTION_EMBEDDINGS, reconstructions(), regenerations(1, "sibling")):
        first = product.recipe(suite)
        assert first is product.recipe(suite) is product.recipe(suite.of("tidy"))
        assert (first is product.recipe(suite, 1)) == (not product.drawn)
        assert first.fingerprint == fingerprint(replace(first))
        cards = [suite.card(role) for role in product.instruments]
        assert first == ProductRecipe(product.kind, 1, cards, product.parameters)
    before = CAPTIONS.recipe(suite)
    monkeypatch.setattr(suite.captioner, "card", replace(suite.captioner.card, digest="another"))
    assert CAPTIONS.recipe(suite).fingerprint != before.fingerprint


def test_whole_numbers_are_not_taken_for_broken_ones(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """3 == 3.0, and yet they are two spellings of a card: the one must not answer for the other."""
    names = set()
    for guidance in (3, 3.0, 3):
        card = replace(suite.diffusion.card, parameters={**suite.diffusion.card.parameters, "guidance": guidance})
        monkeypatch.setattr(suite.diffusion, "card", card)
        recipe = regenerations().recipe(suite)
        assert recipe.fingerprint == fingerprint(replace(recipe))
        names.add(recipe.name)
    assert len(names) == 2


def test_each_fingerprint_is_computed_once(
    suite: Suite, many: list[Picture], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: Counter[object] = Counter()

    def counted(*parts: object) -> str:
        asked[id(parts[0]) if isinstance(parts[0], ProductRecipe) else "row"] += 1
        return fingerprint(*parts)

    monkeypatch.setattr(product_table, "fingerprint", counted)
    (shard,) = store.plan([Sample(picture.uri, 0) for picture in many])
    store.write_samples(shard.index, sample_rows(shard, many))
    extractors = [JointExtractor(EXTRACTORS), AttributionExtractor(("diffusion", "sibling"))]
    for extractor in extractors:
        extractor.extract(ProductCache(many, suite, ShardReader(store, shard.index)))
    names = {name for extractor in extractors for name in extractor.view(suite).products.values()}
    rows = asked.pop("row")
    assert rows == COUNT * (len(names) + 2)  # each is written; captions and drawings are read by the second
    assert set(asked.values()) <= {1}
    assert len(asked) <= len(names)  # fewer where another test computed one

    def never(shard: object) -> None:
        raise AssertionError(f"{shard!r} was spelt again")

    monkeypatch.setattr(import_module("unprompt.store.fingerprint"), "canonical", never)
    for extractor in extractors:
        extractor.extract(StoredProductCache(ShardReader(store, shard.index), suite, ok_rows(store, shard.index)))
