"""Photographs are JPEG files of the picture's size, seeded, and close to what was there."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from PIL.JpegImagePlugin import get_sampling

from unprompt.scenes.camera import photograph
from unprompt.scenes.render import render
from unprompt.scenes.scene import Scene


def opened(data: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(data)))


@given(st.integers(0, 2**40), st.integers(8, 90), st.integers(8, 90))
@settings(max_examples=40, deadline=None)
def test_photographs_decode_to_the_same_size(seed: int, height: int, width: int) -> None:
    picture = np.full((height, width, 3), 120, dtype=np.uint8)
    data = photograph(picture, seed)
    with Image.open(io.BytesIO(data)) as file:
        assert file.format == "JPEG"
        assert file.size == (width, height)
        assert file.mode == "RGB"
        assert not file.getexif()


def test_a_seed_means_one_photograph() -> None:
    picture = render(Scene.sample(1)).picture
    before = picture.copy()
    assert photograph(picture, 5) == photograph(picture, 5)
    assert photograph(picture, 5) != photograph(picture, 6)
    np.testing.assert_array_equal(picture, before)


def test_photographs_stay_close_to_the_picture() -> None:
    for seed in range(20):
        picture = render(Scene.sample(seed)).picture.astype(float)
        taken = opened(photograph(picture.astype(np.uint8), seed)).astype(float)
        assert np.abs(taken.mean(axis=(0, 1)) - picture.mean(axis=(0, 1))).max() < 14
        assert np.abs(taken - picture).mean() < 25


def test_noise_grows_with_the_light() -> None:
    def noise(level: int) -> float:
        flat = np.full((64, 64, 3), level, dtype=np.uint8)
        return float(np.mean([opened(photograph(flat, seed)).std(axis=(0, 1)) for seed in range(30)]))

    assert 0.5 < noise(40) < noise(200) < 5


def test_both_subsamplings_and_many_qualities_occur() -> None:
    picture = render(Scene.sample(2)).picture
    samplings, tables = set(), set()
    for seed in range(120):
        with Image.open(io.BytesIO(photograph(picture, seed))) as file:
            samplings.add(get_sampling(file))
            tables.add(tuple(file.quantization[0]))
    assert samplings == {0, 2}
    assert len(tables) == 12


@pytest.mark.parametrize(
    ("picture", "got"),
    [
        (np.zeros((4, 4), np.uint8), r"uint8 \(4, 4\)"),
        (np.zeros((4, 4, 4), np.uint8), r"uint8 \(4, 4, 4\)"),
        (np.zeros((4, 4, 3), np.float32), r"float32 \(4, 4, 3\)"),
    ],
)
def test_other_arrays_are_refused(picture: NDArray[np.uint8], got: str) -> None:
    with pytest.raises(ValueError, match=f"expected uint8 H x W x 3, got {got}"):
        photograph(picture, 0)
