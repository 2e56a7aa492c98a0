"""The kinds of perturbation: each a function of a picture, one value and a seeded generator, and their register.

All take and give height x width x 3 uint8; only ``scale`` changes the size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from unprompt.images import Chroma, Limits, encode_jpeg, read, resize
from unprompt.types import RGB

GREYS: Final = np.arange(256, dtype=np.float64)
Change: TypeAlias = Callable[[RGB, float, np.random.Generator], RGB]


@dataclass(frozen=True)
class Transform:
    """One way of changing a picture, and the values that it takes."""

    change: Change
    low: float
    high: float
    """Both bounds are allowed."""
    meaning: str
    whole: bool = False
    """The value is a whole number."""


def recompressed(rgb: RGB, quality: int, chroma: Chroma = "4:2:0") -> RGB:
    """Written as JPEG and opened again."""
    return read(encode_jpeg(rgb, quality, chroma), "recompressed picture").rgb


def jpeg(rgb: RGB, quality: float, rng: np.random.Generator) -> RGB:
    """JPEG of this quality, 4:2:0."""
    return recompressed(rgb, int(quality))


def blur(rgb: RGB, sigma: float, rng: np.random.Generator) -> RGB:
    """Gaussian blur of standard deviation ``sigma`` pixels, a channel at a time, edges reflected."""
    from scipy.ndimage import gaussian_filter  # Here, since judging a picture blurs none.

    return _levels(gaussian_filter(rgb.astype(np.float32), (sigma, sigma, 0)))


def noise(rgb: RGB, sigma: float, rng: np.random.Generator) -> RGB:
    """Independent Gaussian noise of standard deviation ``sigma`` of the full range [0, 1], on every value."""
    return _levels(rgb + np.float32(255 * sigma) * rng.standard_normal(rgb.shape, np.float32))


def noise_variance(rgb: RGB, variance: float, rng: np.random.Generator) -> RGB:
    """As :func:`noise`, by its variance: the other reading of "sigma = 0.01"."""
    return noise(rgb, math.sqrt(variance), rng)


def scale(rgb: RGB, factor: float, rng: np.random.Generator) -> RGB:
    """Both sides times ``factor``, bicubic; not brought back to the former size."""
    height, width = (max(1, round(side * factor)) for side in rgb.shape[:2])
    Limits().check_pixels(width, height, f"scaled by {factor:g}")
    return resize(rgb, width, height)


def flip(rgb: RGB, count: float, rng: np.random.Generator) -> RGB:
    """``count`` disjoint squares of a quarter of the shorter side, each mirrored left to right.

    Their places are drawn on a grid of such squares whose origin is drawn too; the squares of a smaller count are
    among those of a larger one. A picture with fewer squares than asked for has all of its squares mirrored.
    """
    height, width = rgb.shape[:2]
    side = max(1, min(height, width) // 4)
    rows, columns = height // side, width // side
    top, left = (int(rng.integers(length % side + 1)) for length in (height, width))
    turned = rgb.copy()
    for place in rng.permutation(rows * columns)[: int(count)]:
        y, x = top + side * (place // columns), left + side * (place % columns)
        turned[y : y + side, x : x + side] = rgb[y : y + side, x : x + side][:, ::-1]
    return turned


def rotate(rgb: RGB, degrees: float, rng: np.random.Generator) -> RGB:
    """Turned about the centre, counter-clockwise, bilinear; size kept, corners black."""
    return np.array(Image.fromarray(rgb).rotate(degrees, Image.Resampling.BILINEAR))


def brightness(rgb: RGB, shift: float, rng: np.random.Generator) -> RGB:
    """Every value plus ``shift`` of the full range."""
    return _levels(GREYS + 255 * shift)[rgb]


def contrast(rgb: RGB, factor: float, rng: np.random.Generator) -> RGB:
    """Distance of every value from the picture's mean times ``factor``."""
    mean = rgb.mean()
    return _levels((GREYS - mean) * factor + mean)[rgb]


def dropout(rgb: RGB, cells: float, rng: np.random.Generator) -> RGB:
    """A grid of ``cells`` x ``cells``, a black hole of half its sides in each cell, the grid's origin drawn."""
    height, width = rgb.shape[:2]
    down, across = ((np.arange(side) * cells / side + rng.random()) % 1 < 0.5 for side in (height, width))
    left = rgb.copy()
    left[down[:, None] & across] = 0
    return left


KINDS: Final[Mapping[str, Transform]] = MappingProxyType(
    {
        "jpeg": Transform(jpeg, 1, 100, "JPEG quality", whole=True),
        "blur": Transform(blur, 0.01, 50, "sigma of a Gaussian blur, in pixels"),
        "noise": Transform(noise, 0.0001, 1, "standard deviation of Gaussian noise, of the full range"),
        "noise-variance": Transform(noise_variance, 1e-8, 1, "variance of Gaussian noise, of the full range"),
        "scale": Transform(scale, 0.05, 4, "factor of both sides"),
        "flip": Transform(flip, 1, 16, "number of mirrored squares", whole=True),
        "rotate": Transform(rotate, -180, 180, "degrees, counter-clockwise"),
        "brightness": Transform(brightness, -1, 1, "share of the full range that is added"),
        "contrast": Transform(contrast, 0, 4, "factor of the distance from the mean"),
        "dropout": Transform(dropout, 1, 32, "cells a side of a grid with holes", whole=True),
    }
)
"""Name -> kind. ``jpeg``, ``blur``, ``noise``, ``scale`` and ``flip`` are the papers'; all serve in training too."""


def _levels(values: npt.NDArray[np.floating]) -> RGB:
    return np.asarray(np.rint(values).clip(0, 255), np.uint8)
