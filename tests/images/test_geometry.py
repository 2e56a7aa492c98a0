"""Sizes and crops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unprompt.images import centre_crop, centre_square, crop_at, cut_out, fit_long, fit_short, resize
from unprompt.types import Box

from .files import scene

SIDES = st.integers(1, 90)
SHARES = st.floats(0, 1, width=32)


@given(width=SIDES, height=SIDES, across=st.tuples(SHARES, SHARES), down=st.tuples(SHARES, SHARES))
def test_what_a_box_cuts_out_is_the_pixels_that_it_touches(
    width: int, height: int, across: tuple[float, float], down: tuple[float, float]
) -> None:
    (left, right), (top, bottom) = sorted(across), sorted(down)
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[..., 0], rgb[..., 1] = np.arange(width), np.arange(height)[:, None]
    crop = cut_out(rgb, Box("a ball", left, top, right, bottom, 0.5))
    columns, rows = crop[0, :, 0].tolist(), crop[:, 0, 1].tolist()
    for found, low, high, side in ((columns, left, right, width), (rows, top, bottom, height)):
        touched = [pixel for pixel in range(side) if pixel < high * side and pixel + 1 > low * side]
        assert found == touched or (low == high and len(found) == 1)


def test_resize_keeps_what_fits_already() -> None:
    assert resize(scene(), 24, 16) is not None
    assert np.array_equal(resize(scene(), 24, 16), scene())


def test_shrinking_does_not_alias() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    small = resize(stripes, 8, 8)
    assert small.shape == (8, 8, 3)
    assert np.abs(small.astype(int) - 127).max() < 12


@given(width=SIDES, height=SIDES, side=SIDES)
@settings(max_examples=60, deadline=None)
def test_the_chosen_side_fits(width: int, height: int, side: int) -> None:
    rgb = scene(width, height)
    long, short = fit_long(rgb, side).shape[:2], fit_short(rgb, side).shape[:2]
    assert max(long) == side
    assert min(long) >= 1
    assert min(short) == side


def test_a_ribbon_never_vanishes() -> None:
    assert fit_long(scene(3000, 5), 224).shape == (1, 224, 3)
    assert fit_long(scene(1, 4000), 64).shape == (64, 1, 3)
    assert fit_short(scene(30, 1), 4).shape == (4, 120, 3)


def test_crop_is_the_middle() -> None:
    assert np.array_equal(centre_crop(scene(24, 16), 8), scene(24, 16)[4:12, 8:16])
    assert np.array_equal(centre_crop(scene(7, 5), 4), scene(7, 5)[0:4, 1:5])


def test_crop_repeats_edges_of_a_smaller_picture() -> None:
    crop = centre_crop(scene(3, 2), 7)
    assert crop.shape == (7, 7, 3)
    assert np.array_equal(crop, np.pad(scene(3, 2), [(2, 3), (2, 2), (0, 0)], mode="edge"))


@given(width=SIDES, height=SIDES, side=SIDES)
@settings(max_examples=100, deadline=None)
def test_centre_square_is_fit_and_crop(width: int, height: int, side: int) -> None:
    rgb = scene(width, height)
    expected = centre_crop(fit_short(rgb, side), side)
    assert np.abs(centre_square(rgb, side).astype(int) - expected).max() <= 2  # the box is cut in fractions of a pixel


@pytest.mark.parametrize(("width", "height"), [(1, 4000), (4000, 1), (100_000, 2)])
def test_centre_square_of_a_ribbon(width: int, height: int) -> None:
    assert centre_square(scene(width, height), 224).shape == (224, 224, 3)


@given(width=st.integers(1, 40), height=st.integers(1, 40), side=st.integers(1, 40), place=st.tuples(SHARES, SHARES))
@settings(max_examples=60, deadline=None)
def test_a_crop_takes_pixels_as_they_are_and_black_where_there_are_none(
    width: int, height: int, side: int, place: tuple[float, float]
) -> None:
    rgb = np.random.default_rng(0).integers(1, 256, (height, width, 3), dtype=np.uint8)
    expected = np.zeros((side, side, 3), np.uint8)
    top, left = (round(share * (length - side)) for share, length in zip(place, (height, width), strict=True))
    for y in range(max(0, top), min(height, top + side)):
        for x in range(max(0, left), min(width, left + side)):
            expected[y - top, x - left] = rgb[y, x]
    np.testing.assert_array_equal(crop_at(rgb, side, place), expected)
