"""HEIC and HEIF through libheif, by the optional package pillow-heif."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np

from unprompt.errors import UnreadablePicture
from unprompt.images.decoders.pillow import coloured
from unprompt.images.limits import Limits
from unprompt.images.raster import Raster


def decode_heif(data: bytes, uri: str, limits: Limits) -> Raster:
    """The primary picture, turned as the file says; 10 and 12 bits are kept."""
    if find_spec("pillow_heif") is None:
        raise UnreadablePicture(
            f"{uri}: HEIC, which needs the package pillow-heif: pip install 'unprompt[heif]', or export it as JPEG"
        )
    import pillow_heif  # an extra

    image = pillow_heif.open_heif(data, convert_hdr_to_8bit=False)
    width, height = image.size
    limits.check_pixels(width, height, uri)
    found = np.asarray(image)
    channels = 1 if found.ndim == 2 else found.shape[2]
    raster = Raster(
        samples=found if channels == 1 else np.ascontiguousarray(found[..., :3]),
        space="grey" if channels == 1 else "RGB",
        width=width,
        height=height,
        alpha=found[..., 3] if channels == 4 else None,
        profile=image.info.get("icc_profile"),
    )
    return coloured(raster, data)
