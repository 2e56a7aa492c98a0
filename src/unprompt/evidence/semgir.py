"""What SemGIR looks at: a candidate picture and what a generator draws from its caption (section 3.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unprompt.errors import OptionError
from unprompt.evidence.base import Extractor
from unprompt.evidence.product_cache import ProductCache
from unprompt.evidence.products import CAPTIONS, Product, regenerations
from unprompt.types import RGB, Caption


@dataclass(frozen=True, eq=False)
class SemgirEvidence:
    """I_c at its native size and one or more I_r at the generator's own size."""

    candidate: RGB
    regenerations: tuple[RGB, ...]
    """k drawings of one caption from k seeds, k >= 1."""
    caption: Caption


class SemgirExtractor(Extractor[SemgirEvidence]):
    """T = F1(I_c), I_r = F2(T) (SemGIR eq. 1 and 2), ``k`` times from different noise."""

    method = "semgir"
    roles = ("captioner", "diffusion")

    def __init__(self, k: int = 1) -> None:
        if k < 1:
            raise OptionError(f"regenerations is {k}, expected 1 or more drawings of each caption")
        self.k = k

    def options(self) -> Mapping[str, object]:
        return {"regenerations": self.k}

    def products(self) -> Sequence[Product[Any]]:
        return CAPTIONS, *(regenerations(index) for index in range(self.k))

    def _extract(self, cache: ProductCache) -> list[SemgirEvidence]:
        drawn = zip(*(cache.regenerations(index) for index in range(self.k)), strict=True)
        rows = zip(cache.pictures, drawn, cache.captions(), strict=True)
        return [SemgirEvidence(picture.rgb, regenerations, caption) for picture, regenerations, caption in rows]
