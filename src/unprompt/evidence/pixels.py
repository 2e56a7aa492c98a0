"""What a detector of pixels looks at: the picture itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from unprompt.evidence.base import PictureExtractor
from unprompt.evidence.product_cache import ProductCache
from unprompt.types import RGB

LOSSLESS: Final = frozenset({"PNG", "WEBP", "GIF", "TIFF", "BMP"})
"""Formats that keep pixels as a generator made them, or may: the two kinds of WebP are not told apart."""


@dataclass(frozen=True, eq=False)
class PixelEvidence:
    """A picture at its native size."""

    picture: RGB
    lossless: bool = False
    """Its file may never have been compressed with loss: for the degradation of training pictures, and for no score."""


class PixelExtractor(PictureExtractor[PixelEvidence]):
    """The pictures as they are."""

    def _extract(self, cache: ProductCache) -> list[PixelEvidence]:
        return [PixelEvidence(picture.rgb, picture.format in LOSSLESS) for picture in cache.pictures]
