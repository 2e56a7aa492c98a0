"""What SARE looks at: a picture and what a diffusion model makes of it under its own caption (section 3.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from unprompt.errors import DataError
from unprompt.evidence.base import Extractor
from unprompt.evidence.bench import Bench
from unprompt.evidence.products import CAPTIONS, Product, reconstructions
from unprompt.types import RGB, Caption


def difference(picture: RGB, reconstruction: RGB) -> RGB:
    """|x - x_hat| in steps of 1/255, H x W x 3 uint8: exact, since both are uint8 (SARE eq. 4)."""
    return np.maximum(picture, reconstruction) - np.minimum(picture, reconstruction)


@dataclass(frozen=True, eq=False)
class SareEvidence:
    """A picture at the diffusion model's working size, and its reconstruction of the same size."""

    picture: RGB
    reconstruction: RGB
    caption: Caption

    def __post_init__(self) -> None:
        if self.picture.shape != self.reconstruction.shape:
            raise DataError(
                f"the reconstruction has shape {self.reconstruction.shape}, expected {self.picture.shape} like "
                "the prepared picture: the diffusion instrument has to cut its padding away"
            )

    @property
    def difference(self) -> RGB:
        """The SARE map in steps of 1/255, H x W x 3 uint8."""
        return difference(self.picture, self.reconstruction)

    @property
    def sare_map(self) -> npt.NDArray[np.float32]:
        """s = |x - x_hat|, H x W x 3 float32 in [0, 1] (eq. 4)."""
        return self.difference.astype(np.float32) / np.float32(255)


class SareExtractor(Extractor[SareEvidence]):
    """Caption, then img2img towards it (eq. 1 to 3); ``guided=False`` leaves the caption out, for the analysis."""

    method = "sare"
    roles = ("captioner", "diffusion")

    def __init__(self, guided: bool = True) -> None:
        self.guided = guided

    def options(self) -> Mapping[str, object]:
        return {"guided": self.guided}

    def products(self) -> Sequence[Product[Any]]:
        return CAPTIONS, reconstructions(self.guided)

    def _extract(self, bench: Bench) -> list[SareEvidence]:
        made = zip(bench.prepared(), bench.reconstructions(self.guided), bench.captions(), strict=True)
        return [SareEvidence(picture, reconstruction, caption) for picture, reconstruction, caption in made]
