"""A folder of pictures as samples: labels, generators and splits are read off the folders' names."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import TypeVar

from unprompt.datasets.aliases import label_of, split_of
from unprompt.datasets.files import FolderListing, listings
from unprompt.errors import DataError
from unprompt.types import Label, Sample, Split

Meaning = TypeVar("Meaning")


def load_folder(path: str) -> list[Sample]:
    """Every visible file under a folder, whatever its suffix; names of folders give label, generator and split.

    ``path`` is walked recursively in sorted order, links followed, each real folder once. A file that is no picture is
    a sample too: only reading it can tell. Raises DataError for a missing or empty folder, one that cannot be listed
    and contradictory names.

        ROOT/real/a.png                          real
        ROOT/Fake/sd15/a.png                     generated, generator sd15
        ROOT/progan/train/1_fake/a.png           generated, generator progan, split train
        ROOT/holiday/a.png                       unknown
    """
    if not os.path.isdir(path):
        raise DataError(f"got {path!r} as data folder; expected a folder that exists (for a list use manifest:FILE)")
    samples = [sample for listing in listings(path) for sample in samples_in(listing)]
    if not samples:
        raise nothing_in(path)
    return samples


def samples_in(listing: FolderListing) -> Iterator[Sample]:
    """The samples of one folder; DataError when it cannot be listed or the names above it contradict one another."""
    if listing.error is not None:
        raise listing.error
    if not listing.files:
        return iter(())
    first = listing.place(listing.files[0])
    label, generator, split = _truth(first, PurePath(listing.inner).parts)
    return (Sample(listing.place(name), label, generator, split) for name in listing.files)


def nothing_in(path: str) -> DataError:
    """The error of a folder without a file."""
    return DataError(f"the folder {path!r} holds no visible file; expected pictures, in subfolders or not")


def _truth(uri: str, folders: Sequence[str]) -> tuple[Label | None, str, Split | None]:
    """Label, generator and split of a file in these folders."""
    labels: list[Label | None] = [label_of(name) for name in folders]
    splits: list[Split | None] = [split_of(name) for name in folders]
    label: Label | None = _agreed(uri, "label", folders, labels)
    split: Split | None = _agreed(uri, "split", folders, splits)
    return label, "" if label is None else _generator(folders, labels.index(label)), split


def _agreed(uri: str, what: str, folders: Sequence[str], meanings: Sequence[Meaning | None]) -> Meaning | None:
    """The one meaning among ``meanings``, None when there is none. Raises DataError when there are two."""
    found = {meaning: name for name, meaning in zip(folders, meanings, strict=True) if meaning is not None}
    if len(found) > 1:
        names = " and ".join(repr(name) for name in found.values())
        raise DataError(
            f"{uri}: its folders {names} tell two {what}s; expected one: rename a folder, or use a manifest"
        )
    return next(iter(found), None)


def _generator(folders: Sequence[str], place: int) -> str:
    """The first telling folder below the one that labels, else the first one above it, else empty."""
    candidates = [*folders[place + 1 :], *folders[:place]]
    return next((name for name in candidates if label_of(name) is None and split_of(name) is None), "")
