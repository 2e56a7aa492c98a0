"""Grey and toned pictures are told from colourful ones, compressed or not."""

from __future__ import annotations

import numpy as np
import pytest

from unprompt.images import encode_jpeg, encode_webp, is_toned, read
from unprompt.images.tone import own_colour
from unprompt.perturbations.toning import TONES
from unprompt.types import RGB


def scene() -> RGB:
    """Patches of many colours and of every lightness."""
    patches = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return patches.repeat(24, axis=0).repeat(24, axis=1)


@pytest.mark.parametrize("tone", [name for name in TONES if name not in ("as it is", "sepia")])
def test_toned_pictures_are_known_in_every_file(tone: str) -> None:
    rgb = TONES[tone](scene(), np.random.default_rng(1))
    assert is_toned(rgb)
    assert is_toned(read(encode_jpeg(rgb, 75), "a").rgb)
    assert is_toned(read(encode_webp(rgb, 80), "a").rgb)


def test_a_scene_keeps_its_colours() -> None:
    assert not is_toned(scene())
    assert own_colour(scene()) > 0.8
    half = scene()
    half[:, half.shape[1] // 4 :] = half[:, half.shape[1] // 4 :].mean(axis=2, keepdims=True)
    assert not is_toned(half)


def test_faint_noise_is_no_colour() -> None:
    noise = np.random.default_rng(0).integers(-3, 4, (128, 128, 3))
    assert is_toned((np.full((128, 128, 3), 128) + noise).astype(np.uint8))


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (3, 2)])
def test_every_size_has_an_answer(size: tuple[int, int]) -> None:
    assert is_toned(np.full((*size, 3), 7, np.uint8))
    assert own_colour(np.full((*size, 3), (250, 0, 0), np.uint8)) == pytest.approx(0, abs=0.01)
