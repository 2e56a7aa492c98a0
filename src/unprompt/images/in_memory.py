"""Pictures that are pixels already: an array, or an image that Pillow opened. No file is behind them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from unprompt.errors import PictureError, UnreadablePicture
from unprompt.images.colour import to_srgb
from unprompt.images.decode import hash_pixels, upright
from unprompt.images.decoders.pillow import raster_of
from unprompt.images.limits import DEFAULT_LIMITS, Limits
from unprompt.types import RGB, Picture


def from_array(array: npt.NDArray[np.uint8], uri: str, limits: Limits = DEFAULT_LIMITS) -> Picture:
    """A copy of H x W x 3 uint8, sRGB and upright; UnreadablePicture for any other array.

    Without a file ``sha256`` and ``format`` are empty.
    """
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8 or 0 in array.shape:
        raise UnreadablePicture(
            f"{uri}: got an array of {array.dtype} of shape {array.shape}; expected uint8 of H x W x 3, sRGB: "
            "convert it first"
        )
    height, width = array.shape[:2]
    limits.check_pixels(width, height, uri)
    return _picture(np.array(array, order="C"), uri, width, height)


def from_image(image: Image.Image, uri: str, limits: Limits = DEFAULT_LIMITS) -> Picture:
    """A Pillow image under the policy of :func:`~unprompt.images.read`: sRGB, upright, over white.

    Raises UnreadablePicture for a mode without a known range, and for a file that Pillow cannot go on reading.
    ``sha256`` and ``format`` are empty: what file it came from, if any, is not told by its pixels.
    """
    limits.check_pixels(*image.size, uri)
    try:
        image.load()
        raster = raster_of(image)
        rgb, warnings = to_srgb(raster)
    except PictureError:
        raise
    except Exception as error:  # Pillow's kinds are as many as its formats
        raise UnreadablePicture(
            f"{uri}: Pillow's image of mode {image.mode} and {image.width} x {image.height} pixels gives none: "
            f"{str(error) or type(error).__name__}; expected a whole image of 8 or 16 bits: convert it to RGB first"
        ) from error
    return _picture(upright(rgb, raster.orientation), uri, raster.width, raster.height, warnings)


def _picture(rgb: RGB, uri: str, width: int, height: int, warnings: tuple[str, ...] = ()) -> Picture:
    pixels = np.require(rgb, requirements=["C", "W"])
    return Picture(uri, pixels, "", hash_pixels(pixels), width, height, "", None, warnings=warnings)
