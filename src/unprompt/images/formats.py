"""Which format some bytes have, by the bytes alone, whatever the file's name."""

from __future__ import annotations

import re
from typing import Final

FORMATS: Final = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP", "JPEG2000", "HEIF")
"""What is decoded; HEIF with the extra ``heif``."""

_SIGNATURES: Final = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
)
_BRANDS: Final = {
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"), "HEIF"),
}
"""Of the first brand that is known here, in this order, for a file may bear several."""
_BMP_HEADERS: Final = frozenset({12, 40, 52, 56, 64, 108, 124})
"""Sizes of the bitmap headers ever defined; "BM" alone also begins many a text."""

_DEVELOP: Final = "a camera's RAW file; expected a developed picture: export it as JPEG, PNG or TIFF"
_CONVERT: Final = "export it as PNG or JPEG"
_FRAME: Final = "a video: save a frame as PNG"
_OTHERS: Final = (
    (rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n", f"JPEG XL, of which no kept library tells the colours: {_CONVERT}"),
    (rb"FUJIFILMCCD-RAW|IIR[OS]|MMOR|IIU\0|FOVb|....ftypcrx ", _DEVELOP),
    (rb"8BPS", f"a Photoshop document: {_CONVERT}"),
    (rb"gimp xcf", f"a GIMP document: {_CONVERT}"),
    (rb"%PDF-", f"a PDF: save the picture in it, or {_CONVERT}"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", f"PostScript: {_CONVERT}"),
    (rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*(?:<!DOCTYPE svg[^>]*>\s*)?<svg", f"SVG: {_CONVERT}"),
    (rb"(?:\xef\xbb\xbf)?\s*<(?:!DOCTYPE html|html|head|body)", "a web page: save the picture in it, not the page"),
    (rb"\x76\x2f\x31\x01", f"OpenEXR: {_CONVERT}"),
    (rb"#\?RADIANCE|#\?RGBE", f"Radiance HDR: {_CONVERT}"),
    (rb"DDS ", f"a texture (DDS): {_CONVERT}"),
    (rb"\0\0[\x01\x02]\0[^\0]\0", f"an icon: {_CONVERT}"),
    (rb"icns", f"an icon: {_CONVERT}"),
    (rb"P[1-7]\s", f"a portable pixmap (PNM): {_CONVERT}"),
    (rb"qoif", f"QOI: {_CONVERT}"),
    (rb"BPG\xfb", f"BPG: {_CONVERT}"),
    (rb"II\xbc[\0\x01]", f"JPEG XR: {_CONVERT}"),
    (rb"SIMPLE  =", f"FITS: {_CONVERT}"),
    (rb".{128}DICM", f"DICOM: {_CONVERT}"),
    (rb"....ftyp|\x1a\x45\xdf\xa3|RIFF....AVI ", _FRAME),
    (rb"PK\x03\x04", "a ZIP archive: unpack it and name the pictures in it"),
)
"""How other files begin that people take for pictures, and what helps."""
_OTHER: Final = tuple((re.compile(pattern, re.DOTALL | re.IGNORECASE), remedy) for pattern, remedy in _OTHERS)


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
    if data[4:8] == b"ftyp":
        found = _brands(data)
        return next((name for brand, name in _BRANDS.items() if brand in found), None)
    if data[:2] == b"BM" and int.from_bytes(data[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    return None


def remedy(data: bytes) -> str | None:
    """The name of a format that is not decoded here, and what to do; None for bytes that are none known.

    >>> remedy(b"%PDF-1.7 ...")
    'a PDF: save the picture in it, or export it as PNG or JPEG'
    """
    return next((words for pattern, words in _OTHER if pattern.match(data[:4096])), None)


def _brands(data: bytes) -> list[bytes]:
    """Major and compatible brands of an ISO base media file (the box ``ftyp``)."""
    end = min(int.from_bytes(data[:4], "big"), len(data), 4096)
    return [data[8:12], *(data[start : start + 4] for start in range(16, end, 4))]
