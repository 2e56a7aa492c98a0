"""The inputs of ``detect`` and ``attribute``: paths, folders, patterns and lists, each becoming rows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path
from typing import BinaryIO

from unprompt.datasets import load_folder
from unprompt.errors import DataError, PictureError, UnreadablePicture
from unprompt.images import read_isolated
from unprompt.types import Picture, Sample

STDIN = "-"
"""In place of a path: the paths that are listed on stdin."""


@dataclass(frozen=True)
class Input:
    """The input of one row: a picture's sample, or the error that is known already."""

    sample: Sample
    error: PictureError | None = None

    def read(self) -> Picture | PictureError:
        """The picture, or the error."""
        if self.error is not None:
            return self.error
        try:
            return read_isolated(Path(self.sample.uri), self.sample.uri)
        except PictureError as error:
            return error


def inputs_of(paths: Sequence[str | Path] | str | Path) -> list[Input]:
    """The pictures that paths, folders and patterns name, in their order; one named twice comes twice.

    A file or folder of that very name wins over the pattern that its name could be. What is not there, a folder
    that cannot be walked and a pattern without a match stay, to become error rows. Raises DataError without a path.
    """
    if not paths:
        raise DataError("got no path, expected pictures, folders of pictures or patterns")
    several = [paths] if isinstance(paths, (str, Path)) else paths
    return [one for path in several for one in _named(os.fspath(path))]


def listed(paths: Iterable[str], stream: BinaryIO) -> list[str]:
    """``paths`` with every ``-`` exchanged for the paths on ``stream``: one a line, or ended by NUL bytes."""
    return [one for path in paths for one in (_lines(stream.read()) if path == STDIN else [path])]


def _lines(data: bytes) -> list[str]:
    rows = data.split(b"\0") if b"\0" in data else data.splitlines()
    return [os.fsdecode(row) for row in rows if row.strip()]


def _named(path: str) -> Iterator[Input]:
    if os.path.lexists(path) or not has_magic(path):
        yield from _walked(path)
    elif found := sorted(glob(path, recursive=True)):
        yield from _once(found)
    else:
        message = f"{path}: no file or folder matches this pattern; expected one or more: correct it, or leave it out"
        yield Input(Sample(path), UnreadablePicture(message))


def _once(paths: Sequence[str]) -> Iterator[Input]:
    """What a pattern matches; a file that it names itself and within its folder comes once."""
    seen: set[str] = set()
    for one in (one for path in paths for one in _walked(path)):
        name = os.path.normpath(one.sample.uri)
        if name not in seen:
            seen.add(name)
            yield one


def _walked(path: str) -> Iterator[Input]:
    if not os.path.isdir(path):
        yield Input(Sample(path))
        return
    try:
        yield from (Input(sample) for sample in load_folder(path))
    except DataError as error:
        yield Input(Sample(path), UnreadablePicture(str(error)))
