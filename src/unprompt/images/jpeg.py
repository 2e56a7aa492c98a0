"""Pictures as JPEG files, all by one encoder and one setting."""

from __future__ import annotations

import io

from PIL import Image

from unprompt.errors import OptionError
from unprompt.types import RGB


def encode_jpeg(rgb: RGB, quality: int) -> bytes:
    """H x W x 3 uint8 -> a baseline JPEG file at 4:2:0 without metadata; ``quality`` is libjpeg's, 1 to 100."""
    if not 1 <= quality <= 100:
        raise OptionError(f"the JPEG quality is {quality}; expected 1 to 100, such as 96")
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return file.getvalue()
