"""What a vision tower sees of a picture, after several of its layers: as a whole, and at native resolution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unprompt.evidence.base import Extractor
from unprompt.evidence.product_cache import ProductCache
from unprompt.evidence.products import Product, layer_tokens
from unprompt.instruments.base import Vectors


@dataclass(frozen=True, eq=False)
class LayersEvidence:
    """One or two views of a picture: the whole, and its middle at native resolution where that differs."""

    views: Vectors
    """n x (layers * width): of each view the CLS token after each layer, in order."""


class LayersExtractor(Extractor[LayersEvidence]):
    """The CLS tokens after ``layers``, numbered from 1."""

    roles = ("vision",)

    def __init__(self, method: str, layers: Sequence[int]) -> None:
        self.method, self.layers = method, tuple(layers)

    def options(self) -> Mapping[str, object]:
        return {"layers": list(self.layers)}

    def products(self) -> Sequence[Product[Any]]:
        return (layer_tokens(self.layers),)

    def _extract(self, cache: ProductCache) -> list[LayersEvidence]:
        return [LayersEvidence(views) for views in cache.layer_tokens(self.layers)]
