"""SemGIR-A's evidence: one drawing a generator, in tables that SemGIR shares."""

from __future__ import annotations

import numpy as np
import pytest

from unprompt.errors import StoreError
from unprompt.evidence.attribution import AttributionExtractor
from unprompt.evidence.product_cache import ProductCache, ShardReader
from unprompt.evidence.products import regenerations
from unprompt.evidence.semgir import SemgirExtractor
from unprompt.instruments import Suite
from unprompt.store import Shard, Store
from unprompt.types import Picture

NAMES = ("diffusion", "sibling")


def test_every_generator_draws_the_caption_from_the_pictures_own_seed(suite: Suite, pictures: list[Picture]) -> None:
    found = AttributionExtractor(NAMES).extract(ProductCache(pictures, suite))
    for picture, one in zip(pictures, found, strict=True):
        np.testing.assert_array_equal(one.candidate, picture.rgb)
        assert one.caption == suite.captioner.captions([picture.rgb])[0]
        assert list(one.regenerations) == list(NAMES)
        for name, drawn in one.regenerations.items():
            (expected,) = suite.generator(name).regenerate([one.caption.text], [picture.seed])
            np.testing.assert_array_equal(drawn, expected)
        assert (one.regenerations["diffusion"] != one.regenerations["sibling"]).any()


def test_the_diffusions_drawings_are_semgirs(
    suite: Suite, pictures: list[Picture], shard: Shard, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    semgir = SemgirExtractor().extract(ProductCache(pictures, suite, ShardReader(store, shard.index)))
    recipes = AttributionExtractor(NAMES).recipes(suite)
    assert recipes["regenerations_0"] == SemgirExtractor().recipes(suite)["regenerations_0"]
    assert recipes["regenerations_sibling_0"].name != recipes["regenerations_0"].name
    monkeypatch.setattr(suite.diffusion, "_regenerate", lambda prompts: pytest.fail("it was drawn before"))
    found = AttributionExtractor(NAMES).extract(ProductCache(pictures, suite, ShardReader(store, shard.index)))
    for one, other in zip(semgir, found, strict=True):
        np.testing.assert_array_equal(one.regenerations[0], other.regenerations["diffusion"])
    tables = [store.product_table(regenerations(generator=name).recipe(suite)) for name in NAMES]
    assert all(shard.index in table.shards() for table in tables)


def test_stored_evidence_is_of_the_candidates_that_were_extracted(
    suite: Suite, pictures: list[Picture], shard: Shard, store: Store
) -> None:
    extractor = AttributionExtractor(NAMES)
    extractor.extract(ProductCache(pictures, suite, ShardReader(store, shard.index)))
    store.write_view(extractor.view(suite))
    view = store.read_view("semgir-a")
    found = extractor.load_shard(store, view, shard.index, suite)
    assert [list(one.regenerations) for one in found] == [list(NAMES)] * 3
    with pytest.raises(
        StoreError, match=r"holds evidence of semgir-a from suite 'fake' with .*regenerations_sibling_0"
    ):
        AttributionExtractor(("diffusion",)).load_shard(store, view, shard.index, suite)
