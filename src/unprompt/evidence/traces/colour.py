"""How the channels depend on each other, and what a picture keeps when it is halved; our own mix."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
import scipy.fft

from unprompt.evidence.traces.residuals import Floats, square3
from unprompt.types import RGB

SCALES: Final = (1, 2, 4)
"""Standard deviations of the narrower Gaussian of a band, in pixels; the wider one has twice as much."""
LEVELS: Final = 4
SHORTEST: Final = 16
"""A halved picture with a shorter side repeats the energy before."""


def channels(rgb: RGB) -> tuple[Floats, Floats, Floats]:
    """Y = 0.299 R + 0.587 G + 0.114 B, Cb = 0.564 (B - Y), Cr = 0.713 (R - Y), unrounded (ITU-R BT.601).

    The chroma of a grey picture is the rounding of Y, some 1e-14: its relative statistics are those of that rounding,
    which is the same everywhere.
    """
    red, green, blue = rgb.transpose(2, 0, 1).astype(np.float64)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return luma, (blue - luma) * 0.564, (red - luma) * 0.713


def _gaussian(sigma: int, size: int) -> Floats:
    """What a Gaussian, cut at 4 sigma, leaves of each of ``size`` cosines, that is of a line mirrored at its ends."""
    reach = np.arange(-4 * sigma, 4 * sigma + 1)
    kernel = np.exp(-np.square(reach) / (2 * sigma**2))
    return np.asarray(np.cos(np.pi / size * np.outer(np.arange(size), reach)) @ (kernel / kernel.sum()))


@lru_cache(maxsize=2)
def _transfers(height: int, width: int) -> Floats:
    """4 x (height width): squared gain of the residual of 3 x 3 and of three bands of frequencies, without the mean."""
    steps = [2 * np.cos(np.pi / size * np.arange(size)) - 2 for size in (height, width)]
    blurs = {s: np.outer(_gaussian(s, height), _gaussian(s, width)) for s in (*SCALES, 2 * SCALES[-1])}
    gains = np.stack([np.outer(*steps) / 4, *(blurs[s] - blurs[2 * s] for s in SCALES)]).reshape(4, -1)
    gains[:, 0] = 0
    return np.asarray(np.square(gains))


def correlations(rgb: RGB) -> Floats:
    """Correlations of R and G, G and B, R and B: of the residual of 3 x 3, and of three differences of Gaussians.

    4 x 3 in [-1, 1], 0 where a channel is flat. All filters are symmetric and the picture is mirrored at its edges,
    so that in the DCT-II each is a factor, and by Parseval nothing needs to be transformed back.
    """
    height, width = rgb.shape[:2]
    coefficients = scipy.fft.dctn(rgb.transpose(2, 0, 1).astype(np.float64), axes=(1, 2), norm="ortho").reshape(3, -1)
    alone = _transfers(height, width) @ np.square(coefficients).T
    together = _transfers(height, width) @ (coefficients * np.roll(coefficients, -1, axis=0)).T  # RG, GB, BR
    return np.asarray(together / np.sqrt(alone * np.roll(alone, -1, axis=1) + 1e-6))


def colours(rgb: RGB, luma: Floats, blue: Floats, red: Floats) -> Floats:
    """8 numbers on brightness and colour.

    Logarithms of 1 + standard deviation of Cb, Cr and Y, the mean of Y in [0, 1], the shares of values from 254 and up
    to 1, and the logarithms of the mean step across of Cb and of Cr in terms of that of Y.
    """
    spreads = [np.log(one.std() + 1) for one in (blue, red, luma)]
    steps = [np.abs(np.diff(one)).mean() for one in (blue, red, luma)]
    shares = [luma.mean() / 255, (rgb >= 254).mean(), (rgb <= 1).mean()]
    return np.array([*spreads, *shares, *(np.log(step / (steps[2] + 0.1) + 0.01) for step in steps[:2])])


def energies(luma: Floats) -> Floats:
    """Steps of log(0.05 + mean |residual of 3 x 3|) from a picture to its half, its quarter, its eighth: 3 numbers.

    Halving takes the mean of 2 x 2; where the shorter side falls below 16 the step is 0.
    """
    levels: list[float] = []
    for _ in range(LEVELS):
        if min(luma.shape) < SHORTEST:
            levels.append(levels[-1])
            continue
        levels.append(float(np.log(np.abs(square3(np.pad(luma, 1, mode="symmetric"))).mean() + 0.05)))
        high, wide = luma.shape[0] // 2, luma.shape[1] // 2
        luma = luma[: 2 * high, : 2 * wide].reshape(high, 2, wide, 2).mean(axis=(1, 3))
    return np.diff(levels)
