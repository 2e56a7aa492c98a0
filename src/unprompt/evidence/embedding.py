"""What an image-only probe looks at: a picture's vector, and no caption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from unprompt.choices import Preprocess
from unprompt.evidence.alignment import Vector
from unprompt.evidence.base import Extractor
from unprompt.evidence.product_cache import ProductCache
from unprompt.evidence.products import PROXY_EMBEDDINGS, Product, picture_embeddings


@dataclass(frozen=True, eq=False)
class EmbeddingEvidence:
    """A picture as one point of the encoder's space, not normalised."""

    image: Vector
    """d float32."""
    proxy: Vector | None = None
    """d float32, of :func:`proxy`'s picture; None where no training asks for it."""


class EmbeddingExtractor(Extractor[EmbeddingEvidence]):
    """I = CLIP(x), of the picture resized or of its native central crop; with ``proxies`` CLIP(proxy(x)) too."""

    roles = ("encoder",)

    def __init__(self, method: str = "clip-probe", preprocess: Preprocess = "resize", proxies: bool = False) -> None:
        self.method, self.preprocess, self.proxies = method, preprocess, proxies

    def products(self) -> Sequence[Product[Any]]:
        own = picture_embeddings(self.preprocess)
        return (own, PROXY_EMBEDDINGS) if self.proxies else (own,)

    def _extract(self, cache: ProductCache) -> list[EmbeddingEvidence]:
        images = cache.picture_embeddings(self.preprocess)
        proxies = cache.proxy_embeddings() if self.proxies else [None] * len(images)
        return [EmbeddingEvidence(*pair) for pair in zip(images, proxies, strict=True)]
