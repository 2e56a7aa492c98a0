"""What LGrad calls the transformation model M: Tan et al., CVPR 2023, "Learning on Gradients"."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from unprompt.instruments.base import Instrument, Vectors
from unprompt.instruments.cards import Origin
from unprompt.instruments.finite import drawn
from unprompt.instruments.preprocessing import Normaliser
from unprompt.types import RGB


class Discriminator(Instrument):
    """A frozen network that judges pictures, seen through its gradients: G = d sum(M(I)) / dI.

    Pictures go one at a time: a discriminator may compare those of a batch, and a gradient's last bits would move.
    It computes in float32 whatever the suite's ``dtype``: sums of few bits are no gradient.
    """

    kind = "discriminator"
    batch_size = 1
    side: int
    """Height and width in pixels of what it sees, and of its gradient maps."""
    normaliser: Normaliser
    """How a picture becomes M's input."""

    def __init__(
        self,
        origin: Origin,
        device: str,
        dtype: str,
        parameters: Mapping[str, str | int | float | bool] | None = None,
    ) -> None:
        super().__init__(origin, device, "float32", parameters)

    def gradient_maps(self, pictures: Sequence[RGB]) -> list[RGB]:
        """G of each picture as :func:`min_max` has it: side x side x 3; of the picture's central square, resized."""
        return drawn(lambda: self._batched(self._map, pictures))

    @abstractmethod
    def answers(self, pixels: Tensor) -> Tensor:
        """M: 1 x 3 x side x side, normalised -> numbers of any shape, which are summed."""

    def _map(self, pictures: Sequence[RGB]) -> list[Vectors]:
        return [min_max(self._gradient(picture)).permute(1, 2, 0).cpu().numpy() for picture in pictures]

    def _gradient(self, picture: RGB) -> Tensor:
        """3 x side x side float32."""
        pixels = self.normaliser.cropped([picture])
        with torch.inference_mode(False), torch.enable_grad():
            seen = pixels.clone().to(self.device).requires_grad_()
            (gradient,) = torch.autograd.grad(self.answers(seen).sum(), seen)
        return gradient[0].float()


def min_max(gradient: Tensor) -> Tensor:
    """Of any shape -> whole numbers from 0, the least, to 255, the greatest; 0 where all are equal, NaN if one is."""
    low, high = gradient.amin(), gradient.amax()
    span = torch.where(high == low, 1, high - low)
    return ((gradient - low) / span * 255).round()
