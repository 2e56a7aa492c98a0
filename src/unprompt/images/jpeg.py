"""Pictures as JPEG files, all by one encoder and one setting."""

from __future__ import annotations

import io
from typing import Final

from PIL import Image

from unprompt.errors import OptionError, PictureTooLarge
from unprompt.types import RGB

LONGEST: Final = 65500
"""Pixels a side that libjpeg writes at most."""


def encode_jpeg(rgb: RGB, quality: int) -> bytes:
    """H x W x 3 uint8 -> a JPEG file by libjpeg's tables of ``quality``, 1 to 100, with chroma at half size (4:2:0).

    :class:`PictureTooLarge` above 65500 pixels a side.
    """
    if not 1 <= quality <= 100:
        raise OptionError(f"the JPEG quality is {quality}; expected 1 to 100, such as 96")
    height, width = rgb.shape[:2]
    if max(width, height) > LONGEST:
        raise PictureTooLarge(f"{width} x {height} pixels; JPEG takes at most {LONGEST} a side: make it smaller")
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return file.getvalue()
