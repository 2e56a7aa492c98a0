"""JSON, TOML and lines of text from files that nobody vouches for: within limits, and ValueError for all that is wrong.

The standard parsers read whatever size there is, take a name twice, and give up on deep nesting with a
RecursionError. Here the size is checked before anything is parsed, so that a reader translates OSError and ValueError
into its own error and is done.
"""

from __future__ import annotations

import codecs
import json
import math
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final, Literal, Protocol

JSON_BYTES: Final = 256 * 2**20
"""Largest JSON file, which is read as a whole."""
TOML_BYTES: Final = 256 * 2**10
"""Largest TOML file: a suite's or a recipe's has some thousands."""
LINE: Final = 2**20
"""Characters of the longest line of a file that is read line by line."""
DEPTH: Final = 64
"""Most lists and tables inside each other."""

_FOREIGN: Final = {codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"}
_ESCAPED_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_PART: Final = r"""(?:"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+'|[\w-]++)[ \t]*+"""
_LONG_KEY: Final = re.compile(rf"""(?<![\w"'\\ \t.-])(?:{_PART}\.[ \t]*+){{{DEPTH}}}""")
"""A dotted key of more parts than tables may lie inside each other; tomllib's time grows with their square."""


class Readable(Protocol):
    """A path, or whatever else can be opened."""

    def open(self, mode: Literal["rb"], /) -> IO[bytes]:
        """Its bytes."""
        ...


def read_json(path: Readable, most: int = JSON_BYTES) -> Any:
    """The value in a JSON file of at most so many bytes; OSError, or ValueError as :func:`parse_json`."""
    return parse_json(_text(path, most))


def read_object(path: Readable, most: int = JSON_BYTES) -> dict[str, Any]:
    """The object in a JSON file; as :func:`read_json`, and ValueError for a value of another kind."""
    return as_table(read_json(path, most))


def parse_json(text: str) -> Any:
    """The value of a JSON text; ValueError for a name given twice, deep nesting, or text that UTF-8 cannot say."""
    try:
        value = _DECODER.decode(text)
    except RecursionError as error:
        raise _too_deep() from error
    _check_depth(value)
    if _ESCAPED_SURROGATE.search(text):
        json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogateescape")
    return value


def parse_value(text: str) -> Any:
    """JSON (30, 0.5, true), else the text itself: a value of the command line's NAME=VALUE.

    >>> parse_value("0.5"), parse_value("adam")
    (0.5, 'adam')
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def is_scalar(value: object) -> bool:
    """Whether it is a text, a finite number or a truth value.

    >>> is_scalar("adam"), is_scalar(1e999), is_scalar(None)
    (True, False, False)
    """
    return isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))


def parse_object(text: str) -> dict[str, Any]:
    """As :func:`parse_json`, and ValueError for a value that is no object."""
    return as_table(parse_json(text))


def read_toml(path: Path) -> dict[str, Any]:
    """The table in a TOML file; OSError, or ValueError for whatever is wrong with it."""
    text = _text(path, TOML_BYTES)
    if _LONG_KEY.search(text):
        raise _too_deep()
    try:
        table = tomllib.loads(text)
    except RecursionError as error:
        raise _too_deep() from error
    _check_depth(table)
    return table


def as_table(value: object) -> dict[str, Any]:
    """``value``, known to be an object of JSON; ValueError for anything else."""
    if not isinstance(value, dict):
        raise ValueError(f"got a {type(value).__name__}; expected an object")
    return value


def read_lines(path: Path, newline: str) -> Iterator[str]:
    """The lines of a UTF-8 file with their ends, split as ``open`` splits by ``newline``; ValueError for a long one."""
    with path.open("rb") as file:
        _check_encoding(file.read(4))
    with path.open(encoding="utf-8-sig", newline=newline) as lines:
        for number, line in enumerate(iter(lambda: lines.readline(LINE + 1), ""), 1):
            if len(line) > LINE:
                raise ValueError(f"line {number} is longer than {LINE:,} characters")
            yield line


def _text(path: Readable, most: int) -> str:
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"it has more than {most:,} bytes, the most that is read as a whole")
    _check_encoding(data)
    return data.decode("utf-8-sig")


def _check_encoding(data: bytes) -> None:
    for mark, name in _FOREIGN.items():
        if data.startswith(mark):
            raise ValueError(f"it is {name} text; expected UTF-8: save it so")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"an object names {next(one for one in names if names.count(one) > 1)!r} twice")
    return made


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_distinct)


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(DEPTH + 1):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ())
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return
    raise _too_deep()


def _too_deep() -> ValueError:
    return ValueError(f"it is nested more than {DEPTH} deep")
