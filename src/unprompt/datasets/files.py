"""The visible files below a folder, one folder in memory at a time; each real folder once, whatever its links."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Final

from unprompt.errors import DataError

log = logging.getLogger(__name__)

_LITTER: Final = frozenset(
    {
        "thumbs.db",
        "ehthumbs.db",
        "desktop.ini",
        ".ds_store",
        "__macosx",
        "$recycle.bin",
        "system volume information",
    }
)
"""Files and folders that an operating system leaves behind, in small letters."""
_SHOWN: Final = 3
"""Names that a line about them holds at most."""

Enter = Callable[[str], bool]
"""Whether a folder of this name is entered."""


@dataclass(frozen=True)
class FolderListing:
    """One folder with its visible files, or with the error why it has none."""

    path: str
    inner: str
    """The path below the root; empty for the root."""
    files: tuple[str, ...] = ()
    """Names, sorted."""
    others: tuple[str, ...] = ()
    """Names of pipes, sockets and devices, sorted: they would block a reader, and are no pictures."""
    error: DataError | None = None
    """Of a folder that cannot be listed."""

    def place(self, name: str) -> str:
        """Where one of its files is; the parts of a URL are joined alike on every system."""
        return f"{self.path}/{name}" if "://" in self.path else os.path.join(self.path, name)


def walk(root: str, enter: Enter = lambda name: True) -> Iterator[str]:
    """Paths of the visible files relative to ``root``; DataError for a folder that cannot be listed."""
    for listing in listings(root, enter):
        if listing.error is not None:
            raise listing.error
        yield from (os.path.join(listing.inner, name) for name in listing.files)


def listings(root: str, enter: Enter = lambda name: True, told: bool = True) -> Iterator[FolderListing]:
    """Each folder below ``root`` before the folders in it, in sorted order; an empty ``root`` is the working folder.

    Links are followed, except to a folder that is met below ``root`` under its own name too; of several links to one
    folder elsewhere the first counts. What an operating system leaves behind is skipped, and one line logged of it if
    it is to be ``told``.
    """
    walker = _Walker(root, enter)
    while walker.waiting:
        inner = walker.waiting.pop()
        path = os.path.join(root, inner) if inner else root
        try:
            if walker.is_new(path):
                listing = FolderListing(path, inner, *walker.listed(path, inner))
                if told and listing.others:
                    log.info(skipped(listing))
                yield listing
        except (OSError, ValueError) as error:  # ValueError: a name that no file system takes
            why = f"the folder {path!r} cannot be read ({error}); expected one that you may list"
            yield FolderListing(path, inner, error=DataError(why))
    if told:
        walker.litter.log(root)


def skipped(listing: FolderListing) -> str:
    """A line about what is in a folder and can be no picture.

    >>> skipped(FolderListing("inbox", "", others=("a.png",)))
    'inbox: skipped a.png, a pipe, socket or device: expected files'
    """
    return f"{listing.path}: skipped {', '.join(listing.others)}, a pipe, socket or device: expected files"


@dataclass
class Litter:
    """What an operating system left behind and a run skipped."""

    number: int = 0
    names: list[str] = field(default_factory=list)
    """Some of them."""

    def takes(self, name: str) -> bool:
        """Whether a file or folder of this name is litter, which is then counted.

        >>> [Litter().takes(name) for name in ("Thumbs.db", "._a.png", "a.png")]
        [True, True, False]
        """
        if not _is_litter(name):
            return False
        self.number += 1
        if name not in self.names and len(self.names) < _SHOWN:
            self.names.append(name)
        return True

    def log(self, root: str) -> None:
        """One line, if anything was skipped below ``root``."""
        if self.number:
            noun = "file" if self.number == 1 else "files"
            shown = [*sorted(self.names), "..."] if self.number > len(self.names) else sorted(self.names)
            log.info(f"{root}: skipped {self.number} {noun} of the system ({', '.join(shown)})")


@dataclass
class _Walker:
    """What one walk remembers: the folders that it met, not their files."""

    root: str
    enter: Enter
    waiting: list[str] = field(default_factory=lambda: [""])
    """Inner paths of folders; the next one is the last."""
    seen: set[tuple[int, int]] = field(default_factory=set)
    litter: Litter = field(default_factory=Litter)

    def __post_init__(self) -> None:
        self.real = os.path.realpath(self.root)

    def is_new(self, path: str) -> bool:
        """Whether the folder is met for the first time; from now on it is not."""
        found = os.stat(path or os.curdir)
        met = (found.st_dev, found.st_ino) in self.seen
        self.seen.add((found.st_dev, found.st_ino))
        return not met

    def listed(self, path: str, inner: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Sorted names of the visible files of a folder, and of what is neither; the folders in it now wait."""
        files, others, folders = [], [], []
        with os.scandir(path or os.curdir) as entries:
            for entry in entries:
                if self.litter.takes(entry.name) or entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False) or _leads_to_folder(entry):
                    if self._is_entered(entry):
                        folders.append(os.path.join(inner, entry.name))
                # A broken link is kept, to become an error row; a pipe or socket would block its reader.
                elif entry.is_symlink() or entry.is_file(follow_symlinks=False):
                    files.append(entry.name)
                else:
                    others.append(entry.name)
        self.waiting += sorted(folders, reverse=True)
        return tuple(sorted(files)), tuple(sorted(others))

    def _is_entered(self, folder: os.DirEntry[str]) -> bool:
        """Whether a folder is wanted and, if a link leads to it, is not met without the link."""
        if not self.enter(folder.name):
            return False
        target = PurePath(os.path.realpath(folder.path)) if folder.is_symlink() else None
        if target is None or not target.is_relative_to(self.real):
            return True
        names = target.relative_to(self.real).parts
        return not all(self.enter(name) and not name.startswith(".") and not _is_litter(name) for name in names)


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_symlink() and os.path.isdir(entry.path)


def _is_litter(name: str) -> bool:
    return name.startswith("._") or name.casefold() in _LITTER
