"""Sizes and crops of :data:`~unprompt.types.RGB` pictures, the same for every instrument.

All resampling is Pillow's bicubic, whose kernel widens when it shrinks (no aliasing). A picture that has
the wanted size already comes back unchanged.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from unprompt.types import RGB, Box


def resize(rgb: RGB, width: int, height: int) -> RGB:
    """height x width x 3.

    >>> resize(np.zeros((2, 3, 3), np.uint8), width=6, height=4).shape
    (4, 6, 3)
    """
    if rgb.shape[:2] == (height, width):
        return rgb
    return np.array(Image.fromarray(rgb).resize((width, height), Image.Resampling.BICUBIC))


def fit_long(rgb: RGB, side: int) -> RGB:
    """The longer side becomes ``side``, the other follows and is never below 1 pixel."""
    return resize(rgb, *long_size(rgb, side))


def long_size(rgb: RGB, side: int) -> tuple[int, int]:
    """Width and height that ``fit_long`` gives a picture.

    >>> long_size(np.zeros((30, 40, 3), np.uint8), side=512)
    (512, 384)
    """
    height, width = rgb.shape[:2]
    return _scaled(width, height, side, max(width, height))


def fit_short(rgb: RGB, side: int) -> RGB:
    """The shorter side becomes ``side``, the other follows: a ribbon of 1 x 4000 grows to side x 4000 side."""
    height, width = rgb.shape[:2]
    return resize(rgb, *_scaled(width, height, side, min(width, height)))


def centre_crop(rgb: RGB, side: int) -> RGB:
    """The middle, side x side x 3; where the picture is smaller its edge pixels are repeated."""
    height, width = rgb.shape[:2]
    top, left = max(0, height - side) // 2, max(0, width - side) // 2
    crop = rgb[top : top + side, left : left + side]
    lacking = [side - length for length in crop.shape[:2]]
    margins = [(lack // 2, lack - lack // 2) for lack in lacking]
    return np.pad(crop, [*margins, (0, 0)], mode="edge")


def crop_at(rgb: RGB, side: int, place: tuple[float, float] = (0.5, 0.5)) -> RGB:
    """The side x side x 3 window at ``place`` (down, across; 0 = start, 1 = end), nothing resized.

    A picture that is smaller lies at ``place`` in black, as in torchvision's crops, UnivFD's code and DRCT's.
    """
    down, across = (round(share * abs(length - side)) for share, length in zip(place, rgb.shape[:2], strict=True))
    height, width = rgb.shape[:2]
    top, left = (down if height > side else 0), (across if width > side else 0)
    part = rgb[top : top + side, left : left + side]
    if part.shape[:2] == (side, side):
        return part
    cut = np.zeros((side, side, 3), np.uint8)
    top, left = (down if height < side else 0), (across if width < side else 0)
    cut[top : top + part.shape[0], left : left + part.shape[1]] = part
    return cut


def centre_square(rgb: RGB, side: int) -> RGB:
    """``centre_crop(fit_short(rgb, side), side)`` without making the part of a ribbon that the crop drops."""
    height, width = rgb.shape[:2]
    wide, high = _scaled(width, height, side, min(width, height))
    if (wide, high) == (width, height):
        return centre_crop(rgb, side)
    left, top = (wide - side) // 2, (high - side) // 2
    across, down = width / wide, height / high
    box = (left * across, top * down, (left + side) * across, (top + side) * down)
    return np.array(Image.fromarray(rgb).resize((side, side), Image.Resampling.BICUBIC, box=box))


def cut_out(rgb: RGB, box: Box) -> RGB:
    """The whole pixels that a box touches: at least one, at most the picture.

    >>> cut_out(np.zeros((10, 20, 3), np.uint8), Box("a ball", 0.5, 0.0, 0.96, 0.21, score=0.9)).shape
    (3, 10, 3)
    """
    height, width = rgb.shape[:2]
    left, top = min(math.floor(box.left * width), width - 1), min(math.floor(box.top * height), height - 1)
    right, bottom = math.ceil(box.right * width), math.ceil(box.bottom * height)
    return rgb[top : max(bottom, top + 1), left : max(right, left + 1)]


def _scaled(width: int, height: int, side: int, measured: int) -> tuple[int, int]:
    """Width and height times side / measured, rounded, at least 1."""
    wide, high = ((2 * length * side + measured) // (2 * measured) for length in (width, height))
    return max(1, wide), max(1, high)
