"""The one way in which a picture and all maps of it are cut for a network."""

from __future__ import annotations

import numpy as np

from unprompt.images import resize
from unprompt.types import RGB

CENTRE = (0.5, 0.5)


def window(rgb: RGB, short: int, side: int, place: tuple[float, float] = CENTRE, mirrored: bool = False) -> RGB:
    """Short side -> ``short``, then the side x side x 3 window at ``place`` (down, across; 0 = start, 1 = end).

    The square under the window is cut out first and resized afterwards, so that a ribbon of 1 x 4000 pixels
    costs no more than a square. With ``short`` below ``side`` black surrounds the picture, which lies at ``place``.
    """
    height, width = rgb.shape[:2]
    square = min(height, width)
    top, left = round(place[0] * (height - square)), round(place[1] * (width - square))
    resized = resize(rgb[top : top + square, left : left + square], short, short)
    top, left = (round(share * abs(short - side)) for share in place)
    if short < side:
        cut = np.zeros((side, side, 3), np.uint8)
        cut[top : top + short, left : left + short] = resized
    else:
        cut = resized[top : top + side, left : left + side]
    return cut[:, ::-1] if mirrored else cut
