"""JPEG quality, estimated from the quantisation tables that every JPEG file carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

# ITU-T T.81, annex K, tables K.1 and K.2, row by row.
_LUMINANCE: Final = """
16 11 10 16 24 40 51 61  12 12 14 19 26 58 60 55  14 13 16 24 40 57 69 56  14 17 22 29 51 87 80 62
18 22 37 56 68 109 103 77  24 35 55 64 81 104 113 92  49 64 78 87 103 121 120 101  72 92 95 98 112 100 103 99
"""
_CHROMINANCE: Final = """
17 18 24 47 99 99 99 99  18 21 26 66 99 99 99 99  24 26 56 99 99 99 99 99  47 66 99 99 99 99 99 99
99 99 99 99 99 99 99 99  99 99 99 99 99 99 99 99  99 99 99 99 99 99 99 99  99 99 99 99 99 99 99 99
"""


def estimate_quality(tables: Mapping[int, Sequence[int]]) -> int | None:
    """The quality, 1 to 100, at which libjpeg's tables come nearest to these; None without a table.

    ``tables``: table number -> 64 steps, row by row; 0 is luminance and 1 chrominance. Exact for files that
    libjpeg wrote; for other encoders, which scale tables of their own, the nearest in the mean of log steps.
    """
    known = [(_LADDERS[number], steps) for number, steps in tables.items() if number in _LADDERS]
    if not known:
        return None
    # A damaged table may state a step of 0.
    gaps = [np.abs(np.log(ladder / np.maximum(steps, 1))).mean(axis=1) for ladder, steps in known]
    return int(np.argmin(np.sum(gaps, axis=0))) + 1


def _ladder(table: str) -> npt.NDArray[np.int64]:
    """A table at the qualities 1 to 100, 100 x 64, as libjpeg scales it."""
    quality = np.arange(1, 101)
    percent = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    base = np.array(table.split(), dtype=np.int64)
    return np.clip((percent[:, None] * base + 50) // 100, 1, 255)


_LADDERS: Final = {0: _ladder(_LUMINANCE), 1: _ladder(_CHROMINANCE)}
