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

from unprompt.scenes.camera import CAMERAS, Camera, _demosaiced, photograph
from unprompt.scenes.render import render
from unprompt.scenes.scene import Scene


def opened(data: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(data)))


EACH = pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS)


@given(st.integers(0, 2**40), st.integers(1, 90), st.integers(1, 90), st.sampled_from(list(CAMERAS.values())))
@settings(max_examples=80, deadline=None)
def test_photographs_decode_to_the_same_size(seed: int, height: int, width: int, camera: Camera) -> None:
    picture = np.full((height, width, 3), 120, dtype=np.uint8)
    data = photograph(picture, seed, camera)
    with Image.open(io.BytesIO(data)) as file:
        assert file.format == "JPEG"
        assert file.size == (width, height)
        assert file.mode == "RGB"
        assert not file.getexif()


@EACH
def test_a_seed_means_one_photograph(camera: Camera) -> None:
    picture = render(Scene.sample(1)).picture
    before = picture.copy()
    assert photograph(picture, 5, camera) == photograph(picture, 5, camera)
    assert photograph(picture, 5, camera) != photograph(picture, 6, camera)
    np.testing.assert_array_equal(picture, before)


@EACH
def test_photographs_stay_close_to_the_picture(camera: Camera) -> None:
    for seed in range(20):
        picture = render(Scene.sample(seed)).picture.astype(float)
        taken = opened(photograph(picture.astype(np.uint8), seed, camera)).astype(float)
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


def test_a_phone_leaves_little_of_what_neighbouring_pixels_were() -> None:
    """What a pixel differs from the mean of its four neighbours by, of a picture of noise."""
    noise = np.random.default_rng(0).integers(80, 176, (64, 64, 1), np.uint8).repeat(3, axis=2)

    def roughness(camera: Camera) -> float:
        taken = np.mean([opened(photograph(noise, seed, camera)).mean(axis=2) for seed in range(8)], axis=0)
        inner = taken[1:-1, 1:-1]
        around = (taken[:-2, 1:-1] + taken[2:, 1:-1] + taken[1:-1, :-2] + taken[1:-1, 2:]) / 4
        return float(np.abs(inner - around).mean())

    assert roughness(CAMERAS["phone"]) < 0.8 * roughness(CAMERAS["plain"])


@pytest.mark.parametrize("across", [0, 1])
@pytest.mark.parametrize("down", [0, 1])
def test_demosaicing_keeps_what_was_measured_and_takes_means_between(across: int, down: int) -> None:
    light = np.random.default_rng(1).uniform(0, 255, (6, 8, 3)).astype(np.float32)
    found = _demosaiced(light, across, down)
    for y in range(1, 5):
        for x in range(1, 7):
            red, blue = (y - down) % 2 == 0 and (x - across) % 2 == 0, (y - down) % 2 == 1 and (x - across) % 2 == 1
            own = 0 if red else 2 if blue else 1
            assert found[y, x, own] == light[y, x, own]
            beside = [light[y - 1, x], light[y + 1, x], light[y, x - 1], light[y, x + 1]]
            corners = [light[y - 1, x - 1], light[y - 1, x + 1], light[y + 1, x - 1], light[y + 1, x + 1]]
            if own != 1:
                np.testing.assert_allclose(found[y, x, 1], np.mean([one[1] for one in beside]), rtol=1e-5)
                np.testing.assert_allclose(found[y, x, 2 - own], np.mean([one[2 - own] for one in corners]), rtol=1e-5)
            else:
                level, steep = (0, 2) if (y - down) % 2 == 0 else (2, 0)  # red stands in this row, or in this column
                np.testing.assert_allclose(found[y, x, level], (beside[2][level] + beside[3][level]) / 2, rtol=1e-5)
                np.testing.assert_allclose(found[y, x, steep], (beside[0][steep] + beside[1][steep]) / 2, rtol=1e-5)


@given(st.tuples(*[st.integers(0, 255)] * 3), st.integers(0, 1), st.integers(0, 1))
@settings(max_examples=20, deadline=None)
def test_one_colour_is_left_as_it_is(colour: tuple[int, int, int], across: int, down: int) -> None:
    flat = np.full((5, 4, 3), colour, np.float32)
    np.testing.assert_allclose(_demosaiced(flat, across, down), flat, atol=1e-3)


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
