"""SARE's and SemGIR's evidence: maps, pairs and the noise behind them."""

import hashlib

import numpy as np
import pytest

from unprompt.errors import DataError, OptionError
from unprompt.evidence.product_cache import ProductCache, mixed
from unprompt.evidence.sare import SareEvidence, SareExtractor
from unprompt.evidence.semgir import SemgirExtractor
from unprompt.instruments import Suite
from unprompt.types import Caption, Picture


def test_the_sare_map_is_equation_4() -> None:
    rng = np.random.default_rng(1)
    x, x_hat = (rng.integers(0, 256, (5, 7, 3), dtype=np.uint8) for _ in range(2))
    made = SareEvidence(x, x_hat, Caption("a ball"))
    expected = np.abs(x.astype(np.int64) - x_hat.astype(np.int64)) / 255
    np.testing.assert_allclose(made.sare_map, expected, atol=1e-7)
    assert made.sare_map.dtype == np.float32
    np.testing.assert_array_equal(made.difference, np.round(255 * expected))


def test_a_reconstruction_of_another_size_is_refused() -> None:
    x, x_hat = np.zeros((4, 6, 3), np.uint8), np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(DataError, match=r"shape \(8, 8, 3\), expected \(4, 6, 3\)"):
        SareEvidence(x, x_hat, Caption("a ball"))


def test_sare_compares_the_prepared_picture_with_its_guided_reconstruction(
    suite: Suite, pictures: list[Picture]
) -> None:
    cache = ProductCache(pictures, suite)
    guided, free = SareExtractor().extract(cache), SareExtractor(guided=False).extract(cache)
    for picture, with_caption, without in zip(pictures, guided, free, strict=True):
        prepared = suite.diffusion.prepare(picture.rgb)
        np.testing.assert_array_equal(with_caption.picture, prepared)
        texts = [with_caption.caption.text, ""]
        drawn = [suite.diffusion.reconstruct([picture.rgb], [text], [picture.seed])[0] for text in texts]
        for one, expected in zip((with_caption, without), drawn, strict=True):
            assert np.abs(one.reconstruction.astype(int) - expected).max() <= 1  # batches differ in the last bits


def test_semgir_draws_k_times_from_the_pictures_own_seed(suite: Suite, pictures: list[Picture]) -> None:
    found = SemgirExtractor(k=2).extract(ProductCache(pictures, suite))
    for picture, one in zip(pictures, found, strict=True):
        np.testing.assert_array_equal(one.candidate, picture.rgb)
        seeds = [mixed(picture.seed, index) for index in range(2)]
        for seed, drawn in zip(seeds, one.regenerations, strict=True):
            (expected,) = suite.generator().regenerate([one.caption.text], [seed])
            assert np.abs(drawn.astype(int) - expected).max() <= 1
        assert (one.regenerations[0] != one.regenerations[1]).any()


def test_the_first_drawing_has_the_pictures_seed_and_others_a_hash_of_both() -> None:
    assert mixed(42, 0) == 42
    digest = hashlib.sha256(b"42:1").hexdigest()
    assert mixed(42, 1) == int(digest[:16], 16) // 2


def test_no_drawing_is_no_regeneration() -> None:
    with pytest.raises(OptionError, match=r"regenerations is 0, expected 1 or more"):
        SemgirExtractor(k=0)
