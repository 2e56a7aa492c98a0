"""What a decoder hands over: the samples as the file holds them, and what is needed to turn them into sRGB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Samples: TypeAlias = npt.NDArray[Any]
Space: TypeAlias = Literal["grey", "RGB", "CMYK", "Lab"]


@dataclass(frozen=True, eq=False)
class Raster:
    """A decoded picture before its colours are converted and before it is turned upright."""

    samples: Samples
    """height x width for grey, height x width x 3 for RGB and Lab (ICC encoding), x 4 for CMYK; uint8 or uint16."""
    space: Space
    width: int
    """Native width in pixels, as stored."""
    height: int
    """Native height in pixels, as stored."""
    alpha: Samples | None = None
    """height x width, as wide as the samples; None = opaque."""
    profile: bytes | None = None
    """The ICC profile that the file brings, or that its other statements of colour come to; None = plain sRGB."""
    orientation: int = 1
    """EXIF orientation that is still to be applied, 1 to 8."""
    quality: int | None = None
    """Estimated JPEG quality, 1 to 100; None for other formats."""
    warnings: tuple[str, ...] = ()


def eight_bits(samples: Samples, most: int = 65535) -> npt.NDArray[np.uint8]:
    """Samples from 0 to ``most`` -> 0 to 255, rounded; 8-bit ones as they are.

    >>> eight_bits(np.array([0, 257, 65535], np.uint16)).tolist(), eight_bits(np.array([0, 1], np.uint16), 1).tolist()
    ([0, 1, 255], [0, 255])
    """
    if samples.dtype == np.uint8:
        return samples
    scaled: npt.NDArray[np.uint8] = ((samples.astype(np.uint32) * 255 + most // 2) // most).astype(np.uint8)
    return scaled
