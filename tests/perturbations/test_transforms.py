"""Each kind against an independent computation, and what all kinds keep."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from unprompt.errors import OptionError, PictureTooLarge
from unprompt.images import encode_jpeg, estimate_quality, resize
from unprompt.perturbations import KINDS, Perturbation
from unprompt.types import RGB

EXAMPLES = {
    "jpeg": 50,
    "blur": 1.5,
    "noise": 0.02,
    "noise-variance": 0.001,
    "scale": 0.75,
    "flip": 3,
    "rotate": 7,
    "brightness": 0.1,
    "contrast": 1.3,
    "dropout": 5,
}


def change(name: str, value: float, rgb: RGB, seed: int = 0) -> RGB:
    return Perturbation(name, value)(rgb, np.random.default_rng(seed))


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_changes_a_copy_and_is_repeatable(name: str, rgb: RGB) -> None:
    before = rgb.copy()
    made = change(name, EXAMPLES[name], rgb)
    np.testing.assert_array_equal(rgb, before)
    assert (made.dtype, made.ndim, made.shape[2]) == (np.uint8, 3, 3)
    assert made.shape == rgb.shape or name == "scale"
    assert made.shape != rgb.shape or (made != rgb).any()
    np.testing.assert_array_equal(change(name, EXAMPLES[name], rgb), made)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 2), (5, 3)])
def test_a_kind_takes_tiny_pictures(name: str, size: tuple[int, int]) -> None:
    made = change(name, EXAMPLES[name], np.full((*size, 3), 90, np.uint8))
    assert made.dtype == np.uint8
    assert min(made.shape) >= 1


@pytest.mark.parametrize("name", KINDS)
def test_the_bounds_themselves_work(name: str, rgb: RGB) -> None:
    for value in (KINDS[name].low, KINDS[name].high):
        assert change(name, value, rgb[:20, :20]).dtype == np.uint8


def test_jpeg_is_pillows_at_that_quality(rgb: RGB) -> None:
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=40)
    np.testing.assert_array_equal(change("jpeg", 40, rgb), np.array(Image.open(file)))
    with Image.open(io.BytesIO(encode_jpeg(rgb, 40))) as image:
        assert estimate_quality(image.quantization) == 40  # type: ignore[attr-defined]
        assert image.layer[0][1:3] == (2, 2)  # type: ignore[attr-defined]


def test_jpeg_has_limits(rgb: RGB) -> None:
    with pytest.raises(PictureTooLarge, match="1 x 65501 pixels; JPEG takes at most 65500"):
        change("jpeg", 90, np.zeros((65501, 1, 3), np.uint8))
    with pytest.raises(OptionError, match="the JPEG quality is 0; expected 1 to 100"):
        encode_jpeg(rgb, 0)


@pytest.mark.parametrize("sigma", [1, 2, 3])
def test_blur_is_a_separable_gaussian(sigma: int, rgb: RGB) -> None:
    reach = np.arange(-4 * sigma, 4 * sigma + 1)
    kernel = np.exp(-(reach**2) / (2 * sigma**2))
    kernel /= kernel.sum()
    padded = np.pad(rgb.astype(float), [(4 * sigma,) * 2, (4 * sigma,) * 2, (0, 0)], mode="symmetric")
    rows = sum(w * padded[i : i + 60] for i, w in enumerate(kernel))
    expected = sum(w * rows[:, i : i + 90] for i, w in enumerate(kernel))
    assert np.abs(change("blur", sigma, rgb) - expected).max() <= 0.51


def test_noise_has_the_stated_deviation() -> None:
    grey = np.full((400, 400, 3), 128, np.uint8)
    drawn = change("noise", 0.05, grey).astype(float) - 128
    assert drawn.std() == pytest.approx(0.05 * 255, rel=0.01)
    assert drawn.mean() == pytest.approx(0, abs=0.1)
    assert np.corrcoef(drawn[..., 0].ravel(), drawn[..., 1].ravel())[0, 1] == pytest.approx(0, abs=0.01)
    np.testing.assert_array_equal(change("noise-variance", 0.0025, grey), change("noise", 0.05, grey))
    assert 0.03 < (change("noise", 0.001, grey) != 128).mean() < 0.07  # P(|N(0, 0.255)| > 0.5) = 0.05


def test_scale_resizes_and_leaves_it_there(rgb: RGB) -> None:
    np.testing.assert_array_equal(change("scale", 0.75, rgb), resize(rgb, 68, 45))
    assert change("scale", 1.25, rgb).shape == (75, 112, 3)
    with pytest.raises(PictureTooLarge, match=r"scaled by 4: .* 40000 x 4000 = 160000000 pixels"):
        change("scale", 4, np.zeros((1000, 10000, 3), np.uint8))


@pytest.mark.parametrize("count", [3, 6])
def test_flips_are_disjoint_squares_of_a_quarter_side(count: int, rgb: RGB) -> None:
    for seed in range(20):
        made = change("flip", count, rgb, seed)
        changed = (made != rgb).any(2)
        assert changed.sum() <= count * 15 * 15
        assert changed.sum() > 0.9 * count * 15 * 14  # the grain seldom mirrors onto itself
        # every changed pixel holds the one mirrored within a window of 15: its column plus its source's is constant
        top, left = (int(np.random.default_rng(seed).integers(1)) for _ in range(2))
        for y in range(top, 60 - 14, 15):
            for x in range(left, 90 - 14, 15):
                cell, before = made[y : y + 15, x : x + 15], rgb[y : y + 15, x : x + 15]
                assert (cell == before).all() or (cell == before[:, ::-1]).all()


def test_fewer_flips_are_among_more(rgb: RGB) -> None:
    three, six = ((change("flip", n, rgb, 5) != rgb).any(2) for n in (3, 6))
    assert (three <= six).all()


def test_all_squares_at_most() -> None:
    tiny = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    np.testing.assert_array_equal(change("flip", 6, tiny), tiny)  # squares of one pixel


def test_rotation_keeps_the_size_and_blackens_the_corners() -> None:
    white = np.full((41, 41, 3), 255, np.uint8)
    white[20, 30] = 0
    turned = change("rotate", 90, white)
    assert tuple(turned[10, 20]) == (0, 0, 0)  # counter-clockwise: right goes up
    assert tuple(change("rotate", 45, white)[0, 0]) == (0, 0, 0)


def test_light(rgb: RGB) -> None:
    grey = np.array([[[0, 100, 200]]], np.uint8)
    np.testing.assert_array_equal(change("brightness", 0.2, grey), [[[51, 151, 251]]])
    np.testing.assert_array_equal(change("brightness", -0.5, grey), [[[0, 0, 72]]])
    np.testing.assert_array_equal(change("contrast", 0.5, grey), [[[50, 100, 150]]])


def test_dropout_cuts_a_quarter_in_a_grid() -> None:
    white = np.full((120, 80, 3), 255, np.uint8)
    for seed in range(5):
        hole = change("dropout", 4, white, seed)[..., 0] == 0
        assert hole.sum() == 120 * 80 // 4
        np.testing.assert_array_equal(hole, hole.any(1)[:, None] & hole.any(0))
        assert np.abs(np.diff(hole.any(1).astype(int))).sum() in (7, 8)
