"""JPEG through libjpeg-turbo: scans are counted first, and a very large picture is decoded at a smaller scale."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

import numpy as np
from PIL.JpegImagePlugin import JpegImageFile

from unprompt.errors import PictureTooLarge
from unprompt.images.decoders.exif import is_adobe_rgb
from unprompt.images.decoders.pillow import opened, raster_of
from unprompt.images.limits import Limits
from unprompt.images.primaries import adobe_rgb
from unprompt.images.quality import estimate_quality
from unprompt.images.raster import Raster, Samples

SCANS: Final = 100
"""A progressive picture has about ten; each costs as much as decoding the whole."""
_SCALES: Final = (2, 4, 8)
_LARGEST: Final = 10
"""How many times more pixels than the limit a JPEG may have that is decoded at a smaller scale."""
_GREY: Final = 128
"""What libjpeg paints where data are missing."""
_BLOCK: Final = 16
"""Rows of a block of blocks at the usual chroma subsampling."""
_MARKER: Final = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")


def decode_jpeg(data: bytes, uri: str, limits: Limits) -> Raster:
    """Grey, RGB or CMYK of 8 bits.

    Above ``limits.max_pixels`` a baseline picture is decoded at a half, a quarter or an eighth, with a warning: a
    telephone's 200 megapixels fit into memory so. A progressive one would need all its coefficients, and is refused.
    """
    image = opened(JpegImageFile, data)
    width, height = image.size
    warnings: tuple[str, ...] = ()
    if width * height > limits.max_pixels and "progression" not in image.info:
        warnings = _reduce(image, uri, limits)
    limits.check_pixels(*image.size, uri)
    if (scans := _scans(data)) > SCANS:
        raise PictureTooLarge(
            f"{uri}: {scans} scans; at most {SCANS} are decoded, as each costs as much as a picture: export it again"
        )
    image.load()
    raster = raster_of(image)
    if raster.space == "CMYK" and "adobe" not in image.info:
        # Pillow takes every CMYK JPEG for an inverted one, but only those with Adobe's marker are.
        raster = replace(raster, samples=255 - raster.samples)
    elif not warnings and (tail := _grey_tail(raster.samples)):
        warnings = (f"its last {tail} of {height} rows are flat grey, as where a JPEG was cut and closed",)
    if raster.profile is None and raster.space == "RGB" and is_adobe_rgb(image):
        raster = replace(raster, profile=adobe_rgb())
    quality = estimate_quality(image.quantization)
    return replace(raster, width=width, height=height, quality=quality, warnings=warnings)


def _reduce(image: JpegImageFile, uri: str, limits: Limits) -> tuple[str, ...]:
    """Ask libjpeg for the largest scale within the limit; PictureTooLarge where none is."""
    width, height = image.size
    scale = next((one for one in _SCALES if -(-width // one) * -(-height // one) <= limits.max_pixels), None)
    if scale is None or width * height > _LARGEST * limits.max_pixels:
        limits.check_pixels(width, height, uri)
    image.draft(image.mode, (-(-width // scale), -(-height // scale)))  # type: ignore[operator]
    return (
        f"{width} x {height} = {width * height} pixels, more than the {limits.max_pixels} that are decoded: "
        f"judged at 1/{scale} of its size",
    )


def _scans(data: bytes) -> int:
    """How many times the picture is gone over."""
    count, at = 0, 2
    while found := _MARKER.search(data, at):
        marker, at = found[1][0], found.end()
        if marker == 0xD9:
            break
        count += marker == 0xDA
        if marker not in (0x01, 0xD8):
            at += int.from_bytes(data[at : at + 2], "big")
    return count


def _grey_tail(samples: Samples) -> int:
    """Rows at the bottom that are flat grey as a whole, where they fill the last blocks but not the picture."""
    height = len(samples)
    other = (samples != _GREY).reshape(height, -1).any(axis=1)
    tail = int(np.argmax(other[::-1])) if other.any() else 0
    return tail if tail >= (height - 1) % _BLOCK + 1 else 0
