"""A picture beside what a diffusion model makes of it: what SARE and DIRE look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unprompt.errors import DataError
from unprompt.types import RGB


def difference(picture: RGB, reconstruction: RGB) -> RGB:
    """|x - x_hat| in steps of 1/255, H x W x 3 uint8: exact, since both are uint8 (SARE eq. 4)."""
    return np.maximum(picture, reconstruction) - np.minimum(picture, reconstruction)


@dataclass(frozen=True, eq=False)
class Reconstructed:
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
        """|x - x_hat| in steps of 1/255, H x W x 3 uint8: the SARE map and DIRE(x)."""
        return difference(self.picture, self.reconstruction)
