"""The only package that opens a picture: bytes in, upright 8-bit sRGB and its hashes out.

The policy is one for all formats and is part of every result; :func:`read` states it. What people hand over is read by
:func:`read_isolated`, in a process that can be stopped; what the package made itself, by :func:`read`.
"""

from unprompt.images.decode import POLICY, hash_pixels, read
from unprompt.images.decoder import read_isolated, start_decoder
from unprompt.images.formats import FORMATS, sniff
from unprompt.images.geometry import (
    centre_crop,
    centre_square,
    crop_at,
    cut_out,
    fit_long,
    fit_short,
    long_size,
    resize,
)
from unprompt.images.in_memory import from_array, from_image
from unprompt.images.jpeg import Chroma, encode_jpeg
from unprompt.images.limits import DEFAULT_LIMITS, PIXELS_IN_MEMORY, Limits
from unprompt.images.perceptual import distance, perceptual_hash
from unprompt.images.png import decode_png, encode_png
from unprompt.images.quality import estimate_quality
from unprompt.images.ranges import ByteRange, file_of
from unprompt.images.tone import is_toned
from unprompt.images.webp import encode_webp

__all__ = [
    "DEFAULT_LIMITS",
    "FORMATS",
    "PIXELS_IN_MEMORY",
    "POLICY",
    "ByteRange",
    "Chroma",
    "Limits",
    "centre_crop",
    "centre_square",
    "crop_at",
    "cut_out",
    "decode_png",
    "distance",
    "encode_jpeg",
    "encode_png",
    "encode_webp",
    "estimate_quality",
    "file_of",
    "fit_long",
    "fit_short",
    "from_array",
    "from_image",
    "hash_pixels",
    "is_toned",
    "long_size",
    "perceptual_hash",
    "read",
    "read_isolated",
    "resize",
    "sniff",
    "start_decoder",
]
