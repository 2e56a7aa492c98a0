"""Pictures as JPEG files, all by one encoder."""

from __future__ import annotations

import io
from typing import Final, Literal, TypeAlias, get_args

from PIL import Image

from unprompt.errors import OptionError, PictureTooLarge
from unprompt.types import RGB

LONGEST: Final = 65500
"""Pixels a side that libjpeg writes at most."""
Chroma: TypeAlias = Literal["4:2:0", "4:4:4"]
"""Colour at half the size of the grey, or at the same."""


def encode_jpeg(rgb: RGB, quality: int, chroma: Chroma = "4:2:0") -> bytes:
    """H x W x 3 uint8 -> a JPEG file by libjpeg's tables of ``quality``, 1 to 100.

    :class:`PictureTooLarge` above 65500 pixels a side.
    """
    if chroma not in get_args(Chroma):
        raise OptionError(f"the JPEG chroma is {chroma!r}; expected one of {', '.join(get_args(Chroma))}")
    if not 1 <= quality <= 100:
        raise OptionError(f"the JPEG quality is {quality}; expected 1 to 100, such as 96")
    height, width = rgb.shape[:2]
    if max(width, height) > LONGEST:
        raise PictureTooLarge(f"{width} x {height} pixels; JPEG takes at most {LONGEST} a side: make it smaller")
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=quality, subsampling=chroma)
    return file.getvalue()
