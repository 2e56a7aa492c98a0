"""Does a picture have colours of its own, or is it grey or toned: sepia, cyanotype, duotone?"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from unprompt.types import RGB

Floats: TypeAlias = npt.NDArray[np.float64]

SIDE: Final = 32
"""Cells along the longer side: averages take away what compression does to colour."""
KNOTS: Final = 17
"""Of the curve from dark to light, 16 grey levels apart."""
RIDGE: Final = 1e-3
FAINT: Final = 8.0
"""Colour, in levels from grey, below which what is left of it is compared with this instead: a file's noise."""
OWN: Final = 0.085
"""Share of a picture's colour that a tone leaves unexplained at most."""
# JPEG's luma, blue and red difference: ITU-T T.871.
_YCC: Final = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])


def is_toned(rgb: RGB) -> bool:
    """Whether the colour of every part follows from how light it is, as in a grey, tinted or duotone picture.

    A scene that has one colour by nature, such as fog, a page or a flame, is so too.
    """
    return own_colour(rgb) <= OWN


def own_colour(rgb: RGB) -> float:
    """What lightness does not tell of the colour: the root mean square of the rest over that of all colour, >= 0.

    Chroma (Cb, Cr) of H x W x 3 pixels, averaged in cells, is fitted by one piecewise linear function of luma.

    >>> own_colour(np.full((9, 9, 3), 128, np.uint8))
    0.0
    """
    luma, chroma = _cells(rgb)
    basis = _hats(luma)
    curve = np.linalg.solve(basis.T @ basis + RIDGE * np.eye(KNOTS), basis.T @ chroma)
    return _size(chroma - basis @ curve) / max(_size(chroma), FAINT)


def _cells(rgb: RGB) -> tuple[Floats, Floats]:
    """N lumas and N x 2 chromas of cells that are 2 x 2 pixels at least, where the picture has so many."""
    height, width = rgb.shape[:2]
    scale = min(0.5, SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BOX), np.float64)
    turned = small.reshape(-1, 3) @ _YCC.T
    return turned[:, 0], np.where(np.abs(turned[:, 1:]) < 1e-3, 0, turned[:, 1:])


def _hats(luma: Floats) -> Floats:
    """N x knots weights of the two knots around each luma."""
    places = luma / 255 * (KNOTS - 1)
    return np.asarray(np.maximum(0, 1 - np.abs(places[:, None] - np.arange(KNOTS))))


def _size(chroma: Floats) -> float:
    return float(np.sqrt(np.square(chroma).sum(axis=1).mean()))
