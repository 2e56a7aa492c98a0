"""How far a number moves when only the noise is drawn anew."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from unprompt.errors import DataError


def spread(values: npt.ArrayLike) -> float:
    """Standard deviation from draw to draw of draws x pictures: the root of the pictures' mean variance.

    Variances are unbiased (n - 1), so that two draws suffice for an estimate; :class:`DataError` for fewer, or
    without a picture.
    """
    table = np.asarray(values, np.float64)
    if table.ndim != 2 or table.shape[0] < 2 or table.shape[1] < 1:
        raise DataError(f"got values of shape {table.shape}, expected draws x pictures, 2 x 1 or more")
    return float(np.sqrt(table.var(axis=0, ddof=1).mean()))
