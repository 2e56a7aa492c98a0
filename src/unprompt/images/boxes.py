"""The boxes of ISO base media files (AVIF, HEIF) and of JPEG 2000, as far as they state colour."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

_FULL: Final = frozenset({b"meta", b"iprp", b"ipco", b"jp2h"})
"""Boxes of boxes that lead to ``colr``."""
_DEEPEST: Final = 4


def colour_of(data: bytes) -> tuple[bytes | None, tuple[int, int] | None]:
    """The ICC profile, and primaries and transfer as code points, that a file states for its picture; None without.

    Of several, those of the primary item count, else the first. What is damaged states nothing.
    """
    try:
        stated = list(_colours(data))
    except (struct.error, IndexError):
        return None, None
    icc = next((body[4:] for body in stated if body[:4] in (b"prof", b"rICC")), None)
    restricted = next((body[3:] for body in stated if body[:1] == b"\2"), None)  # JPEG 2000: method 2
    points = next((body for body in stated if body[:4] == b"nclx" and len(body) >= 8), None)
    return icc or restricted, None if points is None else struct.unpack(">HH", points[4:8])


def _colours(data: bytes) -> Iterator[bytes]:
    """Bodies of the boxes ``colr``; those of the primary item where the file says which they are."""
    meta = _first(data, b"meta")
    if meta is None:
        yield from _all(data, b"colr", 0)
        return
    properties = _first(_first(meta[4:], b"iprp") or b"", b"ipco") or b""
    every = list(_walk(properties))
    wanted = _properties_of_primary(meta[4:])
    yield from (body for place, (kind, body) in enumerate(every, 1) if kind == b"colr" and place in wanted)
    yield from (body for kind, body in every if kind == b"colr" and not wanted)


def _properties_of_primary(meta: bytes) -> frozenset[int]:
    """Numbers, from 1, of the properties of the primary item (boxes ``pitm`` and ``ipma``)."""
    primary, links = _first(meta, b"pitm"), _first(_first(meta, b"iprp") or b"", b"ipma")
    if primary is None or links is None:
        return frozenset()
    wanted = struct.unpack_from(">I" if primary[0] else ">H", primary, 4)[0]
    wide, item = links[3] & 1, ">I" if links[0] else ">H"
    at = 8
    for _ in range(min(struct.unpack_from(">I", links, 4)[0], len(links))):
        number = struct.unpack_from(item, links, at)[0]
        at += struct.calcsize(item)
        count = links[at]
        found = struct.unpack_from(f">{count}{'H' if wide else 'B'}", links, at + 1)
        at += 1 + count * (2 if wide else 1)
        if number == wanted:
            return frozenset(one & (0x7FFF if wide else 0x7F) for one in found)
    return frozenset()


def _first(data: bytes, kind: bytes) -> bytes | None:
    return next((body for name, body in _walk(data) if name == kind), None)


def _all(data: bytes, kind: bytes, depth: int) -> Iterator[bytes]:
    for name, body in _walk(data):
        if name == kind:
            yield body
        elif name in _FULL and depth < _DEEPEST:
            yield from _all(body, kind, depth + 1)


def _walk(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and body of the boxes side by side, until one does not fit."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1:
            size, head = struct.unpack_from(">Q", data, at + 8)[0], 16
        elif size == 0:
            size = len(data) - at
        if size < head or at + size > len(data):
            return
        yield kind, data[at + head : at + size]
        at += size
