"""The formats that Pillow decodes: WebP, AVIF, GIF, BMP, JPEG 2000, and what JPEG shares with them."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, TypeVar

import numpy as np
from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.WebPImagePlugin import WebPImageFile

from unprompt.images.boxes import colour_of
from unprompt.images.decoders.exif import orientation_of, quiet
from unprompt.images.limits import Limits
from unprompt.images.primaries import from_code_points
from unprompt.images.raster import Raster, Samples, Space

_PLAIN: Final = frozenset({"1", "P", "RGB", "RGBX", "YCbCr"})
_SIXTEEN_BITS: Final = frozenset({"I;16", "I;16L", "I;16B", "I;16N"})
_RUN_LENGTH: Final = 8
"""How many times fewer pixels a run-length BMP may have: Pillow's decoder for it is slow, and two bytes tell 255."""


File = TypeVar("File", bound=ImageFile)


def opened(kind: type[File], data: bytes) -> File:
    """A picture with its header read.

    Each format's decoder is called by its class: Image.open holds every picture to a process-wide pixel limit instead
    of ours, and changing that limit would change it for the caller too.
    """
    with quiet():
        image = kind(io.BytesIO(data))
    if 0 in image.size:
        raise ValueError(f"{image.width} x {image.height} pixels")
    return image


def raster_of(image: Image.Image) -> Raster:
    """A loaded picture; ValueError for a mode whose range nobody states."""
    space, samples, alpha = _samples(image)
    profile = image.info.get("icc_profile") or None
    return Raster(samples, space, image.width, image.height, alpha, profile, orientation_of(image))


def decode_webp(data: bytes, uri: str, limits: Limits) -> Raster:
    """WebP, lossy or lossless."""
    return _decode(WebPImageFile, data, uri, limits)


def decode_gif(data: bytes, uri: str, limits: Limits) -> Raster:
    """GIF."""
    return _decode(GifImageFile, data, uri, limits)


def decode_avif(data: bytes, uri: str, limits: Limits) -> Raster:
    """AVIF; 10 and 12 bits are rounded to 8 by libavif."""
    return coloured(_decode(AvifImageFile, data, uri, limits), data)


def decode_jpeg2000(data: bytes, uri: str, limits: Limits) -> Raster:
    """JPEG 2000, in a file or as a bare code stream."""
    return coloured(_decode(Jpeg2KImageFile, data, uri, limits), data)


def decode_bmp(data: bytes, uri: str, limits: Limits) -> Raster:
    """BMP; a profile that lies within it is honoured."""
    packed = len(data) >= 34 and struct.unpack_from("<I", data, 30)[0] in (1, 2)
    smaller = replace(limits, max_pixels=max(1, limits.max_pixels // _RUN_LENGTH)) if packed else limits
    return replace(_decode(BmpImageFile, data, uri, smaller), profile=_bmp_profile(data))


def coloured(raster: Raster, data: bytes) -> Raster:
    """With the colours that the file's boxes state, where it brings no profile elsewhere."""
    icc, points = colour_of(data)
    if raster.profile or icc:
        return replace(raster, profile=raster.profile or icc)
    if points is None:
        return raster
    profile, warnings = from_code_points(*points)
    return replace(raster, profile=profile, warnings=(*raster.warnings, *warnings))


def _decode(kind: type[ImageFile], data: bytes, uri: str, limits: Limits) -> Raster:
    image = opened(kind, data)
    limits.check_pixels(*image.size, uri)
    image.load()
    return raster_of(image)


def _samples(image: Image.Image) -> tuple[Space, Samples, Samples | None]:
    if image.mode in _SIXTEEN_BITS:
        return "grey", np.asarray(image).astype(np.uint16), None
    if image.mode == "LA":
        return "grey", np.array(image.getchannel("L")), np.array(image.getchannel("A"))
    if image.has_transparency_data:
        layer = np.array(image.convert("RGBA"))
        return "RGB", np.ascontiguousarray(layer[..., :3]), layer[..., 3]
    if image.mode == "L":
        return "grey", np.array(image), None
    if image.mode == "CMYK":
        return "CMYK", np.array(image), None
    if image.mode in _PLAIN:
        return "RGB", np.array(image if image.mode == "RGB" else image.convert("RGB")), None
    raise ValueError(f"pixels of mode {image.mode}, not 8 or 16 bits a channel of grey, RGB, CMYK or a palette")


def _bmp_profile(data: bytes) -> bytes | None:
    """The profile of a header of 124 bytes that says MBED."""
    if len(data) < 138 or struct.unpack_from("<I", data, 14)[0] != 124 or data[70:74] != b"DEBM":
        return None
    offset, size = struct.unpack_from("<II", data, 14 + 112)
    return data[14 + offset : 14 + offset + size] or None


Decoder = Callable[[bytes, str, Limits], Raster]
PILLOW: Final[Mapping[str, Decoder]] = {
    "WEBP": decode_webp,
    "AVIF": decode_avif,
    "GIF": decode_gif,
    "BMP": decode_bmp,
    "JPEG2000": decode_jpeg2000,
}
