"""What a panel looks at: the evidence of each of its members, from one product cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unprompt.evidence.base import Extractor
from unprompt.evidence.product_cache import ProductCache
from unprompt.evidence.products import Product


@dataclass(frozen=True, eq=False)
class JointEvidence:
    """One picture's evidence under several methods."""

    by_method: Mapping[str, Any]
    """Method -> its evidence."""


class JointExtractor(Extractor[JointEvidence]):
    """Several extractors over one cache, so that products which they share are made once."""

    method = "panel"

    def __init__(self, extractors: Mapping[str, Extractor[Any]]) -> None:
        self.extractors = dict(extractors)
        self.roles = tuple(sorted({role for one in self.extractors.values() for role in one.roles}))
        self.of_files = any(one.of_files for one in self.extractors.values())

    def products(self) -> Sequence[Product[Any]]:
        by_role = {product.role: product for one in self.extractors.values() for product in one.products()}
        return tuple(by_role.values())

    def _extract(self, cache: ProductCache) -> list[JointEvidence]:
        columns = [extractor.extract(cache) for extractor in self.extractors.values()]
        return [JointEvidence(dict(zip(self.extractors, row, strict=True))) for row in zip(*columns, strict=True)]
