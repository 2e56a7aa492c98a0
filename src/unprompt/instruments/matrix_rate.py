"""How fast this machine multiplies matrices, which bounds the pace of every model."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import torch

from unprompt.instruments.loading import DTYPES

FASTER: Final = 1.5
"""Times as fast as float32 that other numbers must be to be worth it."""


def matrix_rates(device: torch.device) -> dict[str, float]:
    """Dtype -> :func:`matrix_rate`; RuntimeError where the device cannot, as when its memory is full."""
    return {name: matrix_rate(dtype, device) for name, dtype in DTYPES.items()}


def matrix_rate(
    dtype: torch.dtype, device: torch.device, seconds: float = 0.1, clock: Callable[[], float] = time.perf_counter
) -> float:
    """10^12 operations a second by ``clock``, the best of products that take ``seconds`` together.

    On a GPU of 8192 x 8192 numbers, else of 512 x 512, by all threads of this process.
    """
    side = 8192 if device.type == "cuda" else 512
    matrix, found = torch.ones(side, side, dtype=dtype, device=device), list[float]()
    torch.mm(matrix, matrix)
    while not found or sum(found) < seconds:
        _finish(device)
        began = clock()
        torch.mm(matrix, matrix)
        _finish(device)
        found.append(clock() - began)
    return 2 * side**3 / min(found) / 1e12


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
