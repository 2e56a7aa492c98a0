"""Bytes -> :class:`~unprompt.types.Picture`, under one policy for every format."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from unprompt.errors import PictureError, PictureTooLarge, UnreadablePicture
from unprompt.images.colour import to_srgb
from unprompt.images.decoders import DECODERS
from unprompt.images.formats import FORMATS, remedy, sniff
from unprompt.images.limits import DEFAULT_LIMITS, Limits
from unprompt.images.ranges import ByteRange
from unprompt.types import RGB, Picture

POLICY: Final = 2
"""Version of the policy that :func:`read` states; it goes up when the pixels of some sound file change."""
_FLIPPED: Final[Mapping[int, tuple[int, ...]]] = {2: (1,), 3: (0, 1), 4: (0,), 6: (0,), 7: (0, 1), 8: (1,)}
"""EXIF orientation -> axes that are turned round; from 5 on rows and columns are exchanged then."""


def read(source: Path | bytes, uri: str, limits: Limits = DEFAULT_LIMITS) -> Picture:
    """Decode one picture; ``uri`` is its name in results and messages. A path may be a :class:`ByteRange`.

    The policy (:data:`POLICY`): the content decides the format; what passes ``limits`` is refused by its header, but a
    baseline JPEG is decoded at a smaller scale; of several frames or pages the first counts; colours are converted to
    sRGB by what the file states (ICC profile, code points, gamma, Adobe RGB in EXIF), at 16 bits where it has them, and
    a profile that cannot be honoured leaves the values as they are, with a warning; the orientation stored with the
    picture is applied; transparency lies over white; grey, palette, CMYK and Lab become RGB.

    A truncated file is an error, and so is a PNG of which a checksum is wrong. Damage cannot be seen in the data of
    JPEG, GIF, lossy WebP, BMP and most TIFF, which bear no checksum; a JPEG whose data stop early before a proper end
    marker gets a warning where the grey that libjpeg paints fills the last rows.
    Raises UnreadablePicture (missing, empty, not a picture, damaged, truncated) or PictureTooLarge.
    """
    data = source if isinstance(source, bytes) else _load(source, uri, limits)
    limits.check_bytes(len(data), uri)
    name = sniff(data)
    if name is None:
        told = remedy(data)
        raise UnreadablePicture(
            f"{uri}: {told}"
            if told
            else f"{uri}: not a picture: {_glimpse(data)}; expected {', '.join(FORMATS[:-1])} or {FORMATS[-1]}, "
            "whatever the suffix: convert the file, or leave it out"
        )
    with _translated(f"{uri}: damaged or truncated {name}", uri, data):
        raster = DECODERS[name](data, uri, limits)
        rgb, warnings = to_srgb(raster)
        rgb = np.require(upright(rgb, raster.orientation), requirements=["C", "W"])
    return Picture(
        uri=uri,
        rgb=rgb,
        sha256=hashlib.sha256(data).hexdigest(),
        pixels=hash_pixels(rgb),
        width=raster.width,
        height=raster.height,
        format=name,
        quality=raster.quality,
        warnings=(*raster.warnings, *warnings),
    )


def hash_pixels(rgb: RGB) -> str:
    """SHA-256 over height, width and the pixels row by row: equal for equal pictures, whatever the file."""
    height, width = rgb.shape[:2]
    digest = hashlib.sha256(f"{height}x{width}:".encode())
    digest.update(np.ascontiguousarray(rgb).data)
    return digest.hexdigest()


def _load(path: Path, uri: str, limits: Limits) -> bytes:
    part = ByteRange.of(str(path))
    path = path if part is None else Path(part.file)
    try:
        if path.exists() and not path.is_file():
            what = "a folder" if path.is_dir() else "a device or pipe"
            raise UnreadablePicture(f"{uri}: {what}; expected a picture's file: name the files in it")
        limits.check_bytes(path.stat().st_size if part is None else part.length, uri)
        return path.read_bytes() if part is None else part.read()
    except (OSError, ValueError) as error:  # ValueError: a name that no file system takes
        reason = (error.strerror if isinstance(error, OSError) else "") or error
        raise UnreadablePicture(
            f"{uri}: cannot be opened: {reason}; expected a readable file: check the path"
        ) from error


def upright(rgb: RGB, orientation: int) -> RGB:
    """The pixels turned as an EXIF orientation of 1 to 8 asks."""
    if orientation == 1:
        return rgb
    flipped: RGB = np.flip(rgb, _FLIPPED.get(orientation, ()))
    return flipped.transpose(1, 0, 2) if orientation in range(5, 9) else flipped


@contextmanager
def _translated(what: str, uri: str, data: bytes) -> Iterator[None]:
    """Turn whatever a decoder raises on damaged bytes into an UnreadablePicture."""
    try:
        yield
    except PictureError:
        raise
    except Image.DecompressionBombError as error:
        raise PictureTooLarge(f"{what}: {error}; Pillow opens no larger one: make it smaller") from error
    except MemoryError as error:
        raise PictureTooLarge(f"{uri}: not enough memory to decode {len(data)} bytes: make it smaller") from error
    except Exception as error:  # the kinds are as many as the decoders, and none may leave this package
        raise UnreadablePicture(
            f"{what}: {str(error) or type(error).__name__}: {_glimpse(data)}; "
            "expected a whole picture: fetch or export it again"
        ) from error


def _glimpse(data: bytes) -> str:
    return f"{len(data)} bytes beginning with {data[:12]!r}" if data else "an empty file of 0 bytes"
