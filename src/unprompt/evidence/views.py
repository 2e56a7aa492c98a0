"""How a tower of one small size is shown a picture: as a whole, and at native resolution."""

from __future__ import annotations

from typing import Final

import numpy as np

from unprompt.images import centre_square, fit_long
from unprompt.types import RGB

LONGEST: Final = 1600
"""Longer side, in pixels, above which native resolution is that of a picture made smaller."""
VERSION: Final = 2
"""Version of what is shown: raised when a tower is shown something else."""
APART: Final = 1.25
"""Short side, in sides of the tower's crop, from which the middle at native resolution shows something else."""


def native(rgb: RGB) -> RGB:
    """The picture at its native size, or made smaller to a longer side of LONGEST: 12 megapixels hold little more."""
    return fit_long(rgb, LONGEST) if max(rgb.shape[:2]) > LONGEST else rgb


def views(rgb: RGB, side: int) -> list[RGB]:
    """One or two crops of side x side: the whole made smaller, and the middle as it is."""
    whole, seen = centre_square(rgb, side), native(rgb)
    short = min(seen.shape[:2])
    if short < APART * side:
        return [whole]
    top, left = (seen.shape[0] - side) // 2, (seen.shape[1] - side) // 2
    return [whole, np.ascontiguousarray(seen[top : top + side, left : left + side])]
