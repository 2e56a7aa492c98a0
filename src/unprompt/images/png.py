"""Lossless storage of pictures that instruments made."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from unprompt.errors import UnreadablePicture
from unprompt.images.decode import read
from unprompt.types import RGB


def encode_png(rgb: RGB) -> bytes:
    """H x W x 3 uint8 -> a PNG file without metadata: equal pictures give equal bytes.

    >>> np.array_equal(decode_png(encode_png(np.zeros((2, 3, 3), np.uint8))), np.zeros((2, 3, 3)))
    True
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise ValueError(f"expected uint8 of shape H x W x 3, got {rgb.dtype} of shape {rgb.shape}")
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "PNG", compress_level=6)
    return file.getvalue()


def decode_png(data: bytes) -> RGB:
    """What :func:`encode_png` was given, H x W x 3 uint8; UnreadablePicture for anything but a whole PNG."""
    picture = read(data, "stored picture")
    if picture.format != "PNG":
        raise UnreadablePicture(
            f"stored picture: {picture.format}; expected PNG: delete the stored file and extract again"
        )
    return picture.rgb
