"""What an image-only probe looks at: a picture's vector, and no caption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from unprompt.choices import Preprocess
from unprompt.evidence.alignment import Vector
from unprompt.evidence.base import Extractor
from unprompt.evidence.product_cache import ProductCache
from unprompt.evidence.products import Product, picture_embeddings


@dataclass(frozen=True, eq=False)
class EmbeddingEvidence:
    """A picture as one point of the encoder's space, not normalised."""

    image: Vector
    """d float32."""


class EmbeddingExtractor(Extractor[EmbeddingEvidence]):
    """I = CLIP(x), of the picture resized or of its native central crop."""

    roles = ("encoder",)

    def __init__(self, method: str = "clip-probe", preprocess: Preprocess = "resize") -> None:
        self.method, self.preprocess = method, preprocess

    def products(self) -> Sequence[Product[Any]]:
        return (picture_embeddings(self.preprocess),)

    def _extract(self, cache: ProductCache) -> list[EmbeddingEvidence]:
        return [EmbeddingEvidence(image) for image in cache.picture_embeddings(self.preprocess)]
