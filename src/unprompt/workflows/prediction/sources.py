"""What a picture can be handed over as, besides a path: bytes, a file object, Pillow's image, an array."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, TypeAlias, cast

import numpy as np
import numpy.typing as npt
from PIL import Image

from unprompt.errors import UnreadablePicture
from unprompt.images import Limits, encode_png, from_array, from_image, read_isolated
from unprompt.types import Picture
from unprompt.workflows.prediction.remote import RemoteFile

Source: TypeAlias = (
    str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Image.Image | npt.NDArray[np.uint8]
)
_EXPECTED = "expected a path, the bytes of a picture's file, a file object, a PIL.Image or an array of H x W x 3 uint8"


def each_of(pictures: Source | Iterable[Source]) -> Iterable[Source]:
    """Several as they come, and one as one: an array or a file can be iterated too.

    >>> each_of("a.png"), each_of(["a.png", b"GIF89a"])
    (['a.png'], ['a.png', b'GIF89a'])
    """
    several = kind_of(pictures) == "object" and isinstance(pictures, Iterable)
    return cast("Iterable[Source]", pictures if several else [pictures])


def kind_of(source: object) -> str:
    """The kind of a source in a word; ``object`` for what is none.

    >>> kind_of(b"GIF89a"), kind_of(3)
    ('bytes', 'object')
    """
    if isinstance(source, (str, os.PathLike)):
        return "path"
    if isinstance(source, (bytes, bytearray, memoryview)):
        return "bytes"
    if isinstance(source, Image.Image):
        return "image"
    if isinstance(source, np.ndarray):
        return "array"
    return "file" if hasattr(source, "read") else "object"


def read_source(source: Source | RemoteFile, uri: str, limits: Limits) -> Picture:
    """The picture, decoded apart from this process where it is a file's bytes; UnreadablePicture for any other object.

    A file object is read from where it stands, and stays open.
    """
    if isinstance(source, np.ndarray):
        return from_array(source, uri, limits)
    if isinstance(source, Image.Image):
        return from_image(source, uri, limits)
    if isinstance(source, (str, os.PathLike)):
        return read_isolated(Path(source), uri, limits)
    return read_isolated(_data(source, uri, limits), uri, limits)


def encoded(source: Source, uri: str, limits: Limits) -> bytes:
    """The bytes of a picture's file, those of an image or array as PNG; UnreadablePicture where there are none.

    >>> encoded(b"GIF89a", "picture 1", Limits())
    b'GIF89a'
    """
    if isinstance(source, (Image.Image, np.ndarray)):
        return encode_png(read_source(source, uri, limits).rgb)
    if isinstance(source, (str, os.PathLike)):
        try:
            return Path(source).read_bytes()
        except (OSError, ValueError) as error:  # ValueError: a name that no file system takes
            raise UnreadablePicture(f"{uri}: cannot be opened: {error}; expected a readable file") from error
    return _data(source, uri, limits)


def _data(source: bytes | bytearray | memoryview | BinaryIO | RemoteFile, uri: str, limits: Limits) -> bytes:
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source)
    if not hasattr(source, "read"):
        raise UnreadablePicture(f"{uri}: got {type(source).__name__}; {_EXPECTED}")
    try:
        data = source.read(limits.max_bytes + 1)
    except (OSError, ValueError) as error:  # ValueError: a closed one, or one that is not opened for reading
        raise UnreadablePicture(f"{uri}: cannot be read: {error}; expected an open file of bytes") from error
    if not isinstance(data, bytes):
        raise UnreadablePicture(f"{uri}: its read() gives {type(data).__name__}; expected bytes: open it with 'rb'")
    return data
