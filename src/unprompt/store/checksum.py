"""A file's own SHA-256, kept in its footer: no bit of it can flip unseen, and every Parquet reader passes over it.

The hash is taken of the whole file with its own 64 digits as zeros.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from mmap import ACCESS_READ, mmap
from typing import BinaryIO, Final

KEY: Final = "unprompt.sha256"
"""Key of the checksum in the footer."""
BLANK: Final = "0" * 64


def write_checksum(file: BinaryIO) -> None:
    """Put the checksum of a Parquet file that was written with ``BLANK`` under ``KEY`` in the place of the blank."""
    file.flush()
    place, _, digest = _digests(file)
    file.seek(place)
    file.write(digest)


def verify_checksum(file: BinaryIO) -> None:
    """Raise ValueError when the checksum is gone or another one than that of the bytes."""
    _, stated, found = _digests(file)
    if stated != found:
        raise ValueError(f"its checksum says {stated[:12].decode(errors='replace')}, its bytes {found[:12].decode()}")


def _digests(file: BinaryIO) -> tuple[int, bytes, bytes]:
    """Where the digits of the checksum begin, those that stand there, and those of the bytes around them."""
    with _contents(file) as data, memoryview(data) as view:
        found = data.rfind(KEY.encode())  # the last entry of the footer
        if found < 0:
            raise ValueError("its checksum is gone from the footer")
        place = found + len(KEY) + 2  # Thrift puts a byte for the field and one for the length before the digits
        end = place + len(BLANK)
        hashed = hashlib.sha256(view[:place])
        hashed.update(BLANK.encode())
        hashed.update(view[end:])
        return place, data[place:end], hashed.hexdigest().encode()


@contextmanager
def _contents(file: BinaryIO) -> Iterator[bytes | mmap]:
    if isinstance(file, BytesIO):
        yield file.getvalue()
        return
    with mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        yield data
