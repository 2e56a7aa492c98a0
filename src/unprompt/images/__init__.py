"""The only room that opens a picture: bytes in, upright 8-bit sRGB and its hashes out.

The policy is one for all formats and is part of every result; :func:`read` states it.
"""

from unprompt.images.decode import hash_pixels, read
from unprompt.images.formats import FORMATS, sniff
from unprompt.images.geometry import centre_crop, centre_square, fit_long, fit_short, resize
from unprompt.images.jpeg import encode_jpeg
from unprompt.images.limits import Limits
from unprompt.images.png import decode_png, encode_png
from unprompt.images.quality import estimate_quality

__all__ = [
    "FORMATS",
    "Limits",
    "centre_crop",
    "centre_square",
    "decode_png",
    "encode_jpeg",
    "encode_png",
    "estimate_quality",
    "fit_long",
    "fit_short",
    "hash_pixels",
    "read",
    "resize",
    "sniff",
]
