"""What SARE looks at: a picture and what a diffusion model makes of it under its own caption (section 3.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from unprompt.evidence.base import Extractor
from unprompt.evidence.product_cache import ProductCache
from unprompt.evidence.products import CAPTIONS, Product, reconstructions
from unprompt.evidence.reconstruction import Reconstructed
from unprompt.types import RGB, Caption


@dataclass(frozen=True, eq=False)
class SareEvidence(Reconstructed):
    """Picture and reconstruction, with the caption that guided it."""

    caption: Caption
    native: RGB | None = None
    """The picture at its native size, where that is asked for."""

    @property
    def sare_map(self) -> npt.NDArray[np.float32]:
        """s = |x - x_hat|, H x W x 3 float32 in [0, 1] (eq. 4)."""
        return self.difference.astype(np.float32) / np.float32(255)


class SareExtractor(Extractor[SareEvidence]):
    """Caption, then img2img towards it (eq. 1 to 3); ``guided=False`` leaves the caption out, for the analysis.

    ``native`` adds the picture itself, of which nothing is stored: the same stored evidence serves with and without.
    """

    method = "sare"
    roles = ("captioner", "diffusion")

    def __init__(self, guided: bool = True, native: bool = False) -> None:
        self.guided, self.native = guided, native

    def options(self) -> Mapping[str, object]:
        return {"guided": self.guided}

    def products(self) -> Sequence[Product[Any]]:
        return CAPTIONS, reconstructions(self.guided)

    def _extract(self, cache: ProductCache) -> list[SareEvidence]:
        natives = [picture.rgb if self.native else None for picture in cache.pictures]
        columns = cache.prepared(), cache.reconstructions(self.guided), cache.captions(), natives
        return [SareEvidence(*row) for row in zip(*columns, strict=True)]
