"""What the vision tower is shown of training pictures."""

from __future__ import annotations

import numpy as np

from unprompt.images import encode_png, read
from unprompt.recipes.photo.tower_views import DRAWS, TowerViews, beside, training_crops
from unprompt.types import Picture

SIDE = 32


def picture(height: int, width: int) -> Picture:
    rgb = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    return read(encode_png(rgb), "noise")


def test_each_draw_gives_the_whole_and_a_crop_of_another_degradation() -> None:
    crops = training_crops(picture(200, 300), SIDE)
    assert [crop.shape for crop in crops] == [(SIDE, SIDE, 3)] * 2 * DRAWS
    assert len({crop.tobytes() for crop in crops}) == len(crops)
    again = training_crops(picture(200, 300), SIDE)
    assert all(np.array_equal(*pair) for pair in zip(crops, again, strict=True))


def test_a_picture_too_small_for_a_crop_of_its_own_is_seen_whole_twice() -> None:
    crops = training_crops(picture(SIDE // 2, 3 * SIDE), SIDE)  # and enlarged by 1.6 at most
    assert all(np.array_equal(whole, crop) for whole, crop in zip(crops[::2], crops[1::2], strict=True))
    assert len({crop.tobytes() for crop in crops}) == DRAWS


def test_an_aligned_picture_is_learned_as_often_as_its_degraded_copies() -> None:
    degraded = TowerViews(np.arange(4, dtype=np.float16).reshape(4, 1, 1), np.arange(4, dtype=np.float16).reshape(4, 1))
    several, single = (
        TowerViews(rows.reshape(-1, 1, 1), rows.reshape(-1, 1))
        for rows in (np.array([8, 9], np.float16), np.array([7], np.float16))
    )
    assert beside(degraded, several).tokens.ravel().tolist() == [0, 1, 2, 3, 8, 9, 8, 9]
    assert beside(degraded, several).embeddings[::2].ravel().tolist() == [0, 2, 8, 8]
    assert beside(degraded, single).tokens.ravel().tolist() == [0, 1, 2, 3, 7, 7, 7, 7]
