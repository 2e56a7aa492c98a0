"""The one way in which a picture and all maps of it are cut for a network."""

from __future__ import annotations

import math

from unprompt.choices import Preprocess
from unprompt.detectors.options import CropOptions
from unprompt.images import crop_at, resize
from unprompt.perturbations import AugmentationSample
from unprompt.types import RGB

CENTRE = (0.5, 0.5)
UNCHANGED = AugmentationSample()


def cut(rgb: RGB, options: CropOptions, preprocess: Preprocess, sample: AugmentationSample = UNCHANGED) -> RGB:
    """crop x crop x 3 of a picture under one policy; ``sample`` moves, scales and mirrors it for training."""
    place, mirrored = sample.place, sample.mirrored
    if preprocess == "crop":
        return native_window(rgb, options.crop, sample.scale, place, mirrored)
    return window(rgb, max(1, round(options.resize * sample.scale)), options.crop, place, mirrored)


def window(rgb: RGB, short: int, side: int, place: tuple[float, float] = CENTRE, mirrored: bool = False) -> RGB:
    """Short side -> ``short``, then the side x side x 3 window at ``place`` (down, across; 0 = start, 1 = end).

    The square under the window is cut out first and resized afterwards, so that a ribbon of 1 x 4000 pixels
    costs no more than a square. With ``short`` below ``side`` black surrounds the picture, which lies at ``place``.
    """
    resized = resize(crop_at(rgb, min(rgb.shape[:2]), place), short, short)
    return _turned(crop_at(resized, side, place), mirrored)


def native_window(
    rgb: RGB, side: int, scale: float = 1.0, place: tuple[float, float] = CENTRE, mirrored: bool = False
) -> RGB:
    """The side x side x 3 window at ``place`` of the picture as it is, or ``scale`` times as large.

    Only what lies under the window is resized. Black surrounds a picture that is smaller, which lies at ``place``.
    """
    under = math.ceil(side / scale)
    top, left = (round(share * max(0, length - under)) for share, length in zip(place, rgb.shape[:2], strict=True))
    part = rgb[top : top + under, left : left + under]
    height, width = (max(1, round(length * scale)) for length in part.shape[:2])
    return _turned(crop_at(resize(part, width, height), side, place), mirrored)


def _turned(rgb: RGB, mirrored: bool) -> RGB:
    return rgb[:, ::-1] if mirrored else rgb
