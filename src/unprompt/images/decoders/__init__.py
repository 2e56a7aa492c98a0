"""One decoder for each format: bytes, a name for messages and limits in, a :class:`~unprompt.images.raster.Raster` out.

The size is checked by the header before anything is decompressed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from unprompt.images.decoders.heif import decode_heif
from unprompt.images.decoders.jpeg import decode_jpeg
from unprompt.images.decoders.pillow import PILLOW, Decoder
from unprompt.images.decoders.png import decode_png
from unprompt.images.limits import Limits
from unprompt.images.raster import Raster


def decode_tiff(data: bytes, uri: str, limits: Limits) -> Raster:
    """By :mod:`unprompt.images.decoders.tiff`, imported here, since few pictures need the library that it imports."""
    from unprompt.images.decoders import tiff

    return tiff.decode_tiff(data, uri, limits)


DECODERS: Final[Mapping[str, Decoder]] = {
    "JPEG": decode_jpeg,
    "PNG": decode_png,
    "TIFF": decode_tiff,
    "HEIF": decode_heif,
    **PILLOW,
}
"""Name of a format, as :func:`~unprompt.images.formats.sniff` says it, to its decoder."""
