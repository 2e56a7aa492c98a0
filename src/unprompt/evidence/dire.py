"""What DIRE looks at: a picture and what a diffusion model makes of it without any caption.

Wang et al., 2023, https://arxiv.org/abs/2303.09295. There an unconditional model inverts the picture and
draws it again; here the suite's diffusion reconstructs it (img2img) towards the empty caption.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from unprompt.errors import DataError
from unprompt.evidence.base import Extractor
from unprompt.evidence.bench import Bench
from unprompt.evidence.products import Product, reconstructions
from unprompt.evidence.sare import difference
from unprompt.types import RGB


@dataclass(frozen=True, eq=False)
class DireEvidence:
    """A picture at the diffusion model's working size, and its reconstruction of the same size."""

    picture: RGB
    reconstruction: RGB

    def __post_init__(self) -> None:
        if self.picture.shape != self.reconstruction.shape:
            raise DataError(
                f"the reconstruction has shape {self.reconstruction.shape}, expected {self.picture.shape} like "
                "the prepared picture: the diffusion instrument has to cut its padding away"
            )

    @property
    def difference(self) -> RGB:
        """DIRE(x) = |x - R(x)| in steps of 1/255, H x W x 3 uint8."""
        return difference(self.picture, self.reconstruction)


class DireExtractor(Extractor[DireEvidence]):
    """One reconstruction without caption; drct learns from the same one."""

    roles = ("diffusion",)

    def __init__(self, method: str) -> None:
        self.method = method

    def products(self) -> Sequence[Product[Any]]:
        return (reconstructions(guided=False),)

    def _extract(self, bench: Bench) -> list[DireEvidence]:
        made = zip(bench.prepared(), bench.reconstructions(guided=False), strict=True)
        return [DireEvidence(picture, reconstruction) for picture, reconstruction in made]
