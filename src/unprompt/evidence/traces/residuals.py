"""What neighbours do not predict of a pixel, quantised and counted: the co-occurrences of steganalysis.

Fridrich and Kodovsky, 2012, "Rich models for steganalysis of digital images" (SRM), doi 10.1109/TIFS.2012.2190402.
Theirs have four neighbours and fixed quantisation steps; runs of three and a step from the picture are our choice.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Levels: TypeAlias = npt.NDArray[np.uint8]

REACH: Final = 2
"""T: quantised residuals are -T .. T."""
COUNT: Final = 2 * REACH + 1
FINEST: Final = 0.3
"""Least quantisation step, in grey levels: a flat picture has no residual to go by."""


def _classes() -> npt.NDArray[np.intp]:
    """Of each of the 125 runs (a, b, c), coded 25a + 5b + c, the class that its mirror image and its negative share."""
    code = np.arange(COUNT**3)
    a, b, c = code // COUNT**2, code // COUNT % COUNT, code % COUNT
    mirrored = COUNT**2 * c + COUNT * b + a
    negative = len(code) - 1  # (2T - a, 2T - b, 2T - c) has the code 124 - code
    first = np.minimum.reduce([code, mirrored, negative - code, negative - mirrored])
    return np.unique(first, return_inverse=True)[1]


CLASSES: Final = _classes()
RUNS: Final = int(CLASSES.max()) + 1
"""39 classes of runs."""


def first_order(x: Floats) -> tuple[Floats, Floats]:
    """Differences of neighbours: H x W -> across H x (W-1), down (H-1) x W (SRM, first order)."""
    return x[:, 1:] - x[:, :-1], x[1:] - x[:-1]


def second_order(x: Floats) -> tuple[Floats, Floats]:
    """The mean of both neighbours minus the pixel: across H x (W-2), down (H-2) x W (SRM, second order, halved)."""
    return (x[:, 2:] + x[:, :-2]) / 2 - x[:, 1:-1], (x[2:] + x[:-2]) / 2 - x[1:-1]


def square3(x: Floats) -> Floats:
    """H x W convolved with [[-1, 2, -1], [2, -4, 2], [-1, 2, -1]] / 4: (H-2) x (W-2) (SRM, SQUARE 3x3)."""
    across = (x[:, 2:] + x[:, :-2]) / 2 - x[:, 1:-1]
    return across[1:-1] - (across[2:] + across[:-2]) / 2


def square5(third: Floats) -> Floats:
    """SRM's SQUARE 5x5 (centre -12 / 12), from :func:`square3`: h x w -> (h-2) x (w-2).

    The kernel of 5 x 5 is a third of that of 3 x 3 convolved with [[1, 0, 1], [0, 2, 0], [1, 0, 1]].
    """
    corners = third[:-2, :-2] + third[:-2, 2:] + third[2:, :-2] + third[2:, 2:]
    return (corners + 2 * third[1:-1, 1:-1]) / 3


def step_of(*residuals: Floats) -> float:
    """Quantisation step: the mean size of the residuals together, in grey levels, at least 0.3 (ours)."""
    total = sum(float(np.abs(one).sum()) for one in residuals)
    return max(total / sum(one.size for one in residuals), FINEST)


def quantised(residual: Floats, step: float) -> Levels:
    """trunc_T(round(residual / step)) + T, 0 .. 2T (SRM)."""
    levels = residual / step
    np.rint(levels, out=levels)
    np.clip(levels, -REACH, REACH, out=levels)
    levels += REACH
    return levels.astype(np.uint8)


def cooccurrences(levels: Levels, axis: int) -> Floats:
    """Share of each of the 125 runs of three levels along an axis; sums to 1 (SRM)."""
    length = levels.shape[axis] - 2
    first, second, third = (
        levels[place : place + length] if axis == 0 else levels[:, place : place + length] for place in range(3)
    )
    code = first * np.uint8(COUNT**2) + second * np.uint8(COUNT) + third
    return np.bincount(code.ravel(), minlength=COUNT**3) / code.size


def runs(across: Levels, down: Levels, along: int) -> Floats:
    """Roots of the shares of the 39 classes of runs; the squares sum to 1.

    ``across`` is counted along the axis ``along`` and ``down`` along the other one, so that turning the picture by
    a quarter changes nothing; nor does mirroring it or its negative (SRM merges alike).
    """
    shares = (cooccurrences(across, along) + cooccurrences(down, 1 - along)) / 2
    return np.sqrt(np.bincount(CLASSES, weights=shares, minlength=RUNS))
