"""How fast this machine multiplies matrices, which bounds the pace of every model."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch


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
