"""Pictures behind URLs and in object stores, by fsspec."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from glob import has_magic
from typing import Any, Final

from unprompt.datasets.files import FolderListing, Litter
from unprompt.errors import DataError, MissingExtra, UnreadablePicture
from unprompt.urls import open_filesystem

_FLAT: Final = ("http", "https", "ftp")
"""Behind these there are pictures, and no folders."""


@dataclass(frozen=True)
class RemoteFile:
    """A picture's file, fetched when it is read, in whichever process."""

    url: str

    def read(self, most: int) -> bytes:
        """Its first ``most`` bytes; UnreadablePicture for whatever keeps them away."""
        files, path = open_filesystem(self.url)
        try:
            with files.open(path, "rb") as file:
                return bytes(file.read(most))
        except Exception as error:  # each store's package has errors of its own, and one picture must not end a run
            raise UnreadablePicture(
                f"{self.url}: cannot be fetched ({type(error).__name__}: {error}); expected a picture that this "
                "machine may read: check its name, the credentials and the network"
            ) from error


def remote_listings(url: str) -> Iterator[FolderListing | str]:
    """Each folder below a URL before the folders in it, with its visible files; or the URL of one file, or of several.

    A pattern's files come in sorted order. A store that cannot be listed is one listing with an error.
    """
    scheme = url.partition("://")[0].lower()
    try:
        files, path = open_filesystem(url)
        if has_magic(path) and scheme not in _FLAT:
            yield from map(files.unstrip_protocol, sorted(files.glob(path)))
        elif scheme in _FLAT or not files.isdir(path):
            yield url
        else:
            yield from _walked(files, path)
    except MissingExtra:
        raise
    except Exception as error:  # as above
        told = f"{url}: cannot be listed ({type(error).__name__}: {error}); expected a place that this machine may list"
        yield FolderListing(url, "", error=DataError(told))


def _walked(files: Any, path: str) -> Iterator[FolderListing]:
    # Not by fsspec's own walk, which takes a folder within that cannot be listed for an empty one.
    litter, waiting = Litter(), [path.rstrip("/")]
    while waiting:
        folder, names, folders = waiting.pop(), list[str](), list[str]()
        for found in files.ls(folder, detail=True):
            place = found["name"].rstrip("/")
            name = place.rpartition("/")[2]
            if place == folder or name.startswith(".") or litter.takes(name):
                continue
            if found["type"] == "directory":
                folders.append(place)
            else:
                names.append(name)
        waiting += sorted(folders, reverse=True)
        below = folder.removeprefix(path).strip("/")
        yield FolderListing(files.unstrip_protocol(folder), below, tuple(sorted(names)))
    litter.log(path)
