"""The inputs of ``detect`` and ``attribute``: paths, folders and patterns, each becoming rows."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from glob import has_magic
from pathlib import Path
from typing import Final

from unprompt.datasets.files import FolderListing, listings
from unprompt.datasets.folder import nothing_in, samples_in
from unprompt.errors import DataError, PictureError, UnreadablePicture
from unprompt.images import DEFAULT_LIMITS, ByteRange, Limits
from unprompt.types import Picture, Sample
from unprompt.urls import is_url
from unprompt.workflows.prediction.patterns import matches
from unprompt.workflows.prediction.remote import RemoteFile, remote_listings
from unprompt.workflows.prediction.sources import Source, each_of, kind_of, read_source

log = logging.getLogger(__name__)

_URL: Final = re.compile(r"(?:https?|ftp|file|s3|gs|hf):/|data:image/", re.IGNORECASE)
"""Of ``http://`` a path keeps one stroke."""
_FRAGMENT: Final = re.compile(r"\w+=")


@dataclass(frozen=True)
class Input:
    """The input of one row: a picture's sample, or the error that is known already."""

    sample: Sample
    error: PictureError | None = None
    source: Source | RemoteFile | None = None
    """What was handed over instead of a path; None = the file that ``sample.uri`` names."""

    def read(self, limits: Limits = DEFAULT_LIMITS) -> Picture | PictureError:
        """The picture, or the error."""
        if self.error is not None:
            return self.error
        try:
            source = Path(self.sample.uri) if self.source is None else self.source
            return read_source(source, self.sample.uri, limits)
        except PictureError as error:
            return error


class Inputs:
    """What :func:`iter_inputs` gives, but for some by name; its length is counted when it is asked for."""

    def __init__(
        self, paths: Sequence[str | Path] | str | Path, without: Container[str] = (), allow_urls: bool = False
    ) -> None:
        iter_inputs(paths)  # raises at once
        self._paths, self._without, self._allow_urls = paths, without, allow_urls

    def __iter__(self) -> Iterator[Input]:
        return self._listed(told=True)

    def __len__(self) -> int:
        return self._count

    @cached_property
    def _count(self) -> int:
        return sum(1 for _ in self._listed(told=False))

    def _listed(self, told: bool) -> Iterator[Input]:
        given = iter_inputs(self._paths, self._allow_urls, told)
        return (one for one in given if one.sample.uri not in self._without)


def iter_inputs(
    paths: Sequence[str | Path] | str | Path, allow_urls: bool = False, told: bool = True
) -> Iterator[Input]:
    """The pictures that paths, folders and patterns name, in their order; one named twice comes twice.

    A folder is listed while its pictures are taken. A file or folder of that very name wins over the pattern that its
    name could be. What is not there, a folder that cannot be listed, a pattern without a match and a URL stay, to
    become error rows; with ``allow_urls`` a URL is what it names. What is skipped is logged if it is to be ``told``.
    Raises DataError without a path, at once.
    """
    if not paths:
        raise DataError("got no path, expected pictures, folders of pictures or patterns")
    several = [paths] if isinstance(paths, (str, Path)) else paths
    return (one for path in several for one in _named(os.fspath(path), allow_urls, told))


def iter_sources(pictures: Source | Iterable[Source]) -> Iterator[Input]:
    """As :func:`iter_inputs`, of paths and of pictures in memory, which are called ``<array 3>`` by their place.

    A source is taken when its input is asked for, and not held after that. Without one there is no input.
    """
    for number, source in enumerate(each_of(pictures), 1):
        if isinstance(source, (str, os.PathLike)):
            yield from _named(os.fspath(source))
        else:
            yield Input(Sample(f"<{kind_of(source)} {number}>"), source=source)


def _named(path: str, allow_urls: bool = False, told: bool = True) -> Iterator[Input]:
    if allow_urls and is_url(path):
        yield from _fetched(path, told)
    elif os.path.lexists(path) or ByteRange.of(path):
        yield from _walked(path, told)
    elif found := matches(path, told) if has_magic(path) else []:
        yield from _once(found, told)
    elif why := _refused(path):
        yield Input(Sample(path), UnreadablePicture(f"{path}: {why}"))
    else:
        yield Input(Sample(path))


def _fetched(url: str, told: bool) -> Iterator[Input]:
    """What lies behind a URL, to be fetched when it is read; an error for a place with nothing in it."""
    empty = True
    for found in remote_listings(url):
        if isinstance(found, str):
            samples: Iterable[Sample] = [Sample(found)]
        elif found.error is not None:
            yield Input(Sample(url), UnreadablePicture(str(found.error)))
            return
        else:
            samples = _samples(found, told)
        for sample in samples:
            empty = False
            yield Input(sample, source=RemoteFile(sample.uri))
    if empty:
        yield Input(Sample(url), UnreadablePicture(str(nothing_in(url))))


def _refused(path: str) -> str:
    """Why a name that is no file's cannot be followed; empty for an ordinary path."""
    file, _, fragment = path.rpartition("#")
    if _URL.match(path):
        return "URLs are not fetched unless --allow-urls says so: add it, or download the picture and give its path"
    if file and (_FRAGMENT.match(fragment) or os.path.isfile(file)):
        return (
            f"'#{fragment}' names a part of a file; expected its path alone, of which the first page or frame is "
            "judged, or FILE#bytes=OFFSET+LENGTH"
        )
    if has_magic(path):
        return "no file or folder matches this pattern; expected one or more: correct it, or leave it out"
    return ""


def _once(paths: Sequence[str], told: bool) -> Iterator[Input]:
    """What a pattern matches; a file that it names itself and within its folder comes once."""
    seen: set[str] = set()
    for one in (one for path in paths for one in _walked(path, told)):
        name = os.path.normpath(one.sample.uri)
        if name not in seen:
            seen.add(name)
            yield one


def _walked(path: str, told: bool) -> Iterator[Input]:
    """A folder's pictures, else the one picture; where folders' names contradict one another the truth is unknown."""
    if not os.path.isdir(path):
        yield Input(Sample(path))
        return
    empty = True
    for listing in listings(path, told=told):
        empty = empty and not listing.files and listing.error is None
        if listing.error is not None:
            yield Input(Sample(listing.path), UnreadablePicture(str(listing.error)))
        else:
            yield from map(Input, _samples(listing, told))
    if empty:
        yield Input(Sample(path), UnreadablePicture(str(nothing_in(path))))


def _samples(listing: FolderListing, told: bool) -> Iterable[Sample]:
    try:
        return samples_in(listing)
    except DataError as error:
        if told:
            log.warning(f"{error}; the truth of what lies there is taken as unknown")
        return (Sample(listing.place(name)) for name in listing.files)
