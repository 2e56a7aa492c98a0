"""What EXIF says of a picture's pixels: which way is up, and Adobe RGB."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from PIL import ExifTags, Image

_quiet = threading.Lock()
"""Filters of warnings belong to the process: two threads that silence them at once would leave them silent."""
ADOBE_RGB: Final = "R03"
"""Interoperability index of a camera's pictures in Adobe RGB (DCF 2.0)."""


@contextmanager
def quiet() -> Iterator[None]:
    """No warning of Pillow's about metadata, which do not touch the pixels."""
    with _quiet, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def orientation_of(source: Image.Image | bytes) -> int:
    """The orientation that a picture or some EXIF bytes state, 1 to 8; 1 where they are damaged."""
    with quiet():
        try:
            value = int(_read(source).get(ExifTags.Base.Orientation, 1))
        except Exception:  # Pillow raises a dozen kinds; damaged EXIF is no reason to refuse sound pixels
            return 1
    return value if 1 <= value <= 8 else 1


def is_adobe_rgb(image: Image.Image) -> bool:
    """Whether a camera says in EXIF alone that the pixels are Adobe RGB (1998)."""
    with quiet():
        try:
            stated = image.getexif().get_ifd(ExifTags.IFD.Interop).get(1, "")
        except Exception:  # as above
            return False
    return str(stated).strip("\0 ") == ADOBE_RGB


def _read(source: Image.Image | bytes) -> Image.Exif:
    if isinstance(source, Image.Image):
        return source.getexif()
    exif = Image.Exif()
    if source:
        exif.load(source)
    return exif
