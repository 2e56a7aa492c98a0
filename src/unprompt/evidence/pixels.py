"""What a detector of pixels looks at: the picture itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from unprompt.evidence.base import Extractor
from unprompt.evidence.bench import Bench
from unprompt.evidence.products import Product
from unprompt.types import RGB


@dataclass(frozen=True, eq=False)
class PixelEvidence:
    """A picture at its native size."""

    picture: RGB


class PixelExtractor(Extractor[PixelEvidence]):
    """Needs no instrument and stores no product: the pictures themselves are read again."""

    roles: tuple[str, ...] = ()

    def __init__(self, method: str) -> None:
        self.method = method

    def products(self) -> Sequence[Product[Any]]:
        return ()

    def _extract(self, bench: Bench) -> list[PixelEvidence]:
        return [PixelEvidence(picture.rgb) for picture in bench.pictures]
