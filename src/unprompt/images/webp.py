"""Pictures as WebP files, as messengers and content networks send them."""

from __future__ import annotations

import io
from typing import Final

from PIL import Image

from unprompt.errors import OptionError, PictureTooLarge
from unprompt.types import RGB

LONGEST: Final = 16383
"""Pixels a side that WebP holds at most."""


def encode_webp(rgb: RGB, quality: int) -> bytes:
    """H x W x 3 uint8 -> a lossy WebP file of ``quality``, 1 to 100; PictureTooLarge above 16383 pixels a side."""
    if not 1 <= quality <= 100:
        raise OptionError(f"the WebP quality is {quality}; expected 1 to 100, such as 80")
    height, width = rgb.shape[:2]
    if max(width, height) > LONGEST:
        raise PictureTooLarge(f"{width} x {height} pixels; WebP takes at most {LONGEST} a side: make it smaller")
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "WEBP", quality=quality)
    return file.getvalue()
