"""What LGrad looks at: the gradient of a frozen network's answer to a picture.

Tan et al., CVPR 2023, "Learning on Gradients".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from unprompt.evidence.base import Extractor
from unprompt.evidence.product_cache import ProductCache
from unprompt.evidence.products import GRADIENT_MAPS, Product
from unprompt.types import RGB


@dataclass(frozen=True, eq=False)
class LgradEvidence:
    """A gradient map, as large as what the discriminator sees."""

    gradient: RGB
    """G = d sum(M(I)) / dI, its least number at 0 and its greatest at 255."""


class LgradExtractor(Extractor[LgradEvidence]):
    """One gradient map a picture, stored as a picture."""

    roles = ("discriminator",)

    def __init__(self, method: str) -> None:
        self.method = method

    def products(self) -> Sequence[Product[Any]]:
        return (GRADIENT_MAPS,)

    def _extract(self, cache: ProductCache) -> list[LgradEvidence]:
        return [LgradEvidence(one) for one in cache.gradient_maps()]
