"""What a vision encoder sees of a picture: its views, and the rows of each picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unprompt.detectors.methods.clip_layers import ClipLayersDetector, ClipLayersOptions
from unprompt.errors import DataError, NotFinite, OptionError
from unprompt.evidence.layers import LayersEvidence
from unprompt.evidence.product_cache import ProductCache
from unprompt.evidence.views import LONGEST, native, views
from unprompt.images import centre_square, encode_png, read
from unprompt.instruments import Suite
from unprompt.testing.fake_suite import save_fake_suite
from unprompt.types import Picture


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    return Suite.load(save_fake_suite(tmp_path_factory.mktemp("fake")))


def picture(height: int, width: int, seed: int = 0) -> Picture:
    rgb = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return read(encode_png(rgb), f"{height} x {width}")


@given(st.integers(1, 90), st.integers(1, 90))
def test_views(height: int, width: int) -> None:
    rgb = np.random.default_rng([height, width]).integers(0, 256, (height, width, 3), np.uint8)
    seen = views(rgb, 32)
    assert len(seen) == (2 if min(height, width) >= 40 else 1)
    assert all(one.shape == (32, 32, 3) for one in seen)
    np.testing.assert_array_equal(seen[0], centre_square(rgb, 32))
    if len(seen) == 2:
        top, left = (height - 32) // 2, (width - 32) // 2
        np.testing.assert_array_equal(seen[1], rgb[top : top + 32, left : left + 32])


def test_the_whole_of_a_very_large_picture_is_what_every_method_sees() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (60, LONGEST + 200, 3), np.uint8)
    whole, middle = views(rgb, 32)
    np.testing.assert_array_equal(whole, centre_square(rgb, 32))
    smaller = native(rgb)
    top, left = (smaller.shape[0] - 32) // 2, (LONGEST - 32) // 2
    np.testing.assert_array_equal(middle, smaller[top : top + 32, left : left + 32])


def test_a_row_a_view_of_the_chosen_layers(suite: Suite) -> None:
    pictures = [picture(30, 90), picture(80, 70, 1)]
    rows = ProductCache(pictures, suite).layer_tokens((1, 3))
    assert [one.shape for one in rows] == [(1, 2 * 16), (2, 2 * 16)]
    (seen,) = suite.vision.tokens([pictures[0].rgb])
    np.testing.assert_allclose(rows[0][0], np.concatenate([seen.cls[1], seen.cls[3]]), atol=1e-5)


def test_a_picture_of_which_a_view_is_not_finite_is_named(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, spoiled = type(suite.vision), views(picture(80, 70, 1).rgb, 32)[1]
    whole = kind._tokens

    def tokens(self: Any, tasks: Any) -> Any:
        seen = whole(self, tasks)
        return [
            one._replace(cls=one.cls * np.nan) if np.array_equal(crop, spoiled) else one
            for (crop, _), one in zip(tasks, seen, strict=True)
        ]

    monkeypatch.setattr(kind, "_tokens", tokens)
    with pytest.raises(NotFinite) as raised:
        ProductCache([picture(30, 90), picture(80, 70, 1), picture(50, 50, 2)], suite).layer_tokens((3,))
    assert raised.value.places == (1,)
    assert [len(one) for one in raised.value.made] == [1, 2, 2]


def test_layers_that_the_tower_has_not(suite: Suite) -> None:
    with pytest.raises(OptionError, match=r"--set layers=\[2, 4\] has 4, expected 1 to 3 of this suite's tower"):
        ClipLayersDetector(suite, ClipLayersOptions(layers=(2, 4)))


def test_evidence_of_another_width(suite: Suite) -> None:
    detector = ClipLayersDetector(suite, ClipLayersOptions(layers=(2, 3)))
    with pytest.raises(
        DataError, match=r"evidence\[0\] has views of shape \(1, 5\), expected n x 32 like layers \[2, 3\]"
    ):
        detector.logits([LayersEvidence(np.zeros((1, 5), np.float32))])


def test_the_logit_of_a_picture_is_the_mean_of_its_views(suite: Suite) -> None:
    detector = ClipLayersDetector(suite, ClipLayersOptions(layers=(3,)), seed=1)
    both = np.random.default_rng(0).normal(size=(2, 16)).astype(np.float32)
    one, other = (detector.logits([LayersEvidence(row[None])])[0] for row in both)
    assert detector.logits([LayersEvidence(both)])[0] == pytest.approx((one + other) / 2, abs=1e-5)


def test_joined_nets_answer_their_mean(suite: Suite) -> None:
    rows = [LayersEvidence(row[None]) for row in np.random.default_rng(0).normal(size=(5, 16)).astype(np.float32)]
    several = [ClipLayersDetector(suite, ClipLayersOptions(layers=(3,)), seed) for seed in range(2)]
    for one in several:
        one.prepare_fit(rows[one is several[0] :])
    joined = ClipLayersDetector(suite, ClipLayersOptions(layers=(3,), nets=2))
    joined.network.join([one.network for one in several])
    expected = np.mean([one.logits(rows) for one in several], axis=0)
    np.testing.assert_allclose(joined.logits(rows), expected, atol=1e-5)


def test_the_upper_half_of_a_tower_is_read(suite: Suite) -> None:
    assert ClipLayersDetector.fitting_options(suite).layers == (1, 2, 3)
