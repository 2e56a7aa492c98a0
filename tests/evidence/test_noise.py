"""Further draws of the noise: other drawings, the same captions, tables of their own."""

import hashlib

import numpy as np
import pytest

from unprompt.detectors import EVERY, OF_FILES
from unprompt.evidence.alignment import AlignmentExtractor
from unprompt.evidence.joint import JointExtractor
from unprompt.evidence.product_cache import ProductCache, ShardReader
from unprompt.evidence.sare import SareExtractor
from unprompt.evidence.semgir import SemgirExtractor
from unprompt.evidence.trivial import TrivialExtractor
from unprompt.instruments import Manifest, Suite
from unprompt.store import Shard, Store
from unprompt.types import Picture


def again(seed: int, index: int) -> int:
    """63 bits of the hash of both, the seed itself for index 0."""
    return seed if index == 0 else int(hashlib.sha256(f"{seed}:{index}".encode()).hexdigest()[:16], 16) >> 1


@pytest.mark.parametrize("noise", [0, 1, 3])
def test_a_draw_is_seeded_by_the_pixels_and_its_number(suite: Suite, pictures: list[Picture], noise: int) -> None:
    cache = ProductCache(pictures, suite, noise=noise)
    texts = [caption.text for caption in cache.captions()]
    rgbs = [picture.rgb for picture in pictures]
    seeds = [again(picture.seed, noise) for picture in pictures]
    for made, expected in zip(cache.reconstructions(), suite.diffusion.reconstruct(rgbs, texts, seeds), strict=True):
        np.testing.assert_array_equal(made, expected)
    second = suite.diffusion.regenerate(texts, [again(seed, 1) for seed in seeds])
    for made, expected in zip(cache.regenerations(1), second, strict=True):
        np.testing.assert_array_equal(made, expected)


def test_another_draw_asks_for_no_second_caption(
    suite: Suite, pictures: list[Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = ProductCache(pictures, suite)
    first = SareExtractor().extract(cache)
    monkeypatch.setattr(suite.captioner, "_caption", None)
    second = SareExtractor().extract(cache.at_noise(1))
    assert [one.caption for one in second] == [one.caption for one in first]
    assert any((one.reconstruction != other.reconstruction).any() for one, other in zip(first, second, strict=True))
    plain = SareExtractor().extract(cache.at_noise(1).at_noise(0))
    assert all((one.reconstruction == other.reconstruction).all() for one, other in zip(first, plain, strict=True))


def test_only_drawings_get_tables_of_their_own(suite: Suite) -> None:
    for product in [*SareExtractor().products(), *SemgirExtractor(2).products()]:
        names = {product.recipe(suite, noise).name for noise in (0, 1, 2)}
        assert product.recipe(suite, 0) == product.recipe(suite)
        assert len(names) == (3 if product.role.startswith("re") else 1), product.role


def test_a_shelf_of_further_draws_may_hold_some_of_the_pictures(
    suite: Suite, pictures: list[Picture], store: Store, shard: Shard
) -> None:
    reader = ShardReader(store, shard.index)
    few = ProductCache(pictures[:1], suite, noise=1)
    ProductCache(pictures, suite, reader).captions()
    kept = ProductCache(pictures[:1], suite, reader, noise=1).regenerations()
    np.testing.assert_array_equal(kept, few.regenerations())
    more = ProductCache(pictures, suite, reader, noise=1).regenerations()
    np.testing.assert_array_equal(more[0], kept[0])
    assert len(more) == 3


def test_which_evidence_depends_on_what() -> None:
    sare, item, trivial = SareExtractor(), AlignmentExtractor("item"), TrivialExtractor("trivial-metadata")
    assert [one.noisy for one in (sare, SemgirExtractor(), item, trivial)] == [True, True, False, False]
    assert [one.of_files for one in (sare, item, trivial)] == [False, False, True]
    joint = JointExtractor({"item": item, "sare": sare})
    assert (joint.noisy, joint.of_files) == (True, False)
    assert JointExtractor({"item": item, "trivial-metadata": trivial}).of_files


def test_the_registry_knows_what_describes_files() -> None:
    """Of all methods but the panel, which is what its members are; none is imported to be asked."""
    manifest = Manifest.read("miniature")
    asked = {name: kind.evidence_of(kind.options_for(manifest)) for name, kind in EVERY.items() if name != "panel"}
    assert {name for name, extractor in asked.items() if extractor.of_files} == OF_FILES
