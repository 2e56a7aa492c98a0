"""PNG through libpng, which checks every checksum and counts the rows; ancillary chunks state colour and no more."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

import imagecodecs
import numpy as np

from unprompt.images.decoders.exif import orientation_of
from unprompt.images.limits import Limits
from unprompt.images.primaries import SRGB, from_code_points, from_gamma
from unprompt.images.raster import Raster

_ASKED = frozenset({b"IHDR", b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"eXIf"})
_INFLATED = 32 * 1024 * 1024
"""Bytes of a profile that are inflated at most."""


def decode_png(data: bytes, uri: str, limits: Limits) -> Raster:
    """Grey or RGB of 8 or 16 bits; a palette and a transparent colour are resolved by libpng."""
    chunks = _chunks(data)
    if len(chunks.get(b"IHDR", b"")) != 13:
        raise ValueError("no header of 13 bytes")
    width, height = struct.unpack_from(">II", chunks[b"IHDR"])
    limits.check_pixels(width, height, uri)
    found = _decoded(data)
    if found.shape[:2] != (height, width):
        raise ValueError(f"{found.shape[1]} x {found.shape[0]} pixels where its header says {width} x {height}")
    channels = 1 if found.ndim == 2 else found.shape[2]
    profile, warnings = _profile(chunks)
    return Raster(
        samples=found if channels == 1 else found[..., 0] if channels == 2 else np.ascontiguousarray(found[..., :3]),
        space="grey" if channels < 3 else "RGB",
        width=width,
        height=height,
        alpha=found[..., -1] if channels in (2, 4) else None,
        profile=profile,
        orientation=orientation_of(chunks.get(b"eXIf", b"")),
        warnings=warnings,
    )


def _decoded(data: bytes) -> np.ndarray:
    """What libpng makes of the bytes; its own message is not passed on, as it lies in memory that is free by then."""
    try:
        pixels: np.ndarray = imagecodecs.png_decode(data)
    except (imagecodecs.PngError, UnicodeDecodeError) as error:
        raise ValueError("libpng finds chunks damaged or rows missing") from error
    return pixels


def _chunks(data: bytes) -> Mapping[bytes, bytes]:
    """The first of each kind that is asked for; one whose checksum is wrong is left out, as by libpng."""
    found: dict[bytes, bytes] = {}
    at = 8
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 8 + length
        if end + 4 > len(data):
            break
        if kind in _ASKED and kind not in found and _sum(data[at + 4 : end]) == data[end : end + 4]:
            found[kind] = data[at + 8 : end]
        at = end + 4
    return found


def _sum(data: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(data))


def _profile(chunks: Mapping[bytes, bytes]) -> tuple[bytes | None, tuple[str, ...]]:
    """What PNG's chunks of colour come to, in the order that the standard gives them."""
    if len(coded := chunks.get(b"cICP", b"")) == 4:
        return from_code_points(coded[0], coded[1])
    try:
        if (packed := chunks.get(b"iCCP")) is not None:
            return _inflated(packed), ()
        if b"sRGB" in chunks or not {b"gAMA", b"cHRM"} & set(chunks):
            return None, ()
        gamma = struct.unpack(">I", chunks[b"gAMA"])[0] / 100_000 if b"gAMA" in chunks else None
        places = struct.unpack(">8I", chunks[b"cHRM"]) if b"cHRM" in chunks else None
        return from_gamma(gamma, SRGB if places is None else tuple(one / 100_000 for one in places)), ()
    except (ValueError, struct.error, zlib.error, imagecodecs.CmsError) as error:
        return None, (f"its chunks of colour are not applied: {error}; colours are taken as sRGB",)


def _inflated(packed: bytes) -> bytes:
    name, _, rest = packed.partition(b"\0")
    if len(name) > 79 or rest[:1] != b"\0":
        raise ValueError("its profile is not packed as the standard says")
    inflater = zlib.decompressobj()
    profile = inflater.decompress(rest[1:], _INFLATED)
    if not inflater.eof:
        raise ValueError(f"its profile is cut, or has more than {_INFLATED} bytes")
    return profile
