"""What neighbouring pixels have in common after an upsampling (Tan et al., 2024), for every method that uses it."""

from __future__ import annotations

import torch
from torch import Tensor


def residual(pixels: Tensor) -> Tensor:
    """x - up(down(x)), both by nearest neighbour and 2: each pixel minus the first one of its 2 x 2 cell.

    N x C x H x W in and out, of any size: a last odd row or column is a cell of its own.
    """
    rows, columns = (torch.arange(side, device=pixels.device) // 2 * 2 for side in pixels.shape[-2:])
    return pixels - pixels[..., rows[:, None], columns]
