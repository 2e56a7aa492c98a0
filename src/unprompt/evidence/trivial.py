"""What the trivial baselines look at: where one of these suffices, the data are too easy."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from unprompt.evidence.alignment import Vector
from unprompt.evidence.base import PictureExtractor
from unprompt.evidence.product_cache import ProductCache
from unprompt.images import resize
from unprompt.types import RGB, Picture

KNOWN_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP")
"""Those of the one-hot code, which heads were trained on; any other format has zeros."""
THUMBNAIL = 8
FLOOR = 1e-3
"""Least mean square counted, in grey levels squared: a flat picture has no logarithm."""


@dataclass(frozen=True, eq=False)
class TrivialEvidence:
    """Three descriptions of one picture that know nothing of its content."""

    energy: Vector
    """1 float32: see :func:`high_frequency_energy`."""
    thumbnail: Vector
    """192 float32 in [0, 1]: the picture at 8 x 8 x 3."""
    metadata: Vector
    """4 + number of known formats float32: see :func:`metadata`."""


def high_frequency_energy(rgb: RGB) -> float:
    """Logarithm of the mean squared difference between neighbouring grey pixels, down and across."""
    grey = rgb.astype(np.float32).mean(axis=2)
    steps = np.concatenate([np.diff(grey, axis=axis).ravel() for axis in (0, 1)])
    return math.log(FLOOR + float(np.square(steps).sum()) / max(1, steps.size))


def metadata(picture: Picture) -> Vector:
    """Logarithms of width and height, their difference, JPEG quality / 100 (0 if none), one-hot format."""
    wide, high = math.log(picture.width), math.log(picture.height)
    one_hot = [float(picture.format == name) for name in KNOWN_FORMATS]
    return np.array([wide, high, wide - high, (picture.quality or 0) / 100, *one_hot], np.float32)


class TrivialExtractor(PictureExtractor[TrivialEvidence]):
    """All three descriptions."""

    of_files = True

    def _extract(self, cache: ProductCache) -> list[TrivialEvidence]:
        return [_described(picture) for picture in cache.pictures]


def _described(picture: Picture) -> TrivialEvidence:
    small = resize(picture.rgb, THUMBNAIL, THUMBNAIL).astype(np.float32).ravel() / np.float32(255)
    energy = np.array([high_frequency_energy(picture.rgb)], np.float32)
    return TrivialEvidence(energy, small, metadata(picture))
