"""What an image-only probe looks at: a picture's vector, and no caption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from unprompt.evidence.alignment import Vector
from unprompt.evidence.base import Extractor
from unprompt.evidence.product_cache import ProductCache
from unprompt.evidence.products import PICTURE_EMBEDDINGS, Product


@dataclass(frozen=True, eq=False)
class EmbeddingEvidence:
    """A picture as one point of the encoder's space, not normalised."""

    image: Vector
    """d float32."""


class EmbeddingExtractor(Extractor[EmbeddingEvidence]):
    """I = CLIP(x)."""

    roles = ("encoder",)

    def __init__(self, method: str = "clip-probe") -> None:
        self.method = method

    def products(self) -> Sequence[Product[Any]]:
        return (PICTURE_EMBEDDINGS,)

    def _extract(self, cache: ProductCache) -> list[EmbeddingEvidence]:
        return [EmbeddingEvidence(image) for image in cache.picture_embeddings()]
