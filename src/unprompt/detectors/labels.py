"""The one check of the labels that a detector is fitted to."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from unprompt.errors import DataError


def labelled(count: int, labels: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """``count`` labels as "is generated", both classes present; :class:`DataError` for anything else.

    >>> labelled(3, [0, 1, 1])
    array([False,  True,  True])
    """
    given = np.asarray(labels)
    if given.shape != (count,):
        raise DataError(f"got {count} evidence and labels of shape {given.shape}: give one label for each")
    generated = given == 1
    if wrong := sorted(set(given[(given != 0) & ~generated].tolist())):
        raise DataError(f"got the labels {wrong}, expected 0 (real) or 1 (generated): leave the other pictures out")
    if generated.all() or not generated.any():
        raise DataError(
            f"got {int((~generated).sum())} real and {int(generated.sum())} generated pictures, expected at least one "
            "of each: add pictures of the missing class"
        )
    return np.asarray(generated, np.bool_)
