"""A file's own SHA-256, kept in its footer: no bit of it can flip unseen, and every Parquet reader passes over it.

The hash is taken of the whole file with its own 64 digits as zeros.
"""

from __future__ import annotations

import hashlib
import os
from typing import BinaryIO, Final

KEY: Final = "unprompt.sha256"
"""Key of the checksum in the footer."""
BLANK: Final = "0" * 64
_TAIL, _CHUNK = 8, 1 << 20
"""Bytes after the footer: its length and the magic number; bytes that are hashed at a time."""


def seal(file: BinaryIO) -> None:
    """Put the checksum of a Parquet file that was written with ``BLANK`` under ``KEY`` in the place of the blank."""
    place = _place(file)
    digest = _digest(file, place)
    file.seek(place)
    file.write(digest)


def check_seal(file: BinaryIO) -> None:
    """Raise ValueError when the checksum is gone or another one than that of the bytes."""
    place = _place(file)
    file.seek(place)
    stated, found = file.read(len(BLANK)), _digest(file, place)
    if stated != found:
        raise ValueError(f"its checksum says {stated[:12].decode(errors='replace')}, its bytes {found[:12].decode()}")


def _place(file: BinaryIO) -> int:
    """Where the digits of the checksum begin."""
    end = file.seek(0, os.SEEK_END) - _TAIL
    file.seek(max(end, 0))
    start = end - int.from_bytes(file.read(4), "little")
    file.seek(max(start, 0))
    footer = file.read(max(end - start, 0))
    found = footer.rfind(KEY.encode())
    if start < 0 or found < 0:
        raise ValueError("its checksum is gone from the footer")
    return start + found + len(KEY) + 2  # Thrift puts a byte for the field and one for the length before the digits


def _digest(file: BinaryIO, place: int) -> bytes:
    """The hash in hexadecimal digits."""
    hashed = hashlib.sha256()
    file.seek(0)
    for size, blank in ((place, False), (len(BLANK), True), (None, False)):
        _feed(hashed, file, size, blank)
    return hashed.hexdigest().encode("ascii")


def _feed(hashed: hashlib._Hash, file: BinaryIO, size: int | None, blank: bool) -> None:
    """Hash the next ``size`` bytes, all that follow by default; zeros in place of them when ``blank``."""
    while data := file.read(_CHUNK if size is None else min(size, _CHUNK)):
        hashed.update(BLANK.encode("ascii")[: len(data)] if blank else data)
        size = None if size is None else size - len(data)
