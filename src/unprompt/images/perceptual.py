"""A hash that pictures keep when they are recompressed or resized: near-duplicates are near in it."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from unprompt.types import RGB

SIDE: Final = 32
"""Pixels of the small grey picture that is hashed."""
KEPT: Final = 8
"""Frequencies kept in each direction: 8 x 8 = 64 bits."""


def perceptual_hash(rgb: RGB) -> int:
    """64 bits: which of the lowest 8 x 8 frequencies, the mean left out, lie above their median.

    The picture is made grey (ITU-R 601) and shrunk to 32 x 32 by area averages; of its orthonormal DCT-II the rows and
    columns 1 to 8 are taken, row by row from the highest bit. A picture without any detail hashes to 0.
    """
    from scipy.fft import dctn  # Here, since every process that decodes would wait for it.

    grey = np.asarray(Image.fromarray(rgb).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX), np.float64)
    low = dctn(grey, type=2, norm="ortho")[1 : KEPT + 1, 1 : KEPT + 1].ravel()
    # Rounding noise of the transform is no detail.
    bits = (low > np.median(low)) & (np.abs(low) > 1e-6)
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def distance(one: npt.NDArray[np.uint64], other: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Number of bits, 0 to 64, in which hashes differ, pair by pair; N uint64 each."""
    octets = np.ascontiguousarray(one ^ other)[..., None].view(np.uint8)  # N x 8
    ones: npt.NDArray[np.int64] = _ONES[octets].sum(axis=-1)
    return ones


_ONES: Final = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1).astype(np.int64)
"""Byte -> its number of set bits."""
