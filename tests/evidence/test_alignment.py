"""TIDY and ITEM against sums written element by element from the papers."""

import math
from typing import Any

import numpy as np
import pytest

from unprompt.evidence.alignment import AlignmentExtractor, combine, item, local, tidy
from unprompt.evidence.product_cache import ProductCache
from unprompt.instruments import Suite
from unprompt.instruments.phrases import noun_phrases
from unprompt.types import Picture

random = np.random.default_rng(0)
I = random.normal(size=(5, 8)).astype(np.float32)  # noqa: E741
T = random.normal(size=(5, 8)).astype(np.float32)


def test_tidy_is_equation_2() -> None:
    expected = [[math.fabs(float(i) - float(t)) for i, t in zip(*pair, strict=True)] for pair in zip(I, T, strict=True)]
    np.testing.assert_allclose(tidy(I, T), expected, rtol=1e-6)
    assert tidy(I, T).dtype == np.float32


def test_item_is_equation_3() -> None:
    expected = []
    for image, text in zip(I.astype(float), T.astype(float), strict=True):
        long_i, long_t = math.sqrt(sum(x * x for x in image)), math.sqrt(sum(x * x for x in text))
        expected.append([x / long_i - y / long_t for x, y in zip(image, text, strict=True)])
    np.testing.assert_allclose(item(I, T), expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(item(I[0], T[0]), expected[0], rtol=1e-5, atol=1e-7)


def test_the_squared_length_of_item_is_two_minus_twice_the_cosine() -> None:
    cosine = np.array([i @ t / np.sqrt((i @ i) * (t @ t)) for i, t in zip(I, T, strict=True)])
    np.testing.assert_allclose((item(I, T) ** 2).sum(1), 2 - 2 * cosine, rtol=1e-5)


def test_item_forgets_lengths_and_tidy_does_not() -> None:
    np.testing.assert_allclose(item(3 * I, T / 7), item(I, T), atol=1e-6)
    assert not np.allclose(tidy(3 * I, T / 7), tidy(I, T))


def test_a_zero_vector_has_no_direction() -> None:
    zero = np.zeros(8, np.float32)
    np.testing.assert_array_equal(item(zero, zero), zero)
    assert np.isfinite(item(zero, T[0])).all()


@pytest.mark.parametrize(("w1", "w2"), [(1.0, 1.0), (0.5, 2.0), (0.0, 1.0)])
def test_combine_is_equation_6(w1: float, w2: float) -> None:
    expected = [[w1 * g + w2 * li for g, li in zip(*pair, strict=True)] for pair in zip(I, T, strict=True)]
    np.testing.assert_allclose(combine(I, T, w1, w2), expected, rtol=1e-5, atol=1e-6)


def test_without_phrases_only_the_global_distance_counts() -> None:
    np.testing.assert_allclose(combine(I, None, 0.5), I / 2)
    np.testing.assert_array_equal(combine(I), I)


@pytest.mark.parametrize("distance", [tidy, item])
def test_local_is_the_mean_over_the_objects(distance: Any) -> None:
    each = distance(I, T).tolist()
    expected = [sum(column) / len(each) for column in zip(*each, strict=True)]
    np.testing.assert_allclose(local(distance(I, T)), expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(local(distance(I[:1], T[:1])), distance(I, T)[0])


def test_objects_are_what_the_boxes_cut_out_beside_their_phrases(suite: Suite, pictures: list[Picture]) -> None:
    cache = ProductCache(pictures, suite)
    found = [one.objects for one in AlignmentExtractor("item", objects=True).extract(cache)]
    assert any(one.boxes for one in found)
    for picture, caption, one in zip(pictures, cache.captions(), found, strict=True):
        assert one.boxes == suite.grounder.ground([picture.rgb], [noun_phrases(caption.text)])[0]
        assert one.images.shape == one.texts.shape == (len(one.boxes), suite.encoder.width)
        height, width = picture.rgb.shape[:2]
        for box, image, text in zip(one.boxes, one.images, one.texts, strict=True):
            rows = slice(int(np.floor(box.top * height)), int(np.ceil(box.bottom * height)))
            columns = slice(int(np.floor(box.left * width)), int(np.ceil(box.right * width)))
            crop = picture.rgb[rows, columns]
            np.testing.assert_allclose(image, suite.encoder.embed_pictures([crop])[0], atol=1e-4)
            np.testing.assert_allclose(text, suite.encoder.embed_texts([box.phrase])[0], atol=1e-4)


def test_the_extractor_embeds_the_picture_and_its_own_caption(suite: Suite, pictures: list[Picture]) -> None:
    found = AlignmentExtractor("tidy").extract(ProductCache(pictures, suite))
    for picture, one in zip(pictures, found, strict=True):
        (caption,) = suite.captioner.captions([picture.rgb])
        assert one.caption == caption
        np.testing.assert_allclose(one.image, suite.encoder.embed_pictures([picture.rgb])[0], atol=1e-4)
        np.testing.assert_allclose(one.text, suite.encoder.embed_texts([caption.text])[0], atol=1e-4)
