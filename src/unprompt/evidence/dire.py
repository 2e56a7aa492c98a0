"""What DIRE looks at: a picture and what a diffusion model makes of it without any caption.

Wang et al., 2023, https://arxiv.org/abs/2303.09295. There an unconditional model inverts the picture and
draws it again; here the suite's diffusion reconstructs it (img2img) towards the empty caption.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unprompt.evidence.base import Extractor
from unprompt.evidence.product_cache import ProductCache
from unprompt.evidence.products import Product, reconstructions
from unprompt.evidence.reconstruction import Reconstructed


class DireEvidence(Reconstructed):
    """Picture and reconstruction; their difference is DIRE(x) = |x - R(x)|."""


class DireExtractor(Extractor[DireEvidence]):
    """One reconstruction without caption; drct learns from the same one."""

    roles = ("diffusion",)

    def __init__(self, method: str) -> None:
        self.method = method

    def products(self) -> Sequence[Product[Any]]:
        return (reconstructions(guided=False),)

    def _extract(self, cache: ProductCache) -> list[DireEvidence]:
        return [DireEvidence(*row) for row in zip(cache.prepared(), cache.reconstructions(guided=False), strict=True)]
