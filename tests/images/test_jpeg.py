"""JPEG as telephones, cameras and broken downloads write it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from unprompt.errors import PictureTooLarge
from unprompt.images import Limits, read, resize

from .files import save, scene


def scans(count: int) -> bytes:
    """A progressive JPEG that goes over its picture again and again: the last scan, repeated."""
    data = save(scene(64, 48), "JPEG", progressive=True)
    start = data.rindex(b"\xff\xda")
    return data[:start] + data[start:-2] * (count - data.count(b"\xff\xda") + 1) + data[-2:]


def test_many_scans_are_refused_and_some_are_not() -> None:
    assert read(scans(100), "a").rgb.shape == (48, 64, 3)
    with pytest.raises(PictureTooLarge, match=r"^a: 101 scans; at most 100 are decoded, as each costs as much"):
        read(scans(101), "a")


def test_a_thumbnail_in_a_segment_is_no_scan() -> None:
    exif = b"Exif\0\0MM\0*" + b"\xff\xda\0\x08" * 200
    assert read(save(scene(), "JPEG", exif=exif), "a").rgb.shape == (16, 24, 3)


@pytest.mark.parametrize(("limit", "scale"), [(23_999, 2), (6000, 2), (5999, 4)])
def test_a_picture_above_the_limit_is_judged_smaller(limit: int, scale: int) -> None:
    whole = scene(200, 120)
    picture = read(save(whole, "JPEG"), "a", Limits(max_pixels=limit))
    assert picture.rgb.shape == (120 // scale, 200 // scale, 3)
    assert (picture.width, picture.height) == (200, 120)
    assert np.abs(picture.rgb.astype(int) - resize(whole, 200 // scale, 120 // scale)).mean() < 3
    assert picture.warnings == (
        f"200 x 120 = 24000 pixels, more than the {limit} that are decoded: judged at 1/{scale} of its size",
    )


def test_a_progressive_picture_above_the_limit_is_refused() -> None:
    with pytest.raises(PictureTooLarge, match="a: the header says 200 x 120 = 24000 pixels; at most 12000 are opened"):
        read(save(scene(200, 120), "JPEG", progressive=True), "a", Limits(max_pixels=12_000))


def test_a_picture_more_than_ten_times_the_limit_is_refused() -> None:
    with pytest.raises(PictureTooLarge, match="a: the header says 200 x 120 = 24000 pixels; at most 2000 are opened"):
        read(save(scene(200, 120), "JPEG"), "a", Limits(max_pixels=2000))


def noise(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_a_picture_that_was_cut_and_closed_gets_a_warning(share: float) -> None:
    data = save(noise(160, 160), "JPEG")
    picture = read(data[: int(share * len(data))] + b"\xff\xd9", "a")
    grey = int((picture.rgb == 128).all(axis=(1, 2))[::-1].argmin())
    assert grey > 16
    assert picture.warnings == (f"its last {grey} of 160 rows are flat grey, as where a JPEG was cut and closed",)


@pytest.mark.parametrize("height", [150, 160])
def test_a_whole_picture_gets_none(height: int) -> None:
    assert read(save(noise(160, height), "JPEG"), "a").warnings == ()


def test_a_grey_picture_as_a_whole_gets_none() -> None:
    assert read(save(np.full((64, 64, 3), 128, np.uint8), "JPEG"), "a").warnings == ()


def test_ink_without_adobes_marker_comes_out_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = save(Image.fromarray(scene()).convert("CMYK"), "JPEG", exif=exif)
    start = data.index(b"\xff\xee")
    plain = data[:start] + data[start + 2 + int.from_bytes(data[start + 2 : start + 4]) :]
    assert b"Adobe" not in plain
    assert read(plain, "a").rgb.shape == read(data, "a").rgb.shape == (24, 16, 3)
