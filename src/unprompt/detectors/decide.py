"""From the calibrated heads to an answer. Importing this loads no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from unprompt.errors import DataError
from unprompt.types import NONE_OF_THESE

LEAST: Final = 0.5
"""A candidate under this probability is not the answer."""


def answers(candidates: Sequence[str], probabilities: npt.ArrayLike) -> list[str]:
    """N names: the candidate of the highest of K probabilities, or :data:`NONE_OF_THESE` when all are under 0.5.

    >>> answers(["sd15", "sd21"], [[0.2, 0.9], [0.5, 0.1], [0.49, 0.3]])
    ['sd21', 'sd15', 'none of these']
    """
    heads = np.asarray(probabilities, np.float64)
    if heads.ndim != 2 or heads.shape[1] != len(candidates):
        raise DataError(f"got probabilities of shape {heads.shape}, expected N x {len(candidates)}: one a candidate")
    if not ((heads >= 0) & (heads <= 1)).all():
        raise DataError(f"got probabilities from {heads.min():g} to {heads.max():g}, expected 0 to 1: calibrate first")
    return [candidates[int(row.argmax())] if row.max() >= LEAST else NONE_OF_THESE for row in heads]
