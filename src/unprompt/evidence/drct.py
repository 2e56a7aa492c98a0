"""What DRCT learns from: a picture, and the same picture drawn again by a diffusion model, which is a hard fake.

Chen et al., 2024, https://proceedings.mlr.press/v235/chen24ay.html. At inference the picture is enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from unprompt.evidence.base import Extractor
from unprompt.evidence.product_cache import ProductCache
from unprompt.evidence.products import Product, reconstructions
from unprompt.types import RGB


@dataclass(frozen=True, eq=False)
class DrctEvidence:
    """A picture at its native size, and its reconstruction at the diffusion model's working size."""

    picture: RGB
    reconstruction: RGB | None = None
    """None at inference."""


class DrctExtractor(Extractor[DrctEvidence]):
    """The picture, and with ``reconstructed`` its img2img without caption, which dire looks at too."""

    method = "drct"

    def __init__(self, reconstructed: bool = True) -> None:
        self.reconstructed = reconstructed
        self.roles = ("diffusion",) if reconstructed else ()

    def products(self) -> Sequence[Product[Any]]:
        return (reconstructions(guided=False),) if self.reconstructed else ()

    def _extract(self, cache: ProductCache) -> list[DrctEvidence]:
        if not self.reconstructed:
            return [DrctEvidence(picture.rgb) for picture in cache.pictures]
        pairs = zip(cache.pictures, cache.reconstructions(guided=False), strict=True)
        return [DrctEvidence(picture.rgb, reconstruction) for picture, reconstruction in pairs]
