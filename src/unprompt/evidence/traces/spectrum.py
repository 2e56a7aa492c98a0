"""Frequencies of a channel: profiles, directions and peaks of its spectrum, and its cosine coefficients in blocks."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view

from unprompt.evidence.traces.residuals import Floats

WINDOW: Final = 64
"""Side of a window, which is also the least side of a picture."""
FLOOR: Final = 0.1
"""Power added before the logarithm."""
RINGS: Final = 22
"""Rings of radius 1-3, 3-5 .. 43-45 cycles a window."""
DIRECTED: Final = (4, 10, 16, 22, 26)
"""Inner radius of the rings, 6 wide, in which axes and diagonals are compared."""
PEAKS: Final = np.array(
    [
        *[(0, 16), (16, 0), (0, 32), (32, 0), (32, 32), (16, 16), (16, 32), (32, 16)],
        *[(8, 0), (0, 8), (0, 24), (24, 0), (8, 8), (24, 24)],
    ]
)
"""Cycles a window down and across where grids of 2, 4 and 8 pixels, and their multiples, show."""
BLOCK: Final = 8
DOWN, ACROSS = 5, 3
"""Steps from one block of cosines to the next: without a common period with 8, so that every offset occurs."""
LIFT: Final = 0.02
"""Added to the size of a coefficient, of grey levels, before the logarithm."""


def _frequencies() -> tuple[Floats, Floats]:
    """Cycles a window, >= 0, down and across, of each coefficient of a real 64 x 64 window: 64 x 33 each."""
    down, across = np.abs(np.fft.fftfreq(WINDOW)) * WINDOW, np.fft.rfftfreq(WINDOW) * WINDOW
    return np.broadcast_arrays(down[:, None], across[None])  # type: ignore[return-value]


def _mean_over(mask: npt.NDArray[np.bool_]) -> Floats:
    return np.asarray(mask.ravel() / mask.sum())


def _ring_weights() -> Floats:
    """22 x 2112: each row takes the mean over a ring."""
    radius = np.hypot(*_frequencies())
    return np.stack([_mean_over((radius >= k) & (radius < k + 2)) for k in range(1, 2 * RINGS, 2)])


def _direction_weights() -> Floats:
    """5 x 2112: each row takes the mean near the axes minus that near the diagonals of a ring."""
    down, across = _frequencies()
    radius, axes, diagonals = np.hypot(down, across), np.minimum(down, across) < 2, np.abs(down - across) < 3
    rings = [(radius >= k) & (radius < k + 6) for k in DIRECTED]
    return np.stack([_mean_over(axes & ring) - _mean_over(diagonals & ring) for ring in rings])


RING_WEIGHTS: Final = _ring_weights()
DIRECTION_WEIGHTS: Final = _direction_weights()
HANN: Final = np.outer(np.hanning(WINDOW), np.hanning(WINDOW))
COSINES: Final[Floats] = scipy.fft.dct(np.eye(BLOCK), axis=0, norm="ortho")
BASIS: Final[Floats] = np.asarray(np.kron(COSINES, COSINES)[1:].T, np.float64, order="C")
"""64 x 63: what takes a block, row by row, to its alternating coefficients."""


def power(x: Floats) -> Floats:
    """Power of the Hann windows of 64 x 64, half overlapping, each minus its mean: n x 64 x 33, H and W >= 64."""
    half = WINDOW // 2
    windows = sliding_window_view(x, (WINDOW, WINDOW))[::half, ::half]
    rows = [scipy.fft.rfft2((row - row.mean(axis=(1, 2), keepdims=True)) * HANN) for row in windows]
    return np.concatenate([row.real**2 + row.imag**2 for row in rows])


def logarithms(powers: Floats) -> tuple[Floats, Floats]:
    """log(0.1 + mean) and log(0.1 + median) of the power over all windows, 64 x 33 each."""
    ranked, count = np.sort(powers, axis=0), len(powers)  # many times as fast as np.median
    median = (ranked[(count - 1) // 2] + ranked[count // 2]) / 2
    return np.log(powers.mean(axis=0) + FLOOR), np.log(median + FLOOR)


def profile(level: Floats) -> Floats:
    """Azimuthal mean of a logarithmic spectrum over 22 rings, relative to rings 2 to 5: 22 numbers.

    Durall et al., 2020, https://arxiv.org/abs/2003.01826, there of the whole picture.
    """
    rings = RING_WEIGHTS @ level.ravel()
    return np.asarray(rings - rings[1:5].mean())


def directions(level: Floats) -> Floats:
    """Mean near the axes minus mean near the diagonals of a logarithmic spectrum in 5 rings (ours)."""
    return np.asarray(DIRECTION_WEIGHTS @ level.ravel())


def peaks(level: Floats) -> Floats:
    """How far 14 frequencies stand out of the median of the 5 x 5 around them (ours); edges are repeated."""
    around = sliding_window_view(np.pad(level, 2, mode="edge"), (5, 5))
    rows, columns = PEAKS.T
    return np.asarray(level[rows, columns] - np.median(around[rows, columns], axis=(1, 2)))


def cosines(x: Floats) -> tuple[Floats, Floats]:
    """Sizes and tails of the 63 alternating coefficients of the orthonormal DCT-II of 8 x 8 blocks.

    With m = 0.02 + mean |D| and s = 0.02 + root mean square, over blocks at every 5th row and 3rd column (no block
    of JPEG's): log m relative to the two lowest frequencies, and log(m / s), 63 numbers each, row by row. That
    generators show in the mean cosine spectrum is Frank et al., 2020, https://arxiv.org/abs/2003.08685.
    """
    blocks = sliding_window_view(x - 128, (BLOCK, BLOCK))[::DOWN, ::ACROSS]
    sums = np.zeros((2, BLOCK**2 - 1))
    for row in blocks:  # row by row, which stays in the processor's cache
        coefficients = row.reshape(-1, BLOCK**2) @ BASIS
        sums += np.abs(coefficients).sum(axis=0), np.einsum("nk,nk->k", coefficients, coefficients)
    means = sums / (blocks.shape[0] * blocks.shape[1])
    mean, spread = means[0] + LIFT, np.sqrt(means[1]) + LIFT
    size = np.log(mean)
    return size - size[[0, 7]].mean(), np.log(mean / spread)
