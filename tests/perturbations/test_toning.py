"""Grey and toned pictures, alone and among the degradations of a training picture."""

from __future__ import annotations

import numpy as np
import pytest

from unprompt.perturbations import DegradationPipeline
from unprompt.perturbations.toning import TONES, grey, toned
from unprompt.types import RGB


def picture() -> RGB:
    return np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)


def test_grey_is_the_luma() -> None:
    rgb = picture()
    made = grey(rgb, np.random.default_rng(0))
    luma = 0.299 * rgb[..., 0] + 0.587 * rgb[..., 1] + 0.114 * rgb[..., 2]
    np.testing.assert_allclose(made[..., 0], luma, atol=0.5001)
    assert (made == made[..., :1]).all()


@pytest.mark.parametrize("name", [*TONES])
def test_equal_lightness_gets_equal_colour(name: str) -> None:
    flat = np.full((4, 4, 3), 120, np.uint8)
    made = TONES[name](flat, np.random.default_rng(1))
    assert (made == made[0, 0]).all()


def test_half_of_the_drawn_tones_are_grey() -> None:
    rgb = picture()[:4, :4]
    drawn = [toned(rgb, np.random.default_rng(seed)) for seed in range(400)]
    share = np.mean([(one == one[..., :1]).all() for one in drawn])
    assert 0.4 < share < 0.6


def test_the_pipeline_tones_when_asked_and_draws_nothing_otherwise() -> None:
    quiet = {"shrink": 0, "enlarge": 0, "blur": 0, "mirror": 0, "jpeg": 0, "webp": 0, "history": 0}
    rgb = picture()
    plain = DegradationPipeline(**quiet).apply(rgb, True, np.random.default_rng(3))
    np.testing.assert_array_equal(plain, rgb)
    always = [DegradationPipeline(**quiet, tone=1).apply(rgb, True, np.random.default_rng(seed)) for seed in range(20)]
    assert not any(np.array_equal(one, rgb) for one in always)
    assert any((one == one[..., :1]).all() for one in always)
