"""Every pixel mode of the seven formats -> 8-bit RGB over white."""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image, ImageChops
from PIL.JpegImagePlugin import JpegImageFile

_COLOURS: Final = frozenset({"1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr"})
_SIXTEEN_BITS: Final = frozenset({"I;16", "I;16L", "I;16B", "I;16N"})


def to_rgb(image: Image.Image) -> Image.Image:
    """A loaded picture in mode RGB; ValueError for a mode whose range nobody states (32 bits, Lab).

    16 bits keep their high byte: here for greyscale, and in Pillow's own decoders for colour, so both
    agree and 257 * v comes back as v.
    """
    if image.mode in _SIXTEEN_BITS:
        image = _eight_bits(image)
    if image.mode == "CMYK":
        image = _true_ink(image)
    if image.has_transparency_data:
        return _over_white(image)
    if image.mode in _COLOURS:
        return image.convert("RGB")
    raise ValueError(f"pixels of mode {image.mode}, not 8 or 16 bits a channel of grey, RGB, CMYK or a palette")


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey -> L, or LA where one grey is declared transparent."""
    grey = np.asarray(image)
    scaled = Image.fromarray((grey >> 8).astype(np.uint8))
    if (key := image.info.get("transparency")) is not None:
        scaled.putalpha(Image.fromarray(np.where(grey == key, 0, 255).astype(np.uint8)))
    return scaled


def _true_ink(image: Image.Image) -> Image.Image:
    """Ink as it is: Pillow takes every CMYK JPEG for an inverted one, but only those with Adobe's marker are."""
    plain = isinstance(image, JpegImageFile) and "adobe" not in image.info
    return ImageChops.invert(image) if plain else image


def _over_white(image: Image.Image) -> Image.Image:
    key = image.info.get("transparency")
    if isinstance(key, tuple) and max(key) > 255:
        # The colour key of a 16-bit picture fits no pixel any more: Pillow has dropped the low bytes.
        return image.convert("RGB")
    layer = image.convert("RGBA")
    white = Image.new("RGB", image.size, "white")
    white.paste(layer, mask=layer.getchannel("A"))
    return white
