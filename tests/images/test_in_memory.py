"""Pixels that are in memory already: the same picture as the file that holds them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from unprompt.errors import PictureTooLarge, UnreadablePicture
from unprompt.images import Limits, encode_png, from_array, from_image, read

GRAIN = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)


def test_an_array_is_the_picture_of_its_png() -> None:
    made, file = from_array(GRAIN, "grain"), read(encode_png(GRAIN), "grain.png")
    assert (made.pixels, made.width, made.height) == (file.pixels, 40, 30)
    assert (made.sha256, made.format, made.quality) == ("", "", None)


def test_an_array_is_copied() -> None:
    grain = GRAIN.copy()
    made = from_array(grain, "grain")
    grain[:] = 0
    assert np.array_equal(made.rgb, GRAIN)


@pytest.mark.parametrize(
    ("array", "got"),
    [
        (GRAIN / 255, r"float64 of shape \(30, 40, 3\)"),
        (GRAIN[..., 0], r"uint8 of shape \(30, 40\)"),
        (np.zeros((30, 40, 4), np.uint8), r"uint8 of shape \(30, 40, 4\)"),
        (np.zeros((0, 40, 3), np.uint8), r"uint8 of shape \(0, 40, 3\)"),
    ],
)
def test_other_arrays_are_refused(array: np.ndarray, got: str) -> None:
    with pytest.raises(UnreadablePicture, match=f"<array 1>: got an array of {got}; expected uint8 of H x W x 3"):
        from_array(array, "<array 1>")


def test_limits_hold_in_memory_too() -> None:
    with pytest.raises(PictureTooLarge, match="it: the header says 40 x 30 = 1200 pixels"):
        from_array(GRAIN, "it", Limits(1199))
    with pytest.raises(PictureTooLarge, match="it: the header says 4 x 3 = 12 pixels"):
        from_image(Image.new("L", (4, 3)), "it", Limits(11))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_an_image_is_the_picture_of_its_file(mode: str) -> None:
    image = Image.fromarray(GRAIN)
    image = (image.convert("L") if mode == "I;16" else image).convert(mode)
    file = io.BytesIO()
    image.save(file, "TIFF" if mode == "CMYK" else "PNG")
    made = from_image(image, "it")
    assert np.abs(made.rgb.astype(int) - read(file.getvalue(), "it").rgb).max() <= 1
    assert (made.sha256, made.format) == ("", "")


def test_orientation_and_profile_are_honoured() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    file = io.BytesIO()
    Image.fromarray(GRAIN).save(file, "PNG", exif=exif, icc_profile=profile)
    made = from_image(Image.open(file), "it")
    assert made.rgb.shape == (40, 30, 3)
    assert (made.width, made.height) == (40, 30)
    assert made.pixels == read(file.getvalue(), "it").pixels


def test_what_pillow_cannot_go_on_reading_is_unreadable() -> None:
    file = io.BytesIO()
    Image.fromarray(GRAIN).save(file, "JPEG")
    cut = Image.open(io.BytesIO(file.getvalue()[:900]))
    with pytest.raises(UnreadablePicture, match="of mode RGB and 40 x 30 pixels gives none: image file is truncated"):
        from_image(cut, "it")
    with pytest.raises(UnreadablePicture, match="mode F and 4 x 3 pixels gives none: pixels of mode F"):
        from_image(Image.new("F", (4, 3)), "it")
