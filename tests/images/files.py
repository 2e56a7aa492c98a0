"""Pictures' files made on the spot: every format, and some that no encoder writes."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

LOSSLESS: Mapping[str, dict[str, Any]] = {
    "PNG": {},
    "WEBP": {"lossless": True},
    "TIFF": {},
    "BMP": {},
}
LOSSY: Mapping[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "AVIF": {"quality": 95, "subsampling": "4:4:4", "max_threads": 1},
}
SAVED: Mapping[str, dict[str, Any]] = {**LOSSLESS, **LOSSY, "GIF": {}}


def scene(width: int = 24, height: int = 16) -> npt.NDArray[np.uint8]:
    """Smooth, coloured, and different in every corner."""
    y, x = np.mgrid[0:height, 0:width]
    across, down = x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1)
    return np.stack([across, down, (across + 255 - down) // 2], axis=2).astype(np.uint8)


def save(image: Image.Image | npt.NDArray[np.uint8], format_: str, **options: Any) -> bytes:
    """The bytes of a file."""
    if not isinstance(image, Image.Image):
        image = Image.fromarray(image)
    file = io.BytesIO()
    image.save(file, format_, **{**SAVED[format_], **options})
    return file.getvalue()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, bits: int, colour: int, samples: npt.NDArray[Any] | None, extra: bytes = b"") -> bytes:
    """A PNG file from its parts; ``colour`` is 0 grey, 2 RGB, 4 grey + alpha, 6 RGBA; without samples a mere header."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    rows = b"" if samples is None else b"".join(b"\0" + row.tobytes() for row in samples)
    return b"\x89PNG\r\n\x1a\n" + header + extra + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")


def jpeg_resized(data: bytes, width: int, height: int) -> bytes:
    """A JPEG whose frame header states another size."""
    start = data.index(b"\xff\xc0") + 5
    return data[:start] + struct.pack(">HH", height, width) + data[start + 4 :]
