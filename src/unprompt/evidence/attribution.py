"""What SemGIR-A looks at: a candidate picture, and what each generator in question draws from its caption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unprompt.evidence.base import Extractor
from unprompt.evidence.product_cache import ProductCache
from unprompt.evidence.products import CAPTIONS, Product, regenerations
from unprompt.types import RGB, Caption


@dataclass(frozen=True, eq=False)
class AttributionEvidence:
    """I_c at its native size, T, and I_r of every generator m_i at that generator's own size."""

    candidate: RGB
    regenerations: Mapping[str, RGB]
    """Generator's name -> its drawing of the caption."""
    caption: Caption


class AttributionExtractor(Extractor[AttributionEvidence]):
    """T = F1(I_c), I_r^{m_i} = m_i(T) for every generator (SemGIR eq. 1 and 3)."""

    method = "semgir-a"
    roles = ("captioner",)

    def __init__(self, generators: Sequence[str]) -> None:
        self.generators = tuple(generators)

    def options(self) -> Mapping[str, object]:
        return {"generators": self.generators}

    def products(self) -> Sequence[Product[Any]]:
        return CAPTIONS, *(regenerations(generator=name) for name in self.generators)

    def _extract(self, cache: ProductCache) -> list[AttributionEvidence]:
        drawn = {name: cache.regenerations(generator=name) for name in self.generators}
        return [
            AttributionEvidence(picture.rgb, {name: drawn[name][index] for name in self.generators}, caption)
            for index, (picture, caption) in enumerate(zip(cache.pictures, cache.captions(), strict=True))
        ]
