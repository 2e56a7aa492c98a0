"""What a detector of pixels looks at: the picture itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from unprompt.evidence.base import Extractor
from unprompt.evidence.bench import Bench
from unprompt.evidence.products import Product
from unprompt.types import RGB

LOSSLESS: Final = frozenset({"PNG", "WEBP", "GIF", "TIFF", "BMP"})
"""Formats that keep pixels as a generator made them, or may: a WebP is not asked which of its two kinds it is."""


@dataclass(frozen=True, eq=False)
class PixelEvidence:
    """A picture at its native size."""

    picture: RGB
    lossless: bool = False
    """Its file may never have been compressed with loss: for the laundering of training pictures, and for no score."""


class PixelExtractor(Extractor[PixelEvidence]):
    """Needs no instrument and stores no product: the pictures themselves are read again."""

    roles: tuple[str, ...] = ()

    def __init__(self, method: str) -> None:
        self.method = method

    def products(self) -> Sequence[Product[Any]]:
        return ()

    def _extract(self, bench: Bench) -> list[PixelEvidence]:
        return [PixelEvidence(picture.rgb, picture.format in LOSSLESS) for picture in bench.pictures]
