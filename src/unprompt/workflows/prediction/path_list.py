"""A list of paths on stdin, as shells and tools of every system write it."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterable
from typing import BinaryIO, Final

from unprompt.errors import DataError

STDIN: Final = "-"
"""In place of a path: the paths that are listed on stdin."""
_MARKS: Final = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
"""Byte order mark -> the encoding that it tells; that of UTF-32 begins with one of UTF-16, and comes first."""


def listed(paths: Iterable[str], stream: BinaryIO, null: bool = False) -> list[str]:
    """``paths`` with every ``-`` exchanged for the paths on ``stream``: one a line, or ended by NUL bytes.

    NUL bytes are noticed; ``null`` says that there are some, so that one name with a line break in it is one name. A
    byte order mark tells the encoding. Raises DataError for a list that cannot be decoded.
    """
    return [one for path in paths for one in (_names(stream.read(), null) if path == STDIN else [path])]


def _names(data: bytes, null: bool) -> list[str]:
    try:
        rows = data.split(b"\0") if null else _rows(_unmarked(data))
        return [os.fsdecode(row) for row in rows if row.strip()]
    except UnicodeError as error:
        raise DataError(f"the list on stdin cannot be decoded ({error}); expected UTF-8: save it as such") from error


def _unmarked(data: bytes) -> bytes:
    """``data`` as bytes of names, by the byte order mark that it begins with."""
    for mark, encoding in _MARKS.items():
        if data.startswith(mark):
            return os.fsencode(data[len(mark) :].decode(encoding))
    return data.removeprefix(codecs.BOM_UTF8)


def _rows(data: bytes) -> list[bytes]:
    if b"\0" not in data:
        return data.splitlines()
    rows = data.split(b"\0")
    if 2 * sum(len(row) == 1 for row in rows) > len(rows):
        raise DataError(
            f"the list on stdin looks like UTF-16 without a byte order mark: {data[:12]!r}; expected UTF-8, or UTF-16 "
            "with its mark: save it as such, or add -0 if each of these letters is a name"
        )
    return rows
