"""What the residual of 3 x 3 is like as a field: its repetitions, its grid, its strength from place to place.

The measures are our own mix, but for the search for a grid, which goes back to Popescu and Farid, 2005, "Exposing
digital forgeries by detecting traces of resampling", doi 10.1109/TSP.2004.839932.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import scipy.fft

from unprompt.evidence.traces.residuals import Floats

LAGS: Final = 9
"""Lags 0 .. 8 down and across."""
LAG_PAIRS: Final = np.triu_indices(LAGS)
PERIODS: Final = (2, 4, 8)
STRONGEST: Final = 6
"""Frequencies of a grid that are kept; period 2 has only 3."""
BLOCK: Final = 8
SHARES: Final = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)
BANDS: Final = 8
"""Of brightness, 32 grey levels each."""
FEW: Final = 8
"""Blocks in a band of brightness below which it counts as 0."""


def lags(field: Floats) -> Floats:
    """Autocorrelation of h x w at the lags (i, j), 0 <= i <= j <= 8, but (0, 0): 44 numbers in [-1, 1].

    Circular, of the field minus its mean, the mean of (i, j) and (j, i); 0 where the field is constant.
    By Wiener and Khinchin the Fourier transform of the power spectrum, of which only 9 x 9 values are made.
    """
    height, width = field.shape
    spectrum = scipy.fft.rfft2(field - field.mean())
    power = spectrum.real**2 + spectrum.imag**2
    turn = 2 * np.pi / height * np.outer(np.arange(LAGS), np.arange(height))
    rows = np.cos(turn) @ power + 1j * (np.sin(turn) @ power)
    correlation = scipy.fft.irfft(rows, width, axis=1)[:, :LAGS]
    if not correlation[0, 0] > 0:
        return np.zeros(len(LAG_PAIRS[0]) - 1)
    return np.asarray(((correlation + correlation.T) / (2 * correlation[0, 0]))[LAG_PAIRS][1:])


def phases(strength: Floats, period: int) -> Floats:
    """How the mean strength depends on the place within a grid of ``period`` pixels: 3 or 6 numbers, >= log 1e-4.

    Of the period x period means over all cells, relative to their mean, the strongest Fourier coefficients but the
    constant one, largest first, as log(1e-4 + |.|): where the grid begins does not count. Enlarging by interpolation
    makes neighbours depend on each other with the period of the enlargement (Popescu and Farid); so do JPEG's blocks.
    """
    height, width = strength.shape
    padded = np.pad(strength, ((0, -height % period), (0, -width % period)))
    sums = padded.reshape(len(padded) // period, period, -1, period).sum(axis=0).sum(axis=1)
    rows, columns = (np.bincount(np.arange(size) % period, minlength=period) for size in (height, width))
    means = sums / np.outer(rows, columns)
    if not means.mean() > 0:
        return np.zeros(min(STRONGEST, period**2 - 1))
    size = np.abs(np.fft.fft2(means / means.mean())).ravel()[1:] / period**2
    return np.asarray(np.log(1e-4 + np.sort(size)[::-1][:STRONGEST]))


def block_means(field: Floats) -> Floats:
    """Means over the padded blocks of 8 x 8, row by row; what is left at the right and at the bottom is dropped."""
    high, wide = field.shape[0] // BLOCK, field.shape[1] // BLOCK
    padded = field[: high * BLOCK, : wide * BLOCK]
    rows = padded.reshape(high, BLOCK, -1).sum(axis=1)
    return np.asarray(rows.reshape(high, wide, BLOCK).sum(axis=2).ravel() / BLOCK**2)


def activity(residual: Floats) -> Floats:
    """log(0.05 + root mean square) of the residual, in grey levels, of each block of 8 x 8."""
    return np.asarray(np.log(0.05 + np.sqrt(block_means(np.square(residual)))))


def activity_quantiles(active: Floats) -> Floats:
    """Quantiles 2, 10, 25, 50, 75, 90 and 98 % of the blocks' activity."""
    return np.quantile(active, SHARES)


def noise_by_brightness(active: Floats, brightness: Floats) -> Floats:
    """How noisy the smooth blocks of each of 8 bands of brightness are: 8 numbers, 0 for a band of under 8 blocks.

    The lowest fifth of the activity in a band minus the lowest 30 % of all: a sensor's noise grows with the light.
    """
    lowest = np.quantile(active, 0.3)
    band = np.floor(brightness / (256 / BANDS))
    inside = [active[band == place] for place in range(BANDS)]
    return np.array([np.quantile(one, 0.2) - lowest if len(one) >= FEW else 0.0 for one in inside])


def shared_activity(one: Floats, other: Floats) -> Floats:
    """Correlation of two channels' activity over the blocks, [-1, 1]; 0 where one of them is constant."""
    if min(one.std(), other.std()) <= 1e-6:
        return np.zeros(1)
    return np.corrcoef(one, other)[:1, 1]


def tails(residual: Floats) -> Floats:
    """log(0.001 + mean |z| / rms) and log(0.001 + median |z| / rms): 2 numbers, lower for heavier tails."""
    size = np.abs(residual - residual.mean())
    spread = np.sqrt(np.mean(np.square(size)) + 1e-9)
    return np.asarray(np.log(np.array([size.mean(), np.median(size)]) / spread + 1e-3))
