"""A picture that lies inside a larger file, such as a table of Arrow: ``FILE#bytes=OFFSET+LENGTH`` names its place."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_RANGE: Final = re.compile(r"(?s)(.+)#bytes=([0-9]{1,18})\+([0-9]{1,18})")
"""At most 18 digits, so that each number is an offset that a file can have."""


@dataclass(frozen=True)
class ByteRange:
    """``length`` bytes of ``file`` from ``offset`` on; its text is the picture's uri.

    >>> str(ByteRange("train.arrow", 64, 1234))
    'train.arrow#bytes=64+1234'
    >>> ByteRange.of("train.arrow#bytes=64+1234").file, ByteRange.of("holiday #3.jpg")
    ('train.arrow', None)
    """

    file: str
    offset: int
    length: int

    @classmethod
    def of(cls, uri: str) -> ByteRange | None:
        """The range that ``uri`` names; None for an ordinary path, which a file of that very name is too."""
        found = _RANGE.fullmatch(uri)
        return cls(found[1], int(found[2]), int(found[3])) if found and not os.path.lexists(uri) else None

    def __str__(self) -> str:
        return f"{self.file}#bytes={self.offset}+{self.length}"

    def read(self) -> bytes:
        """The bytes, fewer where the file has ended; OSError when it cannot be opened."""
        with Path(self.file).open("rb") as file:
            file.seek(self.offset)
            return file.read(self.length)


def file_of(uri: str) -> str:
    """Path of the file that holds the picture ``uri``.

    >>> file_of("train.arrow#bytes=64+1234"), file_of("a.png")
    ('train.arrow', 'a.png')
    """
    part = ByteRange.of(uri)
    return uri if part is None else part.file
