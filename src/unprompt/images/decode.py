"""Bytes -> :class:`~unprompt.types.Picture`, under one policy for every format."""

from __future__ import annotations

import hashlib
import io
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from PIL import ExifTags, Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from unprompt.errors import PictureError, PictureTooLarge, UnreadablePicture
from unprompt.images.colour import to_rgb
from unprompt.images.formats import FORMATS, sniff
from unprompt.images.limits import DEFAULT_LIMITS, Limits
from unprompt.images.quality import estimate_quality
from unprompt.images.ranges import ByteRange
from unprompt.types import RGB, Picture

# Each format's one decoder is called by its class: Image.open holds every picture to a process-wide
# pixel limit instead of ours, and changing that limit would change it for the caller too.
_DECODERS: Final[Mapping[str, type[ImageFile]]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "WEBP": WebPImageFile,
    "AVIF": AvifImageFile,
    "GIF": GifImageFile,
    "TIFF": TiffImageFile,
    "BMP": BmpImageFile,
}
_UPRIGHT: Final[Mapping[int, Image.Transpose]] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> what brings the picture upright; every other value leaves it as it is."""
_SIDEWAYS: Final = frozenset({5, 6, 7, 8})
_quiet = threading.Lock()
"""Filters of warnings belong to the process: two threads that silence them at once would leave them silent."""


def read(source: Path | bytes, uri: str, limits: Limits = DEFAULT_LIMITS) -> Picture:
    """Decode one picture; ``uri`` is its name in results and messages. A path may be a :class:`ByteRange`.

    The policy: the content decides the format; what passes ``limits`` is refused by its header; of several
    frames or pages the first counts; the orientation stored with the picture is applied; transparency lies
    over white; 16 bits keep the high byte; grey, palette and CMYK become RGB; colour profiles are not applied.
    A truncated file is an error; the one damage that cannot be seen is a JPEG whose data stop early before a
    proper end marker, because libjpeg paints the rest grey and Pillow passes no word of it on.
    Raises UnreadablePicture (missing, empty, not a picture, damaged, truncated) or PictureTooLarge.
    """
    data = source if isinstance(source, bytes) else _load(source, uri, limits)
    limits.check_bytes(len(data), uri)
    name = sniff(data)
    if name is None:
        raise UnreadablePicture(
            f"{uri}: not a picture: {_glimpse(data)}; expected {', '.join(FORMATS[:-1])} or {FORMATS[-1]}, "
            "whatever the suffix: convert the file, or leave it out"
        )
    with _translated(f"{uri}: damaged or truncated {name}", data), _enough_memory(uri):
        image = _open(name, data)
        limits.check_pixels(*image.size, uri)
        orientation = _orientation(image)
        width, height = _stored_size(image, orientation)
        image.load()
        rgb = np.array(_upright(to_rgb(image), 1 if name == "TIFF" else orientation))
    return Picture(
        uri=uri,
        rgb=rgb,
        sha256=hashlib.sha256(data).hexdigest(),
        pixels=hash_pixels(rgb),
        width=width,
        height=height,
        format=name,
        quality=estimate_quality(image.quantization) if isinstance(image, JpegImageFile) else None,
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
    if path.exists() and not path.is_file():
        what = "a folder" if path.is_dir() else "a device or pipe"
        raise UnreadablePicture(f"{uri}: {what}; expected a picture's file: name the files in it")
    try:
        limits.check_bytes(path.stat().st_size if part is None else part.length, uri)
        return path.read_bytes() if part is None else part.read()
    except OSError as error:
        raise UnreadablePicture(
            f"{uri}: cannot be opened: {error.strerror}; expected a readable file: check the path"
        ) from error


def _open(name: str, data: bytes) -> ImageFile:
    """The picture with its header read."""
    with _quiet, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about metadata, which does not touch the pixels
        image = _DECODERS[name](io.BytesIO(data))
    if 0 in image.size:
        raise ValueError(f"{image.width} x {image.height} pixels")
    return image


def _orientation(image: Image.Image) -> int:
    """The stored orientation, 1 to 8; Pillow decompresses a PNG to look for it behind the pixels."""
    with _quiet, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return int(image.getexif().get(ExifTags.Base.Orientation, 1))
        except Exception:  # Pillow raises a dozen kinds; damaged EXIF is no reason to refuse sound pixels
            return 1


def _stored_size(image: Image.Image, orientation: int) -> tuple[int, int]:
    """Width and height before turning; Pillow alone turns TIFF, and reports the turned size from the start."""
    turned = isinstance(image, TiffImageFile) and orientation in _SIDEWAYS
    return (image.height, image.width) if turned else image.size


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


@contextmanager
def _enough_memory(uri: str) -> Iterator[None]:
    """Lack of memory is no damage."""
    try:
        yield
    except MemoryError as error:
        raise PictureTooLarge(
            f"{uri}: not enough memory to decode it; expected several bytes for each of its pixels to be free: make "
            "the picture smaller, or free memory"
        ) from error


@contextmanager
def _translated(what: str, data: bytes) -> Iterator[None]:
    """Turn whatever a decoder raises on damaged bytes into an UnreadablePicture."""
    try:
        yield
    except PictureError:
        raise
    except Image.DecompressionBombError as error:
        raise PictureTooLarge(f"{what}: {error}; Pillow opens no larger one: make it smaller") from error
    except Exception as error:  # the kinds are as many as the decoders, and none may leave this package
        raise UnreadablePicture(
            f"{what}: {str(error) or type(error).__name__}: {_glimpse(data)}; "
            "expected a whole picture: fetch or export it again"
        ) from error


def _glimpse(data: bytes) -> str:
    return f"{len(data)} bytes beginning with {data[:12]!r}" if data else "an empty file of 0 bytes"
