"""The blocks of metadata in a file, by its structure alone: no pixel is decoded, and nothing large is unpacked."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from unprompt.images import sniff

_MOST: Final = 1_000_000
"""Bytes of a text that are unpacked."""
_TEXTS: Final = 64
"""Texts of one file that are read."""
_EXIF: Final = b"Exif\0\0"
_XMP_BEGIN, _XMP_END = b"<x:xmpmeta", b"</x:xmpmeta>"


@dataclass
class MetadataBlocks:
    """What was found; empty where there is none."""

    exif: bytes = b""
    """A TIFF structure."""
    xmp: bytes = b""
    texts: dict[str, str] = field(default_factory=dict)
    """Keyword -> text, of a PNG."""


def blocks_of(data: bytes) -> MetadataBlocks:
    """The metadata of JPEG, PNG, WebP and TIFF; of other formats the XMP packet alone, wherever it lies."""
    found = MetadataBlocks()
    kind = sniff(data)
    if kind == "JPEG":
        found.exif = next((body[6:] for body in _segments(data) if body.startswith(_EXIF)), b"")
    elif kind == "PNG":
        _read_png(data, found)
    elif kind == "WEBP":
        found.exif = next((body.removeprefix(_EXIF) for name, body in _riff(data) if name == b"EXIF"), b"")
    elif kind == "TIFF":
        found.exif = data
    found.xmp = found.xmp or _packet(data)
    return found


def _packet(data: bytes) -> bytes:
    begin = data.find(_XMP_BEGIN)
    end = data.find(_XMP_END, begin) if begin >= 0 else -1
    return data[begin : end + len(_XMP_END)][:_MOST] if end >= 0 else b""


def _segments(data: bytes) -> Iterator[bytes]:
    """The bodies of a JPEG's segments before its picture."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF and data[place + 1] != 0xDA:
        size = int.from_bytes(data[place + 2 : place + 4], "big")
        yield data[place + 4 : place + 2 + size]
        place += 2 + max(size, 2)


def _riff(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 12
    while place + 8 <= len(data):
        size = int.from_bytes(data[place + 4 : place + 8], "little")
        yield data[place : place + 4], data[place + 8 : place + 8 + size]
        place += 8 + size + size % 2


def _read_png(data: bytes, found: MetadataBlocks) -> None:
    place = 8
    while place + 8 <= len(data) and len(found.texts) < _TEXTS:
        size, name = struct.unpack_from(">I4s", data, place)
        body = data[place + 8 : place + 8 + min(size, _MOST)]
        if name == b"eXIf":
            found.exif = body
        elif name in (b"tEXt", b"zTXt", b"iTXt"):
            keyword, text = _text(name, body)
            if keyword == "XML:com.adobe.xmp":
                found.xmp = text.encode()
            else:
                found.texts[keyword] = text
        place += 12 + size


def _text(kind: bytes, body: bytes) -> tuple[str, str]:
    """Keyword and text of a chunk; a text that cannot be unpacked is empty."""
    keyword, _, rest = body.partition(b"\0")
    if kind == b"tEXt":
        return keyword.decode("latin-1"), rest.decode("latin-1")
    if kind == b"zTXt":
        return keyword.decode("latin-1"), _unpacked(rest[1:]).decode("latin-1")
    packed, text = rest[:1] == b"\1", rest[2:].split(b"\0", 2)[-1]
    return keyword.decode("latin-1"), (_unpacked(text) if packed else text).decode("utf-8", "replace")


def _unpacked(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, _MOST)
    except zlib.error:
        return b""
