"""Which format some bytes have, by the bytes alone, whatever the file's name."""

from __future__ import annotations

from typing import Final

FORMATS: Final = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP")

_SIGNATURES: Final = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
)
_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
_BMP_HEADERS: Final = frozenset({12, 40, 52, 56, 64, 108, 124})
"""Sizes of the bitmap headers ever defined; "BM" alone also begins many a text."""


def sniff(data: bytes) -> str | None:
    """One of :data:`FORMATS`, or None for bytes that begin like none of them.

    >>> sniff(b"GIF89a and so on"), sniff(b"once upon a time")
    ('GIF', None)
    """
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp" and not _AVIF_BRANDS.isdisjoint(_brands(data)):
        return "AVIF"
    if data[:2] == b"BM" and int.from_bytes(data[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    return None


def _brands(data: bytes) -> list[bytes]:
    """Major and compatible brands of an ISO base media file (the box ``ftyp``)."""
    end = min(int.from_bytes(data[:4], "big"), len(data))
    return [data[8:12], *(data[start : start + 4] for start in range(16, end, 4))]
